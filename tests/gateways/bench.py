"""What the contract suite needs of a gateway under test; each adapter has a bench that provides it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from app.gateways.base import ChargeRequest, ChargeResult, Gateway
from app.gateways.movements import Movement, MovementRequest
from app.gateways.outcome import Outcome
from app.gateways.setups import SetupRequest
from app.money import Money

_numbers = itertools.count(1)
Signed = tuple[bytes, dict[str, str]]


def _cannot(*_: object, **__: object) -> None:
    raise AssertionError("the capability is declared and its bench does not say how to bring it about")


@dataclass(frozen=True)
class Bench:
    """`instrument` gives the alias of a card by what it does: pays, declines, confirms.

    `confirm` answers a challenge as the cardholder; `lose_answer` makes the next charge happen without an answer,
    `lose_request` makes it neither happen nor answer; each takes "capture", "void", "refund" or "setup" for another
    kind of call. What follows is needed only where the gateway declares it: `hold_refund` makes the next refund wait,
    `break_refund` makes it fail; `end_refund` (id, arrives) ends one; `dispute` (charge id, inquiry) opens one and
    gives its id, `decide` (id, won) ends it; `pay_out` pays everything out. `tell` gives body and headers of a true
    event about an object of the kind (charge, refund, dispute, payout) with this id, signed at the instant given.
    """

    gateway: Gateway
    instrument: Callable[[str], str]
    confirm: Callable[[str, bool], None]
    lose_answer: Callable[..., None]
    lose_request: Callable[..., None]
    hold_refund: Callable[[], object] = _cannot
    break_refund: Callable[[], object] = _cannot
    end_refund: Callable[[str, bool], object] = _cannot
    dispute: Callable[[str, bool], str] = _cannot  # type: ignore[assignment]
    decide: Callable[[str, bool], object] = _cannot
    pay_out: Callable[[], object] = _cannot
    tell: Callable[[str, str, datetime], Signed] = _cannot  # type: ignore[assignment]

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

    def paid(self, **changes: object) -> ChargeResult:
        """A charge that went well; with `capture=False` one that is held."""
        result = self.gateway.charge(self.request(**changes))
        assert result.outcome is Outcome.SUCCEEDED and result.provider_id
        return result

    def movement(self, kind: str, charge: ChargeResult, minor: int | None = None, **changes: object) -> MovementRequest:
        """Of the whole charge unless told otherwise."""
        assert charge.provider_id and charge.amount
        amount = charge.amount if minor is None else Money(minor, charge.amount.currency)
        request = MovementRequest(
            Movement(kind),
            key=f"movement-{next(_numbers)}",
            charge_id=charge.provider_id,
            amount=amount,
            reason="requested_by_customer" if kind == "refund" else "",
            metadata={"reversal": "R-1"},
        )
        return replace(request, **changes)  # type: ignore[arg-type]

    def setup(self, card: str = "pays", **changes: object) -> SetupRequest:
        request = SetupRequest(
            key=f"setup-{next(_numbers)}",
            customer_ref=str(changes.get("customer_ref") or self.customer()),
            instrument=self.instrument(card),
            return_url="http://countersign.test/cards/back",
            metadata={"account": "A-1"},
        )
        return replace(request, **changes)  # type: ignore[arg-type]

    def customer(self) -> str:
        n = next(_numbers)
        return self.gateway.ensure_customer(f"A-{n}", "Northfield Clinics", "ap@northfield.test", f"customer-{n}")
