"""Payouts from Stripe: each with its entries, whose nets add up to it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.gateways.base import Gateway, GatewayUnreachable
from app.gateways.settlement import ItemKind, PayoutState
from app.gateways.stripe.settlement import STATES, item
from app.money import Money, total
from tests.gateways.bench import Bench
from tests.gateways.stripe.bench import TRIES
from tests.gateways.stripe.fake import FakeStripe

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CHARGE = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "amount": 5000, "currency": "usd"}
REFUND = {
    "id": "re_1",
    "object": "refund",
    "payment_intent": "pi_1",
    "charge": "ch_1",
    "amount": 500,
    "currency": "eur",
}
DISPUTE = {
    "id": "dp_1",
    "object": "dispute",
    "payment_intent": "pi_1",
    "charge": "ch_1",
    "amount": 900,
    "currency": "eur",
}


@pytest.fixture
def gateway(stripe_bench: Bench) -> Gateway:
    return stripe_bench.gateway


def entry(kind: str, amount: int, fee: int = 0, **more: Any) -> dict[str, Any]:
    facts = {"id": f"txn_{kind}", "type": kind, "amount": amount, "fee": fee, "net": amount - fee, "currency": "eur"}
    return facts | {"created": 1767225600, "source": None, "description": kind, "exchange_rate": None} | more


def paid_out(fake: FakeStripe, *entries: dict[str, Any], automatic: bool = True) -> str:
    net = sum(e["net"] for e in entries)
    facts = {"amount": net, "currency": "eur", "status": "paid", "automatic": automatic, "arrival_date": 1767312000}
    payout = fake._new("po", "payout", **facts)
    for facts in (*entries, entry("payout", -net, source={"id": payout["id"], "object": "payout"})):
        fake._new("txn", "balance_transaction", **facts | {"payout": payout["id"]})
    return payout["id"]


ALL = [
    entry("charge", 4600, 163, source=CHARGE, exchange_rate=0.92),
    entry("refund", -500, source=REFUND),
    entry("adjustment", -900, 1500, source=DISPUTE, reporting_category="dispute"),
    entry("adjustment", 900, -1500, source=DISPUTE, reporting_category="dispute_reversal"),
    entry("refund_failure", 500, source=REFUND),
    entry("stripe_fee", -25),
    entry("reserve_transaction", -10),
]


def test_a_payout_is_the_sum_of_its_entries(gateway: Gateway, fake: FakeStripe) -> None:
    payout_id = paid_out(fake, *ALL)
    (payout,) = gateway.payouts(LONG_AGO)
    assert (payout.provider_id, payout.state, payout.arrives_on) == (payout_id, PayoutState.PAID, date(2026, 1, 2))
    assert total((i.net for i in payout.items), "EUR") == payout.net
    assert all(i.net == i.gross - i.fee for i in payout.items)
    assert sorted(i.kind for i in payout.items) == sorted(
        [
            ItemKind.CHARGE,
            ItemKind.REFUND,
            ItemKind.DISPUTE,
            ItemKind.REINSTATEMENT,
            ItemKind.REFUND_FAILURE,
            ItemKind.FEE,
            ItemKind.ADJUSTMENT,
        ]
    )


def test_a_charge_in_another_currency_says_what_the_customer_saw_and_the_rate() -> None:
    found = item(ALL[0])
    assert (found.gross, found.fee, found.net) == (Money(4600, "EUR"), Money(163, "EUR"), Money(4437, "EUR"))
    assert (found.presented, found.rate) == (Money(5000, "USD"), Decimal("0.92"))
    assert (found.source_id, found.charge_id) == ("pi_1", "pi_1")


def test_refunds_and_disputes_name_themselves_and_their_charge() -> None:
    assert [(item(e).source_id, item(e).charge_id) for e in ALL[1:3]] == [("re_1", "pi_1"), ("dp_1", "pi_1")]
    assert item(ALL[1]).presented is None and item(ALL[5]).source_id is None


def test_a_charge_without_a_payment_intent_is_known_by_itself() -> None:
    found = item(entry("charge", 100, source={**CHARGE, "payment_intent": None, "currency": "eur"}))
    assert (found.source_id, found.charge_id) == ("ch_1", "ch_1")


@pytest.mark.parametrize("kind", ["payout_failure", "payout_cancel"])
def test_what_the_bank_sent_back_stands_in_a_later_payout(gateway: Gateway, fake: FakeStripe, kind: str) -> None:
    failed = {"id": "po_failed", "object": "payout", "amount": 700, "currency": "eur"}
    held = entry("payout_minimum_balance_hold", -50, source=failed)
    paid_out(fake, entry("charge", 100, source={**CHARGE, "currency": "eur"}), entry(kind, 700, source=failed), held)
    (payout,) = gateway.payouts(LONG_AGO)
    assert total((i.net for i in payout.items), "EUR") == payout.net == Money(750, "EUR")
    found = {i.description: (i.kind, i.source_id, i.charge_id, i.net.minor) for i in payout.items}
    assert found[kind] == (ItemKind.ADJUSTMENT, "po_failed", None, 700)
    assert found[held["type"]] == (ItemKind.ADJUSTMENT, None, None, -50)


def test_payouts_come_oldest_first_page_by_page(gateway: Gateway, fake: FakeStripe) -> None:
    made = [paid_out(fake, entry("charge", 100 + n, source={**CHARGE, "currency": "eur"})) for n in range(103)]
    found = list(gateway.payouts(LONG_AGO))
    assert [p.provider_id for p in found] == made
    assert all(len(p.items) == 1 for p in found)


def test_a_payout_ordered_by_hand_has_no_entries_that_stripe_would_name(gateway: Gateway, fake: FakeStripe) -> None:
    paid_out(fake, automatic=False)
    (payout,) = gateway.payouts(LONG_AGO)
    assert payout.items == ()


@pytest.mark.parametrize("status", STATES)
def test_every_state_is_known(gateway: Gateway, fake: FakeStripe, status: str) -> None:
    fake.things[paid_out(fake)]["status"] = status
    (payout,) = gateway.payouts(LONG_AGO)
    assert payout.state is STATES[status]


def test_who_does_not_answer_is_unreachable(gateway: Gateway, fake: FakeStripe) -> None:
    fake.fail(500, times=TRIES)
    with pytest.raises(GatewayUnreachable):
        list(gateway.payouts(LONG_AGO))
