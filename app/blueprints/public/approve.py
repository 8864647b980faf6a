"""The page behind the mailed link. Opening it changes nothing: mail scanners open links, too."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template
from flask.typing import ResponseReturnValue

from ... import canonical
from ...access import public
from ...commands.orders import signing
from ...extensions import limiter
from ...queries.public import approval
from ...queries.public.approval import DEAD, ApprovalPage, Stage
from ...queries.public.words import consent_to_order
from . import bp
from .dead import dead
from .forms import SignForm
from .link import Link


@bp.get("/approve/<string:token>")
@public
@limiter.limit("120/minute")
def approve(token: str) -> ResponseReturnValue:
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    if page is None or page.stage in DEAD:
        return dead(link, page.stage if page else None)
    if page.stage is Stage.PAY:
        return redirect(link.url("pay"))
    if page.stage is Stage.DONE:
        return render_template("public/done.html", link=link, page=page, order=page.order, papers=page.papers)
    return sign_page(link, page, sign_form(page))


@bp.post("/approve/<string:token>/viewed")
@public
@limiter.limit("30/minute")
def approve_viewed(token: str) -> ResponseReturnValue:
    """Sent by our own script after three seconds on screen."""
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    if page is not None and page.stage is Stage.SIGN:
        signing.mark_viewed(page.id)
    return "", 204


def sign_form(page: ApprovalPage) -> SignForm:
    """Filled in with what is known of the person the link went to."""
    person, order = page.order.contact, page.order
    known = {"name": person.name, "title": person.title, "email": page.sent_to}
    seen = {"sha256": order.sha256, "edition": order.edition, "agreed": canonical.sha256(_consent(page))}
    return SignForm(formdata=None, data=known | seen)


def _consent(page: ApprovalPage) -> str:
    return consent_to_order(page.order, takes_payment=page.takes_payment)


def sign_page(link: Link, page: ApprovalPage, form: SignForm, *, status: int = 200, **context: Any) -> Response:
    facts = {"link": link, "page": page, "order": page.order, "papers": page.papers, "form": form}
    facts |= {"refusal": None, "stale": False} | context
    return make_response(render_template("public/sign.html", consent=_consent(page), **facts), status)
