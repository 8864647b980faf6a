"""A charge that surely reached nobody goes to the fallback gateway; any other never does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.access import Role
from app.commands.payments import charges, collection
from app.commands.payments.charges import Instrument
from app.db import db, end_read, transaction
from app.gateways import registry
from app.gateways.base import ChargeRequest, ChargeResult, GatewayAccount, Outcome
from app.models import Attempt, Gateway, History, PaymentMethod, Route, SalesOrder, Token, Transaction, User
from app.models.method import GatewayState
from app.queries import invariants
from app.queries.payments import facts, page
from app.states.attempt import AttemptStatus as S
from app.states.order import OrderStatus
from tests import factories, moves
from tests.gateways.scripted import ScriptedGateway

NOT_REACHED = "The gateway could not be reached; nothing was charged."


class Unreached(ScriptedGateway):
    """Refuses every connection until it is told otherwise."""

    refuses = True

    def charge(self, request: ChargeRequest) -> ChargeResult:
        self.during_call()
        if not self.refuses:
            return super().charge(request)
        self.calls.append(request)
        return ChargeResult(Outcome.UNKNOWN, None, None, message="Connection refused", sent=False)


@pytest.fixture
def first(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Unreached:
    return Unreached()


@pytest.fixture
def second(first: Unreached, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    """What the route falls back to."""
    other = ScriptedGateway()

    def of(account: GatewayAccount) -> ScriptedGateway:
        return first if account.key == "sandbox" else other

    monkeypatch.setattr(registry, "for_account", of)
    monkeypatch.setattr(registry, "get", lambda row: of(registry.account_of(row)))
    row = moves.gateway("backup")
    with transaction() as session:
        session.query(Route).update({Route.fallback_id: row.id})
    return other


@pytest.fixture
def seller(app: Flask) -> User:
    return factories.user(Role.SALES_MANAGER)


@pytest.fixture
def order(second: ScriptedGateway, seller: User) -> SalesOrder:
    return factories.order(owner=seller)


@pytest.fixture(autouse=True)
def _the_books_hold(app: Flask):  # type: ignore[no-untyped-def]
    yield
    end_read()
    broken = invariants.broken(grace=timedelta(0))
    assert [x for x in broken if "the sandbox does not" not in x] == []  # the scripted gateways keep no books


def backup() -> int:
    return db.session.scalars(select(Gateway.id).where(Gateway.key == "backup")).one()


def on_file(order: SalesOrder, *, everywhere: bool = True) -> Instrument:
    at = (moves.first_gateway().id, backup()) if everywhere else ()
    return Instrument(method_id=moves.card(order.account, *at).id)


def collect(order: SalesOrder, pay_with: Instrument, by: User, key: str = "k") -> Attempt:
    end_read()
    return collection.collect_first(order.id, pay_with=pay_with, form_key=key, by=by)


def tries() -> list[tuple[str, S]]:
    db.session.expire_all()
    query = select(Gateway.key, Attempt.status).join(Gateway, Gateway.id == Attempt.gateway_id)
    found = [(row.key, row.status) for row in db.session.execute(query.order_by(Attempt.id))]
    end_read()
    return found


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_saved_card_that_the_fallback_knows_is_charged_there_once(
    first: Unreached, second: ScriptedGateway, order: SalesOrder, seller: User
) -> None:
    attempt = collect(order, on_file(order), seller)
    assert attempt.status is S.SUCCEEDED and attempt.error is None
    assert tries() == [("sandbox", S.FAILED), ("backup", S.SUCCEEDED)]
    lost, taken = db.session.scalars(select(Attempt).order_by(Attempt.id))
    assert (taken.fallback_of_id, lost.decline_code, lost.error) == (lost.id, "not_reached", NOT_REACHED)
    assert taken.idempotency_key != lost.idempotency_key and taken.token != lost.token
    assert [x.key for x in second.calls] == [taken.idempotency_key] and len(first.calls) == count(Transaction) == 1
    assert db.session.get_one(SalesOrder, order.id).status is OrderStatus.ACTIVATED
    assert taken.intent.attempt_limit == 6


def test_both_tries_are_in_view_and_in_history(app: Flask, order: SalesOrder, seller: User) -> None:
    attempt = collect(order, on_file(order), seller)
    end_read()
    with app.test_request_context():
        view = page.view(facts.load(attempt.payment_order.number, seller))
    assert [(x.gateway, str(x.status)) for x in view.attempts] == [
        ("Backup", "succeeded"),
        (moves.first_gateway().name, "failed"),
    ]
    assert NOT_REACHED in (view.attempts[1].reason or "")
    assert any("went on to Backup: " in x.what for x in view.history)


def test_the_same_form_again_answers_with_what_the_fallback_did(
    second: ScriptedGateway, order: SalesOrder, seller: User
) -> None:
    card = on_file(order)
    assert collect(order, card, seller).id == collect(order, card, seller).id
    assert len(second.calls) == 1


@pytest.mark.parametrize("kind", ["just entered", "unknown there", "no longer valid"])
def test_a_card_that_is_of_no_use_there_fails_in_words(
    second: ScriptedGateway, order: SalesOrder, seller: User, kind: str
) -> None:
    pay_with = Instrument(alias="card-ok", label="Visa ending 4242")
    if kind != "just entered":
        pay_with = on_file(order, everywhere=kind == "no longer valid")
    if kind == "no longer valid":
        with transaction() as session:
            session.query(Token).filter_by(gateway_id=backup()).update({Token.valid: False})
    attempt = collect(order, pay_with, seller)
    assert attempt.status is S.FAILED and second.calls == []
    assert (attempt.error or "").startswith(f"{NOT_REACHED} Backup ")
    assert "no_fallback" in set(db.session.scalars(select(History.event)))


def test_without_a_fallback_that_takes_it_the_answer_stays_failed_and_may_be_tried_again(
    first: Unreached, second: ScriptedGateway, order: SalesOrder, seller: User
) -> None:
    with transaction() as session:
        session.query(Gateway).filter_by(key="backup").update({Gateway.status: GatewayState.UNAVAILABLE})
    card = on_file(order)
    attempt = collect(order, card, seller)
    assert (attempt.status, attempt.error, second.calls) == (S.FAILED, NOT_REACHED, [])
    first.refuses = False
    assert collect(order, card, seller, "again").status is S.SUCCEEDED


def test_nothing_is_charged_there_once_the_account_is_on_hold(
    first: Unreached, second: ScriptedGateway, order: SalesOrder, seller: User
) -> None:
    """Invariant 18: the fallback claims anew, by what is committed then."""

    def put_on_hold() -> None:
        with transaction() as session:
            session.get_one(SalesOrder, order.id).account.hold_reason = "Dispute"

    first.during_call = put_on_hold
    attempt = collect(order, on_file(order), seller)
    assert attempt.status is S.FAILED and second.calls == []
    assert "cannot pay at the moment" in (attempt.error or "")


def test_the_fallback_has_no_fallback(
    first: Unreached, second: ScriptedGateway, order: SalesOrder, seller: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second, "charge", first.charge)
    assert collect(order, on_file(order), seller).status is S.FAILED
    assert tries() == [("sandbox", S.FAILED), ("backup", S.FAILED)]


def test_a_lost_answer_never_goes_elsewhere(
    first: Unreached, second: ScriptedGateway, order: SalesOrder, seller: User
) -> None:
    first.refuses, first.answers = False, ["ok but lost"]
    attempt = collect(order, on_file(order), seller)
    assert (attempt.status, second.calls) == (S.UNKNOWN, [])
    first.refuses = True
    assert charges.ask(attempt.id).status is S.SUCCEEDED
    assert second.calls == []


def sent_again(attempt_id: int) -> None:
    charges.ask(attempt_id)


def pressed_again(attempt_id: int) -> None:
    attempt = db.session.get_one(Attempt, attempt_id)
    card, actor, intent_id = Instrument(method_id=attempt.method_id), attempt.actor, attempt.intent_id
    end_read()
    charges.execute(charges.start(intent_id, pay_with=card, form_key="k", by=actor).id)


@pytest.mark.parametrize("meanwhile", [sent_again, pressed_again])
def test_a_call_that_reached_nobody_says_nothing_of_another_under_its_key(
    first: Unreached, second: ScriptedGateway, order: SalesOrder, seller: User, meanwhile: Callable[[int], None]
) -> None:
    """While the first call finds no connection, a second one under the same key gets through and its answer is lost."""

    def another() -> None:
        first.during_call = lambda: None
        first.refuses, first.answers = False, ["ok but lost", "ok"]
        end_read()
        meanwhile(db.session.scalars(select(Attempt.id)).one())
        first.refuses = True

    first.during_call = another
    attempt = collect(order, on_file(order), seller)
    assert second.calls == [] and tries() == [("sandbox", S.UNKNOWN)]
    assert charges.ask(attempt.id).status is S.SUCCEEDED
    assert count(Transaction) == 1


def test_a_process_that_died_before_its_call_leaves_nothing_to_fall_back_on(
    first: Unreached, second: ScriptedGateway, order: SalesOrder, seller: User
) -> None:
    """What is sent again later cannot know whether the first one left."""
    card, payment_order = on_file(order), collection.prepare_first(order.id, by=seller)
    end_read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charges, "execute", lambda id: db.session.get_one(Attempt, id))
        attempt = collection.collect(payment_order.id, pay_with=card, form_key="k", by=seller)
    end_read()
    assert charges.ask(attempt.id).status is S.UNKNOWN
    assert second.calls == [] and len(first.calls) == 1
    assert count(PaymentMethod) == 1
