"""What the contract suite needs of a gateway under test; each adapter has a bench that provides it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.gateways.base import ChargeRequest, Gateway
from app.money import Money

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Bench:
    """`instrument` gives the alias of a card by what it does: pays, declines, confirms.

    `confirm` answers a challenge as the cardholder; `lose_answer` makes the next charge happen without an answer,
    `lose_request` makes it neither happen nor answer.
    """

    gateway: Gateway
    instrument: Callable[[str], str]
    confirm: Callable[[str, bool], None]
    lose_answer: Callable[[], None]
    lose_request: Callable[[], None]

    def request(self, card: str = "pays", **changes: object) -> ChargeRequest:
        request = ChargeRequest(
            key=f"attempt-{next(_numbers)}",
            amount=Money(12345, "EUR"),
            instrument=self.instrument(card),
            token=None,
            customer_ref=None,
            save=False,
            descriptor="BRIGHTWATER",
            metadata={"payment_order": "PO-1001"},
            return_url="http://countersign.test/pay/back",
        )
        return replace(request, **changes)  # type: ignore[arg-type]

    def customer(self) -> str:
        n = next(_numbers)
        return self.gateway.ensure_customer(f"A-{n}", "Northfield Clinics", "ap@northfield.test", f"customer-{n}")
