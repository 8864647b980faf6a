"""Back from the bank's question. Whose browser this is says the session, never the address: the address is stored
with the request to the gateway, and must open nothing."""

from __future__ import annotations

from flask import redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue

from ...access import public
from ...commands.payments import charges
from ...extensions import limiter
from ...hypermedia import see_other, wants_fragment
from ...queries.public import checkout
from ...states.attempt import OPEN, AttemptStatus
from . import bp
from .link import Link


@bp.get("/checkout/<string:attempt>/return")
@public
@limiter.limit("60/minute")
def checkout_return(attempt: str) -> ResponseReturnValue:
    """A page that posts itself: asking the gateway writes, and a GET must not."""
    return render_template("public/returning.html", action=url_for("public.checkout_returned", attempt=attempt))


@bp.post("/checkout/<string:attempt>/return")
@public
@limiter.limit("30/minute")
def checkout_returned(attempt: str) -> ResponseReturnValue:
    found = checkout.outcome(attempt)
    if found is not None:
        charges.resume(found[0])
    home = _home(attempt)
    return see_other(home or url_for("public.checkout_outcome", attempt=attempt))


@bp.get("/checkout/<string:attempt>/outcome")
@public
@limiter.limit("120/minute")
def checkout_outcome(attempt: str) -> ResponseReturnValue:
    """For a browser that lost its session: how it went, and nothing about whom or what."""
    if home := _home(attempt):
        return redirect(home)
    found = checkout.outcome(attempt)
    status = found[1] if found is not None else None
    if wants_fragment() and status in OPEN:
        return "", 204
    if wants_fragment():
        return see_other(url_for("public.checkout_outcome", attempt=attempt))
    waiting, paid = status in OPEN, status is AttemptStatus.SUCCEEDED
    return render_template("public/outcome.html", attempt=attempt, waiting=waiting, paid=paid)


def _home(attempt: str) -> str | None:
    """The page this browser came from, if it is the one that started this payment."""
    remembered = session.get("checkout")
    if not remembered or remembered[0] != attempt:
        return None
    _, kind, public_id, generation = remembered
    if kind == "staff":
        return url_for("payments.outcome", number=public_id)
    return Link.to(kind, public_id, generation).url()
