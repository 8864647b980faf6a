"""Charges, refunds, disputes, saved cards and payouts, as somebody would handle them in a processor's own pages."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.routing import sandbox as commands
from ...errors import Refusal
from ...money import Money
from ...queries import sandbox as queries
from . import bp, done
from .calls import unknown_act


@bp.post("/<gateway>/charges/<ref>")
@requires(Permission.SANDBOX_OPERATE)
def charge(gateway: str, ref: str) -> ResponseReturnValue:
    """`act` is settle, decline, dispute, inquire or refund (with `amount`)."""

    def act() -> str:
        match request.form.get("act"):
            case "settle":
                commands.settle(gateway, ref, by=me())
                return _("Settled.")
            case "decline":
                commands.settle(gateway, ref, decline_code="generic_decline", by=me())
                return _("Declined.")
            case "dispute":
                commands.open_dispute(gateway, ref, by=me())
                return _("The cardholder disputes the charge: its amount and a fee have left the balance.")
            case "inquire":
                commands.open_dispute(gateway, ref, inquiry=True, by=me())
                return _("The cardholder's bank asks about the charge; no money has moved.")
            case "refund":
                commands.refund_by_hand(gateway, ref, _amount(gateway, ref), by=me())
                return _("Refunded, as somebody would at the processor.")
            case _other:
                raise unknown_act()

    return done(gateway, "charges", act)


def _amount(gateway: str, ref: str) -> Money:
    currency = queries.currency_of(gateway, ref)
    try:
        return Money.of(Decimal(request.form.get("amount", "")), currency)
    except (InvalidOperation, ValueError) as error:
        raise Refusal(
            "invalid_amount", "This is no amount in %(currency)s.", "Type it like 12.50.", currency=currency
        ) from error


@bp.post("/<gateway>/refunds/<ref>")
@requires(Permission.SANDBOX_OPERATE)
def refund(gateway: str, ref: str) -> ResponseReturnValue:
    """`act` is arrive or fail."""

    def act() -> str:
        match request.form.get("act"):
            case "arrive":
                commands.end_refund(gateway, ref, by=me())
                return _("The refund has arrived.")
            case "fail":
                commands.end_refund(gateway, ref, error_code="expired_or_canceled_card", by=me())
                return _("The refund has failed; its money is in the balance.")
            case _other:
                raise unknown_act()

    return done(gateway, "refunds", act)


@bp.post("/<gateway>/disputes/<ref>")
@requires(Permission.SANDBOX_OPERATE)
def dispute(gateway: str, ref: str) -> ResponseReturnValue:
    """`act` is win, win_all (the fee as well), lose, escalate or appeal."""

    def act() -> str:
        match request.form.get("act"):
            case "win":
                commands.decide(gateway, ref, won=True, by=me())
                return _("Decided for us.")
            case "win_all":
                commands.decide(gateway, ref, won=True, fee_back=True, by=me())
                return _("Decided for us, and the fee is given back.")
            case "appeal":
                commands.appeal(gateway, ref, by=me())
                return _("It is argued once more, and waits for an answer.")
            case "lose":
                commands.decide(gateway, ref, won=False, by=me())
                return _("Decided for the cardholder.")
            case "escalate":
                commands.escalate(gateway, ref, by=me())
                return _("The inquiry is a dispute now: its amount and a fee have left the balance.")
            case _other:
                raise unknown_act()

    return done(gateway, "disputes", act)


@bp.post("/<gateway>/saved-cards/<ref>")
@requires(Permission.SANDBOX_OPERATE)
def saved_card(gateway: str, ref: str) -> ResponseReturnValue:
    """`act` is renew or remove."""

    def act() -> str:
        match request.form.get("act"):
            case "renew":
                commands.renew_card(gateway, ref, by=me())
                return _("Renewed; an event tells of it.")
            case "remove":
                commands.remove_card(gateway, ref, by=me())
                return _("Removed; an event tells of it.")
            case _other:
                raise unknown_act()

    return done(gateway, "saved", act)


@bp.post("/<gateway>/payouts")
@requires(Permission.SANDBOX_OPERATE)
def pay_out(gateway: str) -> ResponseReturnValue:
    def act() -> str:
        made = commands.pay_out(gateway, by=me())
        return _("Paid out.") if len(made) == 1 else _("%(n)s payouts made, one a currency.", n=len(made))

    return done(gateway, "payouts", act)


@bp.post("/<gateway>/payouts/<ref>/failure")
@requires(Permission.SANDBOX_OPERATE)
def fail_payout(gateway: str, ref: str) -> ResponseReturnValue:
    def act() -> str:
        commands.fail_payout(gateway, ref, by=me())
        return _("The bank sent it back; the money goes out with the next payout.")

    return done(gateway, "payouts", act)
