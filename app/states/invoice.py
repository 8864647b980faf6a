"""Invoice: numbered at issue, changed afterwards only by allocations, credit notes and writing off.

Where it stands follows from its figures: `derive` says where, `EDGES` that it may go there.
"""

from enum import StrEnum

from ..values import Value


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    ISSUED = "issued"
    PART_PAID = "part_paid"
    PAID = "paid"
    CREDITED = "credited"
    WRITTEN_OFF = "written_off"


class InvoiceEvent(StrEnum):
    ISSUE = "issue"
    PAY_PART = "pay_part"
    PAY_FULL = "pay_full"
    REOPEN_PART = "reopen_part"
    REOPEN = "reopen"
    CREDIT = "credit"
    WRITE_OFF = "write_off"


S, E = InvoiceStatus, InvoiceEvent
OPEN = (S.ISSUED, S.PART_PAID)

EDGES: dict[tuple[InvoiceStatus, InvoiceEvent], InvoiceStatus] = {
    (S.DRAFT, E.ISSUE): S.ISSUED,
    (S.ISSUED, E.PAY_PART): S.PART_PAID,
    (S.ISSUED, E.PAY_FULL): S.PAID,
    (S.PART_PAID, E.PAY_PART): S.PART_PAID,
    (S.PART_PAID, E.PAY_FULL): S.PAID,
    # Its money left again, by refund or dispute, or was moved to another one.
    (S.PAID, E.REOPEN_PART): S.PART_PAID,
    (S.PAID, E.REOPEN): S.ISSUED,
    (S.PART_PAID, E.REOPEN): S.ISSUED,
    (S.WRITTEN_OFF, E.REOPEN_PART): S.PART_PAID,
    (S.WRITTEN_OFF, E.REOPEN): S.ISSUED,
    (S.ISSUED, E.CREDIT): S.CREDITED,
    (S.PART_PAID, E.CREDIT): S.CREDITED,
    (S.PAID, E.CREDIT): S.CREDITED,
    (S.WRITTEN_OFF, E.CREDIT): S.CREDITED,
    (S.ISSUED, E.WRITE_OFF): S.WRITTEN_OFF,
    (S.PART_PAID, E.WRITE_OFF): S.WRITTEN_OFF,
}

# By which event an invoice comes to stand where its figures put it; what is open again was reopened.
TOWARDS: dict[InvoiceStatus, tuple[InvoiceEvent, ...]] = {
    S.ISSUED: (E.REOPEN,),
    S.PART_PAID: (E.PAY_PART, E.REOPEN_PART),
    S.PAID: (E.PAY_FULL,),
    S.CREDITED: (E.CREDIT,),
    S.WRITTEN_OFF: (E.WRITE_OFF,),
}


class Standing(Value):
    """In minor units of the invoice's currency, summed from evidence. `due` is what is left to pay."""

    gross: int
    allocated: int = 0
    credited: int = 0
    written_off: int = 0

    @property
    def due(self) -> int:
        return self.gross - self.allocated - self.credited - self.written_off

    @property
    def creditable(self) -> int:
        """What a credit note can still take off: what is written off was given up already."""
        return max(self.gross - self.credited - self.written_off, 0)


def derive(figures: Standing) -> InvoiceStatus:
    """Where an issued invoice stands."""
    if figures.credited >= figures.gross:
        return S.CREDITED
    if figures.due <= 0:
        return S.WRITTEN_OFF if figures.written_off else S.PAID
    return S.PART_PAID if figures.allocated else S.ISSUED
