"""The example objects that Stripe publishes in its OpenAPI repository, cut down to the fields we read: odd as they are
(nulls, placeholders, a payment that never was), each is read without surprise. Whole they are read in
`test_published_objects`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.gateways.disputes import DisputePhase
from app.gateways.notices import Subject
from app.gateways.outcome import Outcome
from app.gateways.settlement import ItemKind, PayoutState
from app.gateways.stripe import disputes, movements, notices, reading, settlement
from app.money import Money

EXAMPLES: dict[str, dict[str, Any]] = json.loads(
    """
{
 "payment_intent": {"object": "payment_intent", "id": "pi_1PgafyB7WZ01zgkWSjxsAJo3", "amount": 1099,
  "amount_capturable": 0, "amount_received": 0, "capture_method": "automatic", "currency": "usd", "customer": null,
  "last_payment_error": {"type": "idempotency_error"}, "latest_charge": null, "livemode": false, "metadata": {},
  "next_action": {"type": "type"}, "payment_method": null, "setup_future_usage": null,
  "status": "requires_payment_method"},
 "charge": {"object": "charge", "id": "ch_1PgafuB7WZ01zgkWXYmPNZs8", "amount": 100, "currency": "usd",
  "billing_details": {"email": null, "name": "Jenny Rosen"}, "customer": null, "metadata": {}, "payment_intent": null,
  "payment_method_details": {"type": "card", "card": {"amount_authorized": null, "brand": "visa", "exp_month": 8,
   "exp_year": 2030, "fingerprint": "AOB934RVNwzk6xtn", "last4": "4242"}}},
 "refund": {"object": "refund", "id": "re_1Pgc72B7WZ01zgkWqPvrRrPE", "amount": 100,
  "charge": "ch_1PgafuB7WZ01zgkWXYmPNZs8", "currency": "usd", "metadata": {}, "payment_intent": null, "reason": null,
  "destination_details": {"card": {"type": "reversal"}, "type": "card"}, "status": "succeeded"},
 "dispute": {"object": "dispute", "id": "dp_1Pgc71B7WZ01zgkWMevJiAUx", "amount": 1000, "balance_transactions": [],
  "charge": "ch_1PgafuB7WZ01zgkWXYmPNZs8", "created": 1234567890, "currency": "usd", "payment_intent": null,
  "evidence_details": {"due_by": 1723679999, "submission_count": 0}, "reason": "general",
  "status": "warning_needs_response"},
 "payout": {"object": "payout", "id": "po_1Pgc79B7WZ01zgkWu1KToYf4", "amount": 1100, "arrival_date": 1234567890,
  "automatic": true, "created": 1234567890, "currency": "usd", "status": "in_transit"},
 "balance_transaction": {"object": "balance_transaction", "id": "txn_1PgaxNB7WZ01zgkWEV3TLf40", "amount": 100,
  "created": 1234567890, "currency": "usd", "description": "My First Test Charge (created for API docs)",
  "exchange_rate": null, "fee": 0, "net": 100, "reporting_category": "charge", "type": "charge",
  "source": "ch_1PgafuB7WZ01zgkWXYmPNZs8"},
 "setup_intent": {"object": "setup_intent", "id": "seti_1Pgag7B7WZ01zgkWSgwGdb8Z", "customer": null,
  "last_setup_error": {"type": "idempotency_error"}, "metadata": {}, "next_action": {"type": "type"},
  "payment_method": null, "status": "requires_payment_method"},
 "payment_method": {"object": "payment_method", "id": "pm_1Pgc75B7WZ01zgkWlHVgdEGJ", "customer": null, "type": "card",
  "billing_details": {"email": "jenny@example.com", "name": null}, "card": {"brand": "visa", "exp_month": 8,
   "exp_year": 2030, "fingerprint": "AOB934RVNwzk6xtn", "last4": "4242"}},
 "event": {"object": "event", "id": "evt_1Pgc76B7WZ01zgkWwyRHS12y", "api_version": null, "created": 1234567890,
  "data": {"object": {"object": "plan", "id": "price_1PgafmB7WZ01zgkW6dKueIc5", "metadata": {}}}, "livemode": false,
  "type": "plan.created"}
}
"""
)


def test_a_payment_intent_that_was_never_paid() -> None:
    result = reading.charge(EXAMPLES["payment_intent"])
    assert (result.outcome, result.decline_code) == (Outcome.FAILED, "idempotency_error")
    assert (result.amount, result.card) == (Money(1099, "USD"), None)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("succeeded", Outcome.SUCCEEDED),
        ("requires_capture", Outcome.SUCCEEDED),
        ("requires_action", Outcome.REQUIRES_ACTION),
        ("processing", Outcome.PENDING),
        ("canceled", Outcome.FAILED),
        ("requires_confirmation", Outcome.FAILED),
    ],
)
def test_a_payment_intent_in_each_status(status: str, outcome: Outcome) -> None:
    intent = EXAMPLES["payment_intent"] | {"status": status, "latest_charge": EXAMPLES["charge"]}
    result = reading.charge(intent)
    assert (result.outcome, result.next_action) == (outcome, None)
    assert result.card is not None and (result.card.holder, result.card.last4) == ("Jenny Rosen", "4242")
    assert result.reference == "ch_1PgafuB7WZ01zgkWXYmPNZs8"


def test_a_status_that_is_new_to_us_is_no_answer() -> None:
    with pytest.raises(ValueError, match="status on_the_moon"):
        reading.charge(EXAMPLES["payment_intent"] | {"status": "on_the_moon"})
    with pytest.raises(ValueError, match="status on_the_moon"):
        reading.setup(EXAMPLES["setup_intent"] | {"status": "on_the_moon"})


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("requires_payment_method", Outcome.FAILED),
        ("succeeded", Outcome.SUCCEEDED),
        ("requires_action", Outcome.REQUIRES_ACTION),
        ("processing", Outcome.PENDING),
        ("canceled", Outcome.FAILED),
        ("requires_confirmation", Outcome.FAILED),
    ],
)
def test_a_setup_intent_in_each_status(status: str, outcome: Outcome) -> None:
    intent = EXAMPLES["setup_intent"] | {"status": status, "payment_method": EXAMPLES["payment_method"]}
    result = reading.setup(intent)
    assert (result.outcome, bool(result.token)) == (outcome, outcome is Outcome.SUCCEEDED)
    assert result.card is not None and result.card.brand == "Visa"
    assert reading.setup(EXAMPLES["setup_intent"]).card is None


def test_a_refund_of_a_charge_without_a_payment_intent() -> None:
    result = movements.refunded(EXAMPLES["refund"])
    assert (result.outcome, result.charge_id) == (Outcome.SUCCEEDED, "ch_1PgafuB7WZ01zgkWXYmPNZs8")
    assert (result.amount, result.reason, result.reference) == (Money(100, "USD"), "", "")


def test_a_dispute_that_only_asks() -> None:
    facts = disputes.read(EXAMPLES["dispute"])
    assert (facts.phase, facts.inquiry, facts.movements) == (DisputePhase.NEEDS_RESPONSE, True, ())
    assert facts.charge_id == "ch_1PgafuB7WZ01zgkWXYmPNZs8"


def test_a_payout_and_its_entry() -> None:
    payout = settlement.read(EXAMPLES["payout"], [EXAMPLES["balance_transaction"]])
    assert (payout.state, payout.net) == (PayoutState.IN_TRANSIT, Money(1100, "USD"))
    (item,) = payout.items
    assert (item.kind, item.source_id, item.charge_id) == (ItemKind.CHARGE, "ch_1PgafuB7WZ01zgkWXYmPNZs8", None)


def test_an_event_about_what_we_do_not_use() -> None:
    notice = notices.notice(EXAMPLES["event"])
    assert (notice.subject, notice.subject_id, notice.mode) == (Subject.OTHER, None, "test")


@pytest.mark.parametrize("kind", [k for k in EXAMPLES if k != "event"])
def test_an_event_about_each_of_them(kind: str) -> None:
    thing = EXAMPLES[kind]
    notice = notices.notice(EXAMPLES["event"] | {"type": f"{kind}.updated", "data": {"object": thing}})
    other = kind == "balance_transaction"
    assert (notice.subject is Subject.OTHER) is other
    assert notice.subject_id == (None if other else thing["id"])
