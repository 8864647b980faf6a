"""Buckets, kinds of money and reasons of credit, in words."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from ...models import CreditReason, ReceiptKind


def bucket(name: str) -> str:
    if name == "current":
        return _("Not due yet")
    return _("%(days)s days", days=name.replace("-", "–"))  # noqa: RUF001


def kind(value: str) -> str:
    return str(KINDS[ReceiptKind(value)])


KINDS = {
    ReceiptKind.GATEWAY: lazy_gettext("Gateway"),
    ReceiptKind.CHEQUE: lazy_gettext("Cheque"),
    ReceiptKind.WIRE: lazy_gettext("Wire"),
    ReceiptKind.CASH: lazy_gettext("Cash"),
}
REASONS = {
    CreditReason.PRICE: lazy_gettext("Price"),
    CreditReason.RETURN: lazy_gettext("Return"),
    CreditReason.CANCELLATION: lazy_gettext("Cancellation"),
    CreditReason.DUPLICATE: lazy_gettext("Duplicate"),
    CreditReason.OTHER: lazy_gettext("Other"),
}
