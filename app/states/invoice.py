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
