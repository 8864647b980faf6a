"""Kinds of lines and of exceptions, as people say them."""

from __future__ import annotations

from flask_babel import gettext as _

from ...models import ExceptionKind, LineKind

ORDER = list(LineKind)


def kind(value: LineKind) -> str:
    return {
        LineKind.CHARGE: _("Charges"),
        LineKind.REFUND: _("Refunds"),
        LineKind.REFUND_FAILURE: _("Refunds that failed"),
        LineKind.DISPUTE: _("Disputes"),
        LineKind.REINSTATEMENT: _("Disputes won back"),
        LineKind.FEE: _("Other fees"),
        LineKind.ADJUSTMENT: _("Adjustments"),
    }[value]


def line(value: LineKind) -> str:
    return {
        LineKind.CHARGE: _("Charge"),
        LineKind.REFUND: _("Refund"),
        LineKind.REFUND_FAILURE: _("Refund failed"),
        LineKind.DISPUTE: _("Dispute"),
        LineKind.REINSTATEMENT: _("Dispute won back"),
        LineKind.FEE: _("Fee"),
        LineKind.ADJUSTMENT: _("Adjustment"),
    }[value]


def exception(value: ExceptionKind) -> str:
    return {
        ExceptionKind.UNMATCHED: _("Not ours"),
        ExceptionKind.DIFFERING: _("Another amount"),
        ExceptionKind.MISSING: _("Not paid out"),
        ExceptionKind.SUM: _("Does not add up"),
    }[value]


def meaning(value: ExceptionKind) -> str:
    """What is wrong, and where to look."""
    return {
        ExceptionKind.UNMATCHED: _("The payout has a line about no transaction of ours. Look for it at the processor."),
        ExceptionKind.DIFFERING: _("The payout's line says another amount than our transaction."),
        ExceptionKind.MISSING: _("Our transaction is in no payout, though later money was paid out."),
        ExceptionKind.SUM: _("The lines of the payout do not come to what was paid out."),
    }[value]
