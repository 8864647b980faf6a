"""The ways out that are no signature: decline, ask for a change, let somebody else pay, ask for a new link."""

from __future__ import annotations

from collections.abc import Callable

from flask import render_template
from flask.typing import ResponseReturnValue

from ...access import public
from ...commands.orders import signing
from ...commands.payments import live_links
from ...errors import Refusal
from ...extensions import limiter
from ...hypermedia import see_other
from ...queries.public import approval, checkout
from ...queries.public.approval import Stage
from ...queries.public.checkout import Checkout, State
from . import bp
from .dead import thanks_for_asking
from .forms import ForwardForm, ReasonForm
from .link import Link


@bp.route("/approve/<string:token>/decline", methods=["GET", "POST"])
@public
@limiter.limit("10/minute", methods=["POST"])
def approve_decline(token: str) -> ResponseReturnValue:
    return _give_back(token, "decline", lambda id, words: signing.decline(id, reason=words))


@bp.route("/approve/<string:token>/request-change", methods=["GET", "POST"])
@public
@limiter.limit("10/minute", methods=["POST"])
def approve_request_change(token: str) -> ResponseReturnValue:
    return _give_back(token, "request_change", lambda id, words: signing.request_change(id, message=words))


def _give_back(token: str, action: str, do: Callable[[int, str], None]) -> ResponseReturnValue:
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    if page is None or page.stage not in (Stage.SIGN, Stage.PAY):
        return see_other(link.url())
    form = ReasonForm()
    status, refusal = (422 if form.is_submitted() else 200), None
    if form.validate_on_submit():
        try:
            do(page.id, form.words.data or "")
            return see_other(link.url())
        except Refusal as caught:
            status, refusal = caught.status, caught
    context = {"link": link, "page": page, "form": form, "refusal": refusal}
    return render_template(f"public/{action}.html", **context), status


@bp.route("/approve/<string:token>/forward", methods=["GET", "POST"])
@public
@limiter.limit("5/hour", methods=["POST"])
def approve_forward(token: str) -> ResponseReturnValue:
    """Somebody else pays: only the payment step goes to them."""
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    if page is None or page.stage is not Stage.PAY or page.checkout is None:
        return see_other(link.url())
    return _forward(link, page.checkout, True, lambda to: signing.forward_payment(page.id, **to))


@bp.route("/pay/<string:token>/forward", methods=["GET", "POST"])
@public
@limiter.limit("5/hour", methods=["POST"])
def pay_forward(token: str) -> ResponseReturnValue:
    """Somebody else pays: the very same link goes to them."""
    link = Link.read("pay", token)
    found = checkout.by_link(link.public_id, link.generation)
    if found is None or found.state not in (State.PAY, State.ACTION):
        return see_other(link.url())
    return _forward(link, found, False, lambda to: live_links.forward(found.intent_id, **to))


def _forward(link: Link, found: Checkout, signed: bool, do: Callable[[dict[str, str]], object]) -> ResponseReturnValue:
    form = ForwardForm()
    status, refusal = (422 if form.is_submitted() else 200), None
    context = {"link": link, "checkout": found, "signed": signed, "form": form}
    if form.validate_on_submit():
        try:
            do({"name": form.name.data or "", "email": form.email.data or ""})
            return render_template("public/forwarded.html", **context)
        except Refusal as caught:
            status, refusal = caught.status, caught
    return render_template("public/forward.html", refusal=refusal, **context), status


@bp.post("/approve/<string:token>/new-link")
@public
@limiter.limit("5/hour")
def approve_new_link(token: str) -> ResponseReturnValue:
    return _ask_for_new_link(Link.read("approve", token))


@bp.post("/pay/<string:token>/new-link")
@public
@limiter.limit("5/hour")
def pay_new_link(token: str) -> ResponseReturnValue:
    return _ask_for_new_link(Link.read("pay", token))


def _ask_for_new_link(link: Link) -> ResponseReturnValue:
    """The same answer for every token; only one that we once signed reaches anybody."""
    signing.request_new_link(link.kind, link.public_id)
    return thanks_for_asking()
