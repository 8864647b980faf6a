"""Money that came in for an order and pays no invoice: told in one place, to whoever is about to ask for more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_babel import gettext as _

from ...formatting import money
from ...money import Money

if TYPE_CHECKING:
    from .facts import Facts


@dataclass(frozen=True, slots=True)
class Unapplied:
    """`what` and `reason` are the warning; `numbers` the payment orders that the money came in with."""

    amount: Money
    numbers: tuple[str, ...]

    @property
    def what(self) -> str:
        return _("%(amount)s is unapplied cash", amount=money(self.amount))

    @property
    def reason(self) -> str:
        return _(
            "It was received with %(numbers)s and pays no invoice. Asking for the full sum would collect it twice; "
            "AR / finance can say what becomes of it.",
            numbers=", ".join(self.numbers),
        )


def of(facts: Facts) -> Unapplied | None:
    """None where all that was received pays an invoice, or post-processing has not had its say yet."""
    left = [(x.row.number, x.row.received - x.row.allocated) for x in facts.payment_orders]
    held = [(number, minor) for number, minor in left if minor > 0]
    if not held or facts.waiting is not None:
        return None
    return Unapplied(facts.money(sum(x[1] for x in held)), tuple(x[0] for x in reversed(held)))
