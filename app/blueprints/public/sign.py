"""Signing: the version on the screen, or none."""

from __future__ import annotations

from flask import Response, request
from flask.typing import ResponseReturnValue

from ...access import public
from ...commands.orders import signing
from ...commands.orders.signing import Hand
from ...errors import Refusal
from ...extensions import limiter
from ...hypermedia import see_other
from ...queries.public import approval
from ...queries.public.approval import ApprovalPage, Stage
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
        signing.sign(page.id, _hand(form), sha256=form.sha256.data or "", edition=form.edition.data or 0)
    except Refusal as refusal:
        return _refused(link, page, form, refusal)
    return see_other(link.url())


def _hand(form: SignForm) -> Hand:
    return Hand(
        name=form.name.data or "",
        title=form.title.data or "",
        email=form.email.data or "",
        agreed=form.agreed.data or "",
        drawn_png=form.drawing,
        ip=request.remote_addr or "",
        user_agent=request.user_agent.string,
    )


def _again(link: Link, page: ApprovalPage, form: SignForm) -> Response:
    """What was typed stays. A form without the version it was made from is as stale as one with an old one."""
    if form.sha256.errors or form.edition.errors or form.agreed.errors:
        return sign_page(link, page, sign_form(page), status=409, stale=True)
    return sign_page(link, page, form, status=422)


def _refused(link: Link, page: ApprovalPage, form: SignForm, refusal: Refusal) -> ResponseReturnValue:
    if refusal.code == "link_dead":
        return see_other(link.url())
    if refusal.code == "stale_snapshot":
        return sign_page(link, page, sign_form(page), status=409, stale=True)
    if refusal.code == "stale_consent":
        return _read_again(link, form, refusal)
    return sign_page(link, page, form, status=refusal.status, refusal=refusal)


def _read_again(link: Link, form: SignForm, refusal: Refusal) -> ResponseReturnValue:
    """The words as they are now, to be agreed to anew; all else that was typed stays."""
    page = approval.by_link(link.public_id, link.generation)
    if page is None or page.stage is not Stage.SIGN:
        return see_other(link.url())
    form.agreed.data, form.consent.data = sign_form(page).agreed.data, False
    return sign_page(link, page, form, status=409, refusal=refusal)
