"""Invoice: numbered at issue, changed afterwards only by allocations and credit notes."""

from enum import StrEnum


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    ISSUED = "issued"
    PART_PAID = "part_paid"
    PAID = "paid"


class InvoiceEvent(StrEnum):
    ISSUE = "issue"
    PAY_PART = "pay_part"
    PAY_FULL = "pay_full"
    REOPEN_PART = "reopen_part"
    REOPEN = "reopen"


S, E = InvoiceStatus, InvoiceEvent

EDGES: dict[tuple[InvoiceStatus, InvoiceEvent], InvoiceStatus] = {
    (S.DRAFT, E.ISSUE): S.ISSUED,
    (S.ISSUED, E.PAY_PART): S.PART_PAID,
    (S.ISSUED, E.PAY_FULL): S.PAID,
    (S.PART_PAID, E.PAY_PART): S.PART_PAID,
    (S.PART_PAID, E.PAY_FULL): S.PAID,
    # Its money left again, by refund or dispute.
    (S.PAID, E.REOPEN_PART): S.PART_PAID,
    (S.PAID, E.REOPEN): S.ISSUED,
    (S.PART_PAID, E.REOPEN): S.ISSUED,
}


def settled(gross: int, paid: int) -> InvoiceStatus:
    """What an issued invoice must be by what receipts have paid of it, in minor units."""
    if paid >= gross:
        return S.PAID
    return S.PART_PAID if paid > 0 else S.ISSUED


def towards(status: InvoiceStatus, wanted: InvoiceStatus) -> InvoiceEvent | None:
    """The one move from `status` to `wanted`; None where there is none."""
    return next((event for (at, event), to in EDGES.items() if at is status and to is wanted), None)
