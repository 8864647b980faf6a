"""What is the sandbox's own: its memory, its faults on demand, where it refuses to be."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import func, select

from app.db import db, transaction
from app.errors import Refusal
from app.gateways import registry
from app.gateways.base import GatewayAccount, Outcome
from app.gateways.sandbox import books, processor, reconcile, script
from app.gateways.sandbox.cards import BY_SLUG, Fault
from app.gateways.sandbox.tables import ChargeState, SandboxCharge, SandboxEntry
from app.money import Money
from tests.conftest import make_app
from tests.gateways.bench import Bench
from tests.gateways.benches import sandbox_bench

ACCOUNT = GatewayAccount("sandbox", "sandbox", "test", ())


@pytest.fixture
def bench(app: Flask) -> Bench:
    return sandbox_bench()


def alias(slug: str) -> str:
    return BY_SLUG[slug].alias(12, 2099)


def test_its_memory_survives_our_rollback(bench: Bench) -> None:
    request = bench.request()

    def command() -> None:
        with transaction():
            raise ZeroDivisionError

    bench.gateway.charge(request)
    with pytest.raises(ZeroDivisionError):
        command()
    assert processor.look_up("sandbox", request.key, None) is not None


def test_two_sandboxes_know_nothing_of_each_other(bench: Bench) -> None:
    other = registry.for_account(replace(ACCOUNT, key="sandbox-us"))
    request = bench.request(customer_ref=bench.customer(), save=True)
    token = bench.gateway.charge(request).token
    assert other.look_up(request.key, None) is None
    refused = other.charge(bench.request(instrument=None, token=token, customer_ref=request.customer_ref))
    assert refused.decline_code == "no_such_token"


@pytest.mark.parametrize("instrument", ["4242424242424242", "", "sbx_card_nope_1299", "sbx_card_visa_1399", "pm_1"])
def test_anything_but_a_test_cards_alias_is_refused(bench: Bench, instrument: str) -> None:
    result = bench.gateway.charge(bench.request(instrument=instrument))
    assert (result.outcome, result.decline_code) == (Outcome.FAILED, "not_a_test_card")


def test_a_card_that_expired_is_declined(bench: Bench) -> None:
    request = bench.request(instrument=BY_SLUG["visa"].alias(6, 2031))
    with time_machine.travel(datetime(2031, 6, 30, tzinfo=UTC)):
        assert bench.gateway.charge(request).outcome is Outcome.SUCCEEDED
    with time_machine.travel(datetime(2031, 7, 1, tzinfo=UTC)):
        late = bench.gateway.charge(replace(request, key="late"))
    assert late.decline_code == "expired_card"


def test_a_saved_card_that_must_confirm_cannot_be_charged_behind_its_holders_back(bench: Bench) -> None:
    first = bench.request(instrument=alias("confirm"), customer_ref=bench.customer(), save=True)
    waiting = bench.gateway.charge(first)
    assert waiting.provider_id
    bench.confirm(waiting.provider_id, True)
    token = bench.gateway.resume(waiting.provider_id, first.key).token
    again = bench.request(instrument=None, token=token, customer_ref=first.customer_ref, off_session=True)
    assert bench.gateway.charge(again).decline_code == "authentication_required"


def test_a_card_confirmed_when_it_was_saved_needs_no_second_confirmation(bench: Bench) -> None:
    first = bench.request(instrument=alias("confirm-once"), customer_ref=bench.customer(), save=True)
    waiting = bench.gateway.charge(first)
    assert waiting.provider_id
    bench.confirm(waiting.provider_id, True)
    token = bench.gateway.resume(waiting.provider_id, first.key).token
    again = bench.request(instrument=None, token=token, customer_ref=first.customer_ref, off_session=True)
    assert bench.gateway.charge(again).outcome is Outcome.SUCCEEDED


def test_a_card_may_pay_once_and_be_declined_when_saved(bench: Bench) -> None:
    first = bench.request(instrument=alias("declines-later"), customer_ref=bench.customer(), save=True)
    token = bench.gateway.charge(first).token
    again = bench.request(instrument=None, token=token, customer_ref=first.customer_ref, off_session=True)
    assert bench.gateway.charge(again).decline_code == "generic_decline"


@pytest.mark.parametrize(("slug", "booked"), [("lost-request", False), ("lost-answer", True)])
def test_the_two_cards_that_lose_their_answer_lose_it_once(bench: Bench, slug: str, booked: bool) -> None:
    request = bench.request(instrument=alias(slug))
    assert bench.gateway.charge(request).outcome is Outcome.UNKNOWN
    assert (bench.gateway.look_up(request.key, None) is not None) is booked
    assert bench.gateway.charge(request).outcome is Outcome.SUCCEEDED


def test_a_server_error_is_unknown_and_books_nothing(bench: Bench) -> None:
    script.next_charge(fault=Fault.ERROR)
    request = bench.request()
    assert bench.gateway.charge(request).outcome is Outcome.UNKNOWN
    assert bench.gateway.look_up(request.key, None) is None


def test_what_is_scripted_meets_the_next_new_charge_and_goes_before_its_card(bench: Bench) -> None:
    earlier = bench.request()
    bench.gateway.charge(earlier)
    script.next_charge(decline_code="do_not_honor", advice="try_again_later")
    assert bench.gateway.charge(earlier).outcome is Outcome.SUCCEEDED
    scripted = bench.gateway.charge(bench.request())
    assert (scripted.decline_code, scripted.advice) == ("do_not_honor", "try_again_later")
    assert bench.gateway.charge(bench.request()).outcome is Outcome.SUCCEEDED


def test_a_pending_charge_settles_later(bench: Bench) -> None:
    for code, end in ((None, Outcome.SUCCEEDED), ("insufficient_funds", Outcome.DECLINED)):
        script.next_charge(state=ChargeState.PENDING)
        request = bench.request()
        pending = bench.gateway.charge(request)
        assert pending.outcome is Outcome.PENDING and pending.provider_id
        processor.settle("sandbox", pending.provider_id, decline_code=code)
        found = bench.gateway.look_up(request.key, pending.provider_id)
        assert found is not None and found.outcome is end


def test_it_refuses_to_be_where_it_is_switched_off(sqlite_template: Path, tmp_path: Path) -> None:
    with (
        make_app(f"sqlite:///{tmp_path / 'x.sqlite3'}", tmp_path, SANDBOX=False).app_context(),
        pytest.raises(Refusal) as refused,
    ):
        registry.for_account(ACCOUNT)
    assert refused.value.code == "gateway_not_available"


def test_it_refuses_to_be_live(app: Flask) -> None:
    with pytest.raises(Refusal, match="cannot be live"):
        registry.for_account(replace(ACCOUNT, mode="live"))


def _together(app: Flask, tasks: int, work: Callable[[int], object]) -> list[object]:
    def run(n: int) -> object:
        with app.app_context():
            return work(n)

    with ThreadPoolExecutor(tasks) as pool:
        return list(pool.map(run, range(tasks)))


@pytest.mark.engines
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_eight_at_once_under_one_key_charge_once(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if engine == "sqlite":
        application = request.getfixturevalue("app")
    else:
        application = make_app(request.getfixturevalue("postgres_url_factory")(), tmp_path)
    with application.app_context():
        bench = sandbox_bench()
        charge = bench.request()
        results = _together(application, 8, lambda n: bench.gateway.charge(charge))
        assert all(result == results[0] for result in results)
        assert db.session.scalar(select(func.count(SandboxEntry.id))) == 1
        assert reconcile.complaints() == []


STEP = st.tuples(
    st.sampled_from(["visa", "insufficient-funds", "confirm", "confirm-declined", "lost-answer", "lost-request"]),
    st.sampled_from([None, Fault.TIMEOUT_AFTER, Fault.TIMEOUT_BEFORE, Fault.ERROR]),
    st.sampled_from(["nothing", "approve", "refuse", "cancel", "approve+cancel", "cancel+approve"]),
    st.integers(1, 3),  # how often it is sent
    st.integers(1, 10**9),
)


@settings(max_examples=20)
@given(st.lists(STEP, max_size=6))
def test_the_books_agree_with_themselves_and_with_what_was_told(bench: Bench, steps: list[tuple]) -> None:
    told = Money.zero("EUR")
    before = _moved()
    for slug, fault, ending, times, minor in steps:
        if fault:
            script.next_charge(fault=fault)
        request = bench.request(instrument=alias(slug), amount=Money(minor, "EUR"))
        for _ in range(times):
            bench.gateway.charge(request)
        found = bench.gateway.look_up(request.key, None)
        if found is None:
            continue
        assert found.provider_id
        for act in ending.split("+"):
            if act == "cancel":
                bench.gateway.cancel(found.provider_id, "c")
            elif act != "nothing":
                bench.confirm(found.provider_id, act == "approve")
        end = bench.gateway.resume(found.provider_id, request.key)
        if end.outcome is Outcome.SUCCEEDED:
            assert end.amount == request.amount
            told += request.amount
    assert reconcile.complaints() == []
    assert _moved() - before == told


def _moved() -> Money:
    with books.reading() as session:
        return Money(int(session.scalar(select(func.coalesce(func.sum(SandboxEntry.gross), 0))) or 0), "EUR")


def test_a_contradiction_in_the_books_is_named(bench: Bench) -> None:
    bench.gateway.charge(bench.request())
    with books.writing() as session:
        session.execute(SandboxCharge.__table__.update().values(captured=1))
    assert len(reconcile.complaints()) == 2
