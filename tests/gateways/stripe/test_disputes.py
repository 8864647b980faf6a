"""Disputes at Stripe: what they cost, what speaks for us, and giving in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.gateways.base import Gateway, GatewayUnreachable
from app.gateways.disputes import DisputeMoney, DisputePhase, Evidence
from app.gateways.stripe.disputes import PHASES
from app.money import Money
from tests.gateways.bench import Bench
from tests.gateways.stripe.bench import TRIES
from tests.gateways.stripe.fake import FakeStripe

EVIDENCE = Evidence(
    words={
        "customer_email": "ap@northfield.test",
        "access_log": "seen",
        "product_description": "",
        "service_date": "1",
    },
    files={"customer_signature": ("signed.pdf", "application/pdf", b"%PDF-signed")},
)


@pytest.fixture
def gateway(stripe_bench: Bench) -> Gateway:
    return stripe_bench.gateway


def entry(number: int, amount: int, fee: int = 0) -> dict[str, Any]:
    return {"id": f"txn_{number}", "amount": amount, "fee": fee, "net": amount - fee, "currency": "eur"}


def opened(fake: FakeStripe, status: str = "needs_response", *entries: dict[str, Any]) -> str:
    made = fake._new(
        "dp",
        "dispute",
        amount=1000,
        currency="eur",
        charge="ch_1",
        payment_intent="pi_1",
        reason="fraudulent",
        status=status,
        evidence={},
        evidence_details={"due_by": 1924992000},
        balance_transactions=list(entries),
    )
    return made["id"]


def test_a_dispute_says_what_it_took_and_by_when_to_answer(gateway: Gateway, fake: FakeStripe) -> None:
    told = gateway.dispute(opened(fake, "needs_response", entry(1, -1000, 1500)))
    assert told is not None
    assert (told.charge_id, told.amount, told.reason) == ("pi_1", Money(1000, "EUR"), "fraudulent")
    assert (told.phase, told.inquiry) == (DisputePhase.NEEDS_RESPONSE, False)
    assert told.due_by == datetime(2031, 1, 1, tzinfo=UTC)
    assert [(m.kind, m.provider_id, m.amount) for m in told.movements] == [
        (DisputeMoney.DEBIT, "txn_1", Money(1000, "EUR")),
        (DisputeMoney.FEE, "txn_1-fee", Money(1500, "EUR")),
    ]


def test_a_dispute_that_is_won_gives_it_back(gateway: Gateway, fake: FakeStripe) -> None:
    told = gateway.dispute(opened(fake, "won", entry(1, -1000, 1500), entry(2, 1000, -1500)))
    assert told is not None and told.phase is DisputePhase.WON
    assert [m.kind for m in told.movements[2:]] == [DisputeMoney.REINSTATEMENT, DisputeMoney.FEE_RETURNED]


def test_a_fee_by_itself_is_no_money_of_the_cardholders(gateway: Gateway, fake: FakeStripe) -> None:
    fee = entry(3, -1500) | {"type": "stripe_fee", "reporting_category": "fee"}
    told = gateway.dispute(opened(fake, "needs_response", entry(1, -1000), fee))
    assert told is not None
    assert [(m.kind, m.amount.minor) for m in told.movements] == [(DisputeMoney.DEBIT, 1000), (DisputeMoney.FEE, 1500)]


def test_entries_abroad_are_what_was_disputed_and_fees_are_as_kept(gateway: Gateway, fake: FakeStripe) -> None:
    taken = {"id": "t1", "amount": -920, "fee": 1500, "currency": "usd"}
    told = gateway.dispute(opened(fake, "won", taken, {"id": "t2", "amount": 950, "fee": -1500, "currency": "usd"}))
    assert told is not None
    whole, fee = Money(1000, "EUR"), Money(1500, "USD")
    assert [m.amount for m in told.movements] == [whole, fee, whole, fee]


def test_an_inquiry_has_moved_nothing(gateway: Gateway, fake: FakeStripe) -> None:
    told = gateway.dispute(opened(fake, "warning_needs_response"))
    assert told is not None and told.inquiry and told.movements == ()


@pytest.mark.parametrize("status", PHASES)
def test_every_status_has_a_phase(gateway: Gateway, fake: FakeStripe, status: str) -> None:
    told = gateway.dispute(opened(fake, status))
    assert told is not None and told.phase is PHASES[status]


def test_evidence_is_uploaded_and_handed_in_once(gateway: Gateway, fake: FakeStripe) -> None:
    dispute = opened(fake)
    told = gateway.answer_dispute(dispute, EVIDENCE, "d1")
    assert told.phase is DisputePhase.UNDER_REVIEW
    upload, update = (sent for sent in fake.sent if sent.method == "POST")
    assert (upload.path, upload.key, upload.params["purpose"]) == (
        "/v1/files",
        "d1-customer_signature",
        "dispute_evidence",
    )
    assert upload.params["file"] == "signed.pdf" and b"%PDF-signed" in upload.body
    assert (update.path, update.key, update.params["submit"]) == (f"/v1/disputes/{dispute}", "d1", "true")
    assert update.params["evidence"] == {
        "customer_email_address": "ap@northfield.test",
        "access_activity_log": "seen",
        "service_date": "1",
        "customer_signature": next(i for i in fake.things if i.startswith("file_")),
    }
    assert gateway.answer_dispute(dispute, EVIDENCE, "d1") == told
    assert len([i for i in fake.things if i.startswith("file_")]) == 1


def test_an_appeal_is_answered_by_one_text_with_files(gateway: Gateway, fake: FakeStripe) -> None:
    dispute = opened(fake, "appeal_needs_response")
    told = gateway.answer_dispute(dispute, EVIDENCE, "d2")
    assert (told.phase, told.appealed) == (DisputePhase.UNDER_REVIEW, True)
    file = next(i for i in fake.things if i.startswith("file_"))
    words = "ap@northfield.test\n\nseen\n\n1"
    appeal = {"card": {"reason_for_filing": words, "supporting_files": {"0": file}}}
    assert fake.sent[-1].params["evidence"] == {"appeal": appeal}


def test_giving_in_is_losing(gateway: Gateway, fake: FakeStripe) -> None:
    assert gateway.accept_dispute(opened(fake), "a1").phase is DisputePhase.LOST
    assert fake.sent[-1].key == "a1"


def test_what_is_not_there_and_who_does_not_answer_are_two_things(gateway: Gateway, fake: FakeStripe) -> None:
    assert gateway.dispute("dp_nowhere") is None
    fake.fail(500, times=TRIES)
    with pytest.raises(GatewayUnreachable):
        gateway.answer_dispute("dp_1", EVIDENCE, "d1")
