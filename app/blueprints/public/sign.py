"""Signing: the version on the screen, or none."""

from __future__ import annotations

from flask import Response, request
from flask.typing import ResponseReturnValue

from ...access import public
from ...commands import signing
from ...commands.signing import Hand
from ...errors import Refusal
from ...extensions import limiter
from ...hypermedia import see_other
from ...queries.public import approval
from ...queries.public.approval import ApprovalPage, Stage
from ...queries.public.words import consent_to_order
from . import bp
from .approve import sign_form, sign_page
from .forms import SignForm
from .link import Link


@bp.post("/approve/<string:token>/sign")
@public
@limiter.limit("10/minute")
def approve_sign(token: str) -> ResponseReturnValue:
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    if page is None or page.stage is not Stage.SIGN:
        return see_other(link.url())
    form = SignForm()
    if not form.validate():
        return _again(link, page, form)
    try:
        signing.sign(page.id, _hand(form, page), sha256=form.sha256.data or "", edition=form.edition.data or 0)
    except Refusal as refusal:
        return _refused(link, page, form, refusal)
    return see_other(link.url())


def _hand(form: SignForm, page: ApprovalPage) -> Hand:
    return Hand(
        name=form.name.data or "",
        title=form.title.data or "",
        email=form.email.data or "",
        consent_text=consent_to_order(page.order, takes_payment=page.takes_payment),
        drawn_png=form.drawing,
        ip=request.remote_addr or "",
        user_agent=request.user_agent.string,
    )


def _again(link: Link, page: ApprovalPage, form: SignForm) -> Response:
    """What was typed stays. A form without the version it was made from is as stale as one with an old one."""
    if form.sha256.errors or form.edition.errors:
        return sign_page(link, page, sign_form(page), status=409, stale=True)
    return sign_page(link, page, form, status=422)


def _refused(link: Link, page: ApprovalPage, form: SignForm, refusal: Refusal) -> ResponseReturnValue:
    if refusal.code == "link_dead":
        return see_other(link.url())
    if refusal.code == "stale_snapshot":
        return sign_page(link, page, sign_form(page), status=409, stale=True)
    return sign_page(link, page, form, status=refusal.status, refusal=refusal)
