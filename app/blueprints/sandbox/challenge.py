"""The page of the sandbox's bank where a cardholder confirms a payment, or a card to be kept (3-D Secure).

It stands alone or is framed by a checkout.
"""

from __future__ import annotations

from flask import abort, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from ...access import public
from ...gateways.sandbox import bank
from ...gateways.sandbox.line import Answer
from ...money import Money
from . import bp


def _charge(ref: str) -> Answer:
    """By its reference, 112 random bits that only the payer was sent to."""
    return bank.by_ref(ref) or abort(404)


@bp.get("/3ds/<ref>")
@public
def challenge(ref: str) -> str:
    charge = _charge(ref)
    g.token_page = True
    g.csp_frame_ancestors = "'self'"
    amount = Money(charge["amount"], charge["currency"]) if "amount" in charge else None
    return render_template("sandbox/challenge.html", charge=charge, amount=amount)


@bp.post("/3ds/<ref>")
@public
def answer(ref: str) -> ResponseReturnValue:
    """Back to the checkout that sent the payer here; it asks the gateway what became of the charge."""
    charge = _charge(ref)
    bank.confirm(charge["gateway"], ref, approved=request.form.get("answer") == "approve")
    return redirect(charge["return_url"], 303)
