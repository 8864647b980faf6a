"""Payment order: the intent to collect. Only closing is stored; everything else is read off the evidence."""

from enum import StrEnum

from ..values import Value
from .attempt import AttemptStatus


class PaymentOrderStatus(StrEnum):
    OPEN = "open"
    CANCELLED = "cancelled"


class PaymentOrderEvent(StrEnum):
    CANCEL = "cancel"


EDGES: dict[tuple[PaymentOrderStatus, PaymentOrderEvent], PaymentOrderStatus] = {
    (PaymentOrderStatus.OPEN, PaymentOrderEvent.CANCEL): PaymentOrderStatus.CANCELLED,
}


class PaymentStatus(StrEnum):
    """Derived for one payment order, and in sum for a sales order."""

    NONE = "none"
    REQUESTED = "requested"
    REQUIRES_ACTION = "requires_action"
    CONFIRMING = "confirming"
    DECLINED = "declined"
    AUTHORIZED = "authorized"
    PART_PAID = "part_paid"
    PAID = "paid"
    PART_REFUNDED = "part_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CHARGED_BACK = "charged_back"
    CANCELLED = "cancelled"


class Figures(Value):
    """In minor units of one currency, summed from evidence.

    `authorized` leaves out what was voided; `held` is what of it may still be captured. `disputed` is what banks took
    and have not given back, `contested` the part of it that is not decided yet. `balance` is what is still to be asked
    of the customer.
    """

    requested: int
    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    disputed: int = 0
    held: int = 0
    contested: int = 0

    @property
    def balance(self) -> int:
        return max(self.requested - self.captured - self.held, 0)

    @property
    def to_come(self) -> int:
        """What it asks for and what it holds: as much may still be taken by it."""
        return max(self.requested - self.captured, 0)

    @property
    def kept(self) -> int:
        return self.captured - self.refunded - self.disputed

    def claims(self, *, cancelled: bool) -> int:
        """What nobody else may ask for: what is held or here, and what is still asked for. What was given back or lost
        for good may be asked for again; what a bank contests may not before that is decided."""
        here = max(self.kept + self.contested, 0) + self.held
        return here if cancelled else here + self.balance


def derive(figures: Figures, last_attempt: AttemptStatus | None, *, cancelled: bool) -> PaymentStatus:
    """What a person is told. An open or unknown attempt is never shown as paid or failed (invariant 12)."""
    P, A = PaymentStatus, AttemptStatus
    if figures.contested > 0:
        return P.DISPUTED
    if figures.disputed > 0:
        return P.CHARGED_BACK
    if figures.refunded > 0 and figures.captured > 0:
        return P.REFUNDED if figures.refunded >= figures.captured else P.PART_REFUNDED
    if figures.captured and figures.captured >= figures.requested:
        return P.PAID
    if last_attempt in (A.STARTED, A.PENDING, A.UNKNOWN):
        return P.CONFIRMING
    if last_attempt is A.REQUIRES_ACTION:
        return P.REQUIRES_ACTION
    if figures.captured:
        return P.PART_PAID
    if figures.held:
        return P.AUTHORIZED
    if cancelled:
        return P.CANCELLED
    if last_attempt is A.DECLINED:
        return P.DECLINED
    return P.REQUESTED if figures.requested else P.NONE
