"""Money that came in for an order and pays no invoice: told in one place, to whoever is about to ask for more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_babel import gettext as _

from ...formatting import money
from ...money import Money
from ...values import Value

if TYPE_CHECKING:
    from ..payments.source import Source


class Unapplied(Value):
    """`what` and `reason` are the warning; `numbers` the payment orders that the money came in with. `waits`: it is a
    part of what they ask for, and pays the invoice with the rest."""

    amount: Money
    numbers: tuple[str, ...]
    waits: bool = False

    @property
    def what(self) -> str:
        return _("%(amount)s is unapplied cash", amount=money(self.amount))

    @property
    def reason(self) -> str:
        if self.waits:
            return _(
                "It came as a part of %(numbers)s and pays the invoice once the rest is there; only the rest is asked "
                "for, also after an edit.",
                numbers=", ".join(self.numbers),
            )
        return _(
            "It was received with %(numbers)s and pays no invoice. Asking for the full sum would collect it twice; "
            "AR / finance can say what becomes of it.",
            numbers=", ".join(self.numbers),
        )


def of(facts: Source) -> Unapplied | None:
    """None where all that was received pays an invoice, or post-processing has not had its say yet."""
    held = [x for x in facts.payment_orders if x.row.received > x.row.allocated]
    if not held or facts.waiting is not None:
        return None
    left = facts.money(sum(x.row.received - x.row.allocated for x in held))
    waits = all(x.part and x.is_open for x in held)
    return Unapplied(left, tuple(x.row.number for x in reversed(held)), waits)
