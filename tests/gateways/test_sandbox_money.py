"""What is the sandbox's own about captures, refunds, disputes and payouts: its price list, its faults, its races."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
import time_machine
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.gateways.base import GatewayUnreachable
from app.gateways.disputes import DisputePhase
from app.gateways.movements import Movement, MovementRequest, MovementResult
from app.gateways.notices import BadNotice
from app.gateways.outcome import Outcome
from app.gateways.sandbox import bank, books, disputes, ledger, movements, payouts, processor, reconcile, script
from app.gateways.sandbox.cards import BY_SLUG, Fault
from app.gateways.sandbox.line import Rejected
from app.gateways.sandbox.tables import Call, SandboxCharge, SandboxEvent
from app.gateways.settlement import ItemKind, PayoutState
from app.money import Money
from tests.conftest import make_app
from tests.gateways.bench import Bench
from tests.gateways.benches import sandbox_bench

NOBODY_KNOWS = (Outcome.UNKNOWN, True)


@pytest.fixture
def bench(app: Flask) -> Bench:
    return sandbox_bench()


@pytest.mark.parametrize(
    ("amount", "fee"),
    [
        (Money(10000, "EUR"), 175),
        (Money(12345, "EUR"), 210),
        (Money(10000, "JPY"), 150),
        (Money(10000, "KWD"), 400),
        (Money(1, "EUR"), 1),
    ],
)
def test_a_charge_costs_one_and_a_half_percent_and_a_quarter_and_never_more_than_itself(
    amount: Money, fee: int
) -> None:
    assert ledger.charge_fee(amount) == Money(fee, amount.currency)


def test_an_authorization_lapses_after_a_week(bench: Bench) -> None:
    request = bench.request(capture=False)
    with time_machine.travel(datetime(2031, 6, 1, tzinfo=UTC)):
        held = bench.gateway.charge(request)
    with time_machine.travel(datetime(2031, 6, 9, tzinfo=UTC)):
        lapsed = bench.gateway.look_up(request.key, None)
        assert lapsed is not None
        assert (lapsed.outcome, lapsed.decline_code) == (Outcome.FAILED, "authorization_expired")
        late = bench.gateway.move(bench.movement("capture", held))
        assert (late.outcome, late.error_code) == (Outcome.FAILED, "authorization_expired")


def test_what_was_refused_is_refused_for_good_under_its_key(bench: Bench) -> None:
    charge = bench.paid()
    dispute = disputes.open_one("sandbox", charge.provider_id or "")
    request = bench.movement("refund", charge)
    assert bench.gateway.move(request).outcome is Outcome.FAILED
    disputes.decide("sandbox", dispute.provider_id, won=True)
    assert bench.gateway.move(request).outcome is Outcome.FAILED
    found = bench.gateway.look_up_movement(request, None)
    assert found is not None and (found.error_code, found.provider_id) == ("amount_too_large", None)


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.ERROR, Fault.TOO_MANY])
@pytest.mark.parametrize("call", ["capture", "void", "refund", "setup", "charge"])
def test_every_kind_of_call_can_lose_its_answer_once(bench: Bench, call: str, fault: Fault) -> None:
    charge = bench.paid(capture=call == "refund")
    asked: Callable[[], object]
    if call == "setup":
        setup = bench.setup()
        asked = lambda: bench.gateway.save_card(setup)  # noqa: E731
    elif call == "charge":
        request = bench.request()
        asked = lambda: bench.gateway.charge(request)  # noqa: E731
    else:
        movement = bench.movement(call, charge)
        asked = lambda: bench.gateway.move(movement)  # noqa: E731
    script.next_call(Call(call), fault=fault)
    assert asked().outcome is Outcome.UNKNOWN  # type: ignore[attr-defined]
    assert asked().outcome is Outcome.SUCCEEDED  # type: ignore[attr-defined]
    assert reconcile.complaints() == []


def test_what_is_armed_for_one_kind_of_call_or_one_gateway_leaves_the_others_alone(bench: Bench) -> None:
    other = sandbox_bench("sandbox-us")
    script.next_call(Call.REFUND, decline_code="x")
    charge = bench.paid()
    elsewhere = other.paid()
    assert other.gateway.move(other.movement("refund", elsewhere)).outcome is Outcome.SUCCEEDED
    assert bench.gateway.move(bench.movement("refund", charge)).error_code == "x"


def test_what_is_armed_can_be_taken_back_until_a_call_has_met_it(bench: Bench) -> None:
    first = script.next_call(decline_code="do_not_honor")
    assert not script.disarm("sandbox-us", first)
    assert script.disarm("sandbox", first) and not script.disarm("sandbox", first)
    assert bench.gateway.charge(bench.request()).outcome is Outcome.SUCCEEDED


def test_a_question_may_stay_without_an_answer_too(bench: Bench) -> None:
    request = bench.request()
    bench.gateway.charge(request)
    script.next_call(Call.ASK, fault=Fault.TIMEOUT_AFTER)
    silent = bench.gateway.look_up(request.key, None)
    assert silent is not None and (silent.outcome, silent.sent) == NOBODY_KNOWS
    script.next_call(Call.ASK, fault=Fault.ERROR)
    with pytest.raises(GatewayUnreachable):
        bench.gateway.refund("r")
    found = bench.gateway.look_up(request.key, None)
    assert found is not None and found.outcome is Outcome.SUCCEEDED


def test_nothing_reaches_a_gateway_that_is_down_and_it_says_that_nothing_was_sent(bench: Bench) -> None:
    charge, customer = bench.paid(), bench.customer()
    script.take_down("sandbox")
    refused = bench.gateway.charge(bench.request())
    assert (refused.outcome, refused.sent) == (Outcome.UNKNOWN, False)
    assert bench.gateway.move(bench.movement("refund", charge)).outcome is Outcome.UNKNOWN
    assert bench.gateway.save_card(bench.setup(customer_ref=customer)).outcome is Outcome.UNKNOWN
    asked = bench.gateway.look_up("k", None)
    assert asked is not None and asked.outcome is Outcome.UNKNOWN
    for call in (
        lambda: bench.gateway.refund("r"),
        lambda: bench.gateway.dispute("d"),
        lambda: bench.gateway.payouts(clock.now()),
        lambda: bench.gateway.detach("t", customer),
        lambda: bench.customer(),
    ):
        with pytest.raises(GatewayUnreachable):
            call()
    assert len(bench.gateway.check()) == 1
    other = sandbox_bench("sandbox-us")
    assert other.paid() and other.gateway.check() == []
    script.bring_up("sandbox")
    assert bench.paid() and bench.gateway.check() == []


def test_a_lost_answer_is_no_proof_that_nothing_was_sent(bench: Bench) -> None:
    script.next_charge(fault=Fault.TIMEOUT_BEFORE)
    lost = bench.gateway.charge(bench.request())
    assert (lost.outcome, lost.sent) == NOBODY_KNOWS


def test_two_sandboxes_keep_their_books_apart(bench: Bench) -> None:
    other = sandbox_bench("sandbox-us")
    charge, theirs = bench.paid(), other.paid()
    assert bench.gateway.move(replace(bench.movement("refund", theirs), key="x")).outcome is Outcome.FAILED
    dispute = disputes.open_one("sandbox", charge.provider_id or "")
    assert other.gateway.dispute(dispute.provider_id) is None
    payouts.pay_out("sandbox")
    assert list(other.gateway.payouts(clock.now() - timedelta(hours=1))) == []
    (mine,) = bench.gateway.payouts(clock.now() - timedelta(hours=1))
    assert {item.charge_id for item in mine.items} == {charge.provider_id}
    body, headers = bench.tell("charge", "ch_1", clock.now())
    with pytest.raises(BadNotice, match="not this gateway's"):
        other.gateway.read_notice(body, headers)


def test_a_refund_made_by_hand_is_told_from_ours(bench: Bench) -> None:
    charge = bench.paid()
    answer = movements.refund_by_hand("sandbox", charge.provider_id or "", Money(100, "EUR"))
    found = bench.gateway.refund(answer["id"])
    assert found is not None and (found.key, found.metadata, found.amount) == (None, {}, Money(100, "EUR"))
    with pytest.raises(Rejected, match="left"):
        movements.refund_by_hand("sandbox", charge.provider_id or "", Money(12346, "EUR"))


def test_an_inquiry_may_become_a_dispute_and_then_takes_its_money(bench: Bench) -> None:
    charge = bench.paid()
    inquiry = disputes.open_one("sandbox", charge.provider_id or "", inquiry=True)
    grown = disputes.escalate("sandbox", inquiry.provider_id)
    assert (grown.inquiry, grown.phase, len(grown.movements)) == (False, DisputePhase.NEEDS_RESPONSE, 2)
    assert reconcile.complaints() == []


def test_evidence_that_comes_too_late_is_not_read(bench: Bench) -> None:
    dispute = disputes.open_one("sandbox", bench.paid().provider_id or "")
    with time_machine.travel(clock.now() + timedelta(days=15)):
        late = disputes.answer("sandbox", dispute.provider_id, ["receipt"], "k")
    assert late.phase is DisputePhase.NEEDS_RESPONSE


def test_a_payout_that_our_bank_sends_back_goes_out_again(bench: Bench) -> None:
    bench.paid(amount=Money(10000, "EUR"))
    (first,) = payouts.pay_out("sandbox")
    for _ in range(2):
        payouts.fail("sandbox", first)
    payouts.pay_out("sandbox")
    one, two = bench.gateway.payouts(clock.now() - timedelta(hours=1))
    assert (one.state, two.state) == (PayoutState.FAILED, PayoutState.PAID)
    assert one.net == two.net == Money(10000 - 175, "EUR")
    assert [item.kind for item in two.items] == [ItemKind.ADJUSTMENT]
    with pytest.raises(Rejected):
        payouts.pay_out("sandbox")


def test_every_change_of_the_books_is_an_event(bench: Bench) -> None:
    held = bench.paid(capture=False)
    bench.gateway.move(bench.movement("capture", held))
    bench.gateway.move(bench.movement("refund", held, 100))
    dispute = disputes.open_one("sandbox", held.provider_id or "")
    disputes.decide("sandbox", dispute.provider_id, won=False)
    payouts.pay_out("sandbox")
    with books.reading() as session:
        told = [(e.type, e.subject_ref) for e in session.query(SandboxEvent).order_by(SandboxEvent.id)]
    assert [name for name, _ in told] == [
        "charge.authorized",
        "charge.captured",
        "refund.succeeded",
        "dispute.opened",
        "dispute.lost",
        "payout.paid",
    ]
    assert told[0][1] == held.provider_id


@pytest.fixture(params=["sqlite", "postgresql"])
def any_bench(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Flask, Bench]:
    if request.param == "sqlite":
        application = request.getfixturevalue("app")
    else:
        application = make_app(request.getfixturevalue("postgres_url_factory")(), tmp_path)
    with application.app_context():
        return application, sandbox_bench()


def together(app: Flask, bench: Bench, requests: list[MovementRequest]) -> list[MovementResult]:
    def run(request: MovementRequest) -> MovementResult:
        with app.app_context():
            return bench.gateway.move(request)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(run, requests))


@pytest.mark.engines
@pytest.mark.parametrize("kinds", [("capture", "void"), ("capture", "capture"), ("refund", "refund")])
def test_of_movements_that_meet_only_what_there_is_money_for_succeeds(
    any_bench: tuple[Flask, Bench], kinds: tuple[str, str]
) -> None:
    app, bench = any_bench
    with app.app_context():
        charge = bench.paid(capture=kinds[0] == "refund")
        results = together(app, bench, [bench.movement(kind, charge) for kind in kinds * 3])
        assert sorted(r.outcome for r in results) == [Outcome.FAILED] * 5 + [Outcome.SUCCEEDED]
        assert reconcile.complaints() == []


@pytest.mark.engines
def test_a_refund_under_one_key_asked_for_by_eight_at_once_happens_once(any_bench: tuple[Flask, Bench]) -> None:
    app, bench = any_bench
    with app.app_context():
        request = bench.movement("refund", bench.paid(), 100)
        results = together(app, bench, [request] * 8)
        assert all(result == results[0] for result in results) and results[0].outcome is Outcome.SUCCEEDED
        assert reconcile.complaints() == []


BY_HAND = ("pend", "break", "dispute", "inquire", "win", "lose", "end", "fail", "pay out")
ACT = st.one_of(
    st.tuples(st.sampled_from(list(Movement)), st.integers(1, 300)),
    st.tuples(st.sampled_from(BY_HAND), st.just(0)),
)


@settings(max_examples=25)
@given(st.booleans(), st.lists(ACT, max_size=12))
def test_whatever_is_done_to_a_charge_the_books_agree(bench: Bench, capture: bool, acts: list[tuple]) -> None:
    charge = bench.paid(capture=capture, amount=Money(300, "EUR"))
    disputed: list[str] = []
    refunded: list[str] = []
    for act, minor in acts:
        if isinstance(act, Movement):
            amount = 300 if act is Movement.VOID else minor
            done = bench.gateway.move(bench.movement(act, charge, amount))
            refunded += [done.provider_id] if act is Movement.REFUND and done.provider_id else []
            continue
        with suppress(Rejected):
            _act(bench, act, charge.provider_id or "", disputed, refunded)
        assert reconcile.complaints() == []
    found = processor.look_up("sandbox", "", charge.provider_id)
    assert found is not None and found["captured"] in range(301)


def _act(bench: Bench, act: str, charge: str, disputed: list[str], refunded: list[str]) -> None:
    if act in ("dispute", "inquire"):
        disputed.append(disputes.open_one("sandbox", charge, inquiry=act == "inquire").provider_id)
    elif act in ("win", "lose") and disputed:
        disputes.decide("sandbox", disputed[-1], won=act == "win")
    elif act in ("end", "fail") and refunded:
        bench.end_refund(refunded[-1], act == "end")
    elif act == "pend":
        bench.hold_refund()
    elif act == "break":
        bench.break_refund()
    elif act == "pay out":
        payouts.pay_out("sandbox")


def test_the_bank_asks_for_a_card_that_is_to_be_kept_as_for_a_payment(bench: Bench) -> None:
    request = bench.setup(instrument=BY_SLUG["confirm-once"].alias(12, 2099))
    waiting = bench.gateway.save_card(request)
    asked = bank.by_ref(waiting.provider_id or "")
    assert asked is not None and "amount" not in asked and asked["state"] == "requires_action"
    bank.confirm("sandbox", asked["id"], approved=True)
    kept = bench.gateway.look_up_setup(request.key, None)
    assert kept is not None and kept.token
    later = bench.request(instrument=None, token=kept.token, customer_ref=request.customer_ref, off_session=True)
    assert bench.gateway.charge(later).outcome is Outcome.SUCCEEDED


@pytest.mark.engines
def test_without_holding_the_charge_both_refunds_would_win(
    postgres_url_factory: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the races above: what they show hangs on the lock."""
    together_now = Barrier(2, timeout=30)

    def seen(session: Session, gateway: str, ref: str) -> SandboxCharge:
        return session.scalars(select(SandboxCharge).where(SandboxCharge.ref == ref)).one()

    def left(session: Session, charge: SandboxCharge) -> Money:
        found = honest(session, charge)
        together_now.wait()
        return found

    honest = ledger.left
    app = make_app(postgres_url_factory(), tmp_path)
    with app.app_context():
        bench = sandbox_bench()
        charge = bench.paid()
        monkeypatch.setattr(processor, "held", seen)
        monkeypatch.setattr(ledger, "left", left)
        results = together(app, bench, [bench.movement("refund", charge) for _ in range(2)])
        assert [r.outcome for r in results] == [Outcome.SUCCEEDED] * 2
        monkeypatch.setattr(ledger, "left", honest)
        assert any("gave back more than it took" in c for c in reconcile.complaints())
