"""The promises every gateway keeps about disputes, payouts and the events it tells of."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import clock
from app.gateways.disputes import DisputeFacts, DisputeMoney, DisputePhase, Evidence
from app.gateways.notices import BadNotice, Subject
from app.gateways.outcome import Outcome
from app.gateways.settlement import ItemKind, Payout, PayoutState
from app.money import Money, total
from tests.gateways.bench import Bench
from tests.gateways.benches import over

EVIDENCE = Evidence({"customer_name": "Maria Keller"}, {"receipt": ("receipt.pdf", "application/pdf", b"%PDF-1.7")})


def facts(bench: Bench, dispute_id: str) -> DisputeFacts:
    found = bench.gateway.dispute(dispute_id)
    assert found is not None
    return found


def moneys(dispute: DisputeFacts) -> dict[DisputeMoney, Money]:
    assert len({m.provider_id for m in dispute.movements}) == len(dispute.movements)
    return {m.kind: m.amount for m in dispute.movements}


@over("disputes")
def test_a_dispute_takes_its_amount_and_a_fee_at_once(bench: Bench) -> None:
    charge = bench.paid()
    dispute = facts(bench, bench.dispute(charge.provider_id or "", False))
    assert (dispute.charge_id, dispute.amount) == (charge.provider_id, charge.amount)
    assert (dispute.phase, dispute.inquiry) == (DisputePhase.NEEDS_RESPONSE, False)
    assert dispute.reason and dispute.due_by is not None and dispute.due_by > clock.now()
    assert moneys(dispute)[DisputeMoney.DEBIT] == charge.amount
    assert moneys(dispute)[DisputeMoney.FEE].minor > 0


@over("disputes")
def test_what_is_disputed_cannot_be_refunded_as_well(bench: Bench) -> None:
    charge = bench.paid()
    bench.dispute(charge.provider_id or "", False)
    assert bench.gateway.move(bench.movement("refund", charge, 1)).outcome is Outcome.FAILED


@over("disputes")
def test_an_inquiry_moves_no_money(bench: Bench) -> None:
    charge = bench.paid()
    dispute = facts(bench, bench.dispute(charge.provider_id or "", True))
    assert dispute.inquiry and dispute.movements == ()
    assert bench.gateway.move(bench.movement("refund", charge)).outcome is Outcome.SUCCEEDED


@over("disputes")
def test_evidence_is_handed_in_once_and_a_dispute_that_is_won_gives_the_money_back(bench: Bench) -> None:
    charge = bench.paid()
    dispute_id = bench.dispute(charge.provider_id or "", False)
    for _ in range(2):
        assert bench.gateway.answer_dispute(dispute_id, EVIDENCE, "answer-1").phase is DisputePhase.UNDER_REVIEW
    bench.decide(dispute_id, True)
    won = facts(bench, dispute_id)
    assert won.phase is DisputePhase.WON
    assert moneys(won)[DisputeMoney.REINSTATEMENT] == charge.amount
    assert bench.gateway.move(bench.movement("refund", charge)).outcome is Outcome.SUCCEEDED


@over("disputes")
def test_a_dispute_that_is_lost_or_given_up_gives_nothing_back(bench: Bench) -> None:
    charge, other = bench.paid(), bench.paid()
    lost, given_up = bench.dispute(charge.provider_id or "", False), bench.dispute(other.provider_id or "", False)
    bench.decide(lost, False)
    bench.gateway.accept_dispute(given_up, "accept-1")
    for one in (lost, given_up):
        assert facts(bench, one).phase is DisputePhase.LOST
        assert DisputeMoney.REINSTATEMENT not in moneys(facts(bench, one))


@over("disputes")
def test_an_unheard_of_dispute_is_none(bench: Bench) -> None:
    assert bench.gateway.dispute("never-opened") is None


def paid_out(bench: Bench) -> list[Payout]:
    return list(bench.gateway.payouts(clock.now() - timedelta(hours=1)))


@over("settlement")
def test_a_payout_is_the_sum_of_its_items(bench: Bench) -> None:
    charge, other = bench.paid(amount=Money(10000, "EUR")), bench.paid(amount=Money(5001, "EUR"))
    refund = bench.gateway.move(bench.movement("refund", charge, 2500))
    bench.pay_out()
    (payout,) = paid_out(bench)
    assert payout.state is PayoutState.PAID and payout.arrives_on >= payout.created_at.date()
    assert payout.net == total((item.net for item in payout.items), "EUR")
    assert all(item.net == item.gross - item.fee for item in payout.items)
    by_source = {(item.kind, item.source_id): item for item in payout.items}
    assert by_source[ItemKind.CHARGE, charge.provider_id].gross == charge.amount
    assert by_source[ItemKind.CHARGE, other.provider_id].fee.minor > 0
    assert by_source[ItemKind.REFUND, refund.provider_id].gross == Money(-2500, "EUR")
    assert by_source[ItemKind.REFUND, refund.provider_id].charge_id == charge.provider_id


@over("settlement")
def test_each_item_is_paid_out_once(bench: Bench) -> None:
    for _ in range(2):
        bench.paid()
        bench.pay_out()
    items = [item.provider_id for payout in paid_out(bench) for item in payout.items]
    assert len(items) == len(set(items)) == 2


@over("settlement")
def test_currencies_are_paid_out_apart(bench: Bench) -> None:
    bench.paid()
    bench.paid(amount=Money(12345, "JPY"))
    bench.pay_out()
    assert {payout.net.currency for payout in paid_out(bench)} == {"EUR", "JPY"}


@over("settlement")
def test_payouts_are_asked_for_from_an_instant_on(bench: Bench) -> None:
    bench.paid()
    bench.pay_out()
    assert list(bench.gateway.payouts(clock.now() + timedelta(hours=1))) == []


@over("settlement", "disputes")
def test_disputes_stand_in_the_payout_with_what_they_took_and_gave_back(bench: Bench) -> None:
    charge = bench.paid()
    dispute_id = bench.dispute(charge.provider_id or "", False)
    bench.decide(dispute_id, True)
    bench.pay_out()
    (payout,) = paid_out(bench)
    mine = [item for item in payout.items if item.source_id == dispute_id]
    assert {ItemKind.DISPUTE, ItemKind.REINSTATEMENT} <= {item.kind for item in mine}
    assert total((item.gross for item in mine), "EUR") == Money(0, "EUR")
    assert total((item.fee for item in mine), "EUR") == moneys(facts(bench, dispute_id))[DisputeMoney.FEE]


def test_a_true_event_is_read(bench: Bench) -> None:
    charge = bench.paid()
    body, headers = bench.tell("charge", charge.provider_id or "", clock.now())
    notice = bench.gateway.read_notice(body, headers)
    assert (notice.subject, notice.subject_id, notice.mode) == (Subject.CHARGE, charge.provider_id, "test")
    assert notice.event_id and notice.type and notice.metadata["attempt"] == "a1"
    assert bench.gateway.read_notice(body, {name.upper(): value for name, value in headers.items()}) == notice


def test_an_event_that_was_changed_on_the_way_is_forged(bench: Bench) -> None:
    body, headers = bench.tell("charge", "ch_1", clock.now())
    for forged in (body + b" ", body.replace(b"ch_1", b"ch_2"), b""):
        with pytest.raises(BadNotice) as bad:
            bench.gateway.read_notice(forged, headers)
        assert bad.value.code == "forged"


@pytest.mark.parametrize("headers", [{}, {"Sandbox-Signature": "t=1,v1=0", "Stripe-Signature": "t=1,v1=0"}])
def test_an_event_without_a_signature_is_forged(bench: Bench, headers: dict[str, str]) -> None:
    body, _ = bench.tell("charge", "ch_1", clock.now())
    with pytest.raises(BadNotice) as bad:
        bench.gateway.read_notice(body, headers)
    assert bad.value.code == "forged"


@pytest.mark.parametrize(("age", "code"), [(290, None), (310, "stale")])
def test_an_event_that_is_too_old_is_stale(bench: Bench, age: int, code: str | None) -> None:
    body, headers = bench.tell("charge", "ch_1", clock.now() - timedelta(seconds=age))
    if code is None:
        assert bench.gateway.read_notice(body, headers).subject_id == "ch_1"
        return
    with pytest.raises(BadNotice) as bad:
        bench.gateway.read_notice(body, headers)
    assert bad.value.code == code
