"""The term of an agreement: whether somebody is to renew it, and whether it is time to."""

from __future__ import annotations

from datetime import date

from ...models import Renewal
from ...states.agreement import AHEAD, RUNNING, AgreementStatus
from ...values import Value


class Term(Value):
    """`today` in the agreement's zone; the rest as the agreement has it."""

    status: AgreementStatus
    renewal: Renewal
    months: int | None
    ends_on: date | None
    cancels_on: date | None
    today: date

    @property
    def renewable(self) -> bool:
        """By hand; as `PaymentAgreement.renewable` says it."""
        termed = self.months is not None and self.ends_on is not None and self.cancels_on is None
        return self.renewal is Renewal.MANUAL and termed and self.status in RUNNING

    @property
    def ends_soon(self) -> bool:
        """And nobody has renewed it yet."""
        return self.renewable and self.ends_on is not None and self.ends_on - AHEAD <= self.today
