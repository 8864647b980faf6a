"""Two who pay at once, or one who pays while another changes the terms: one wins, on both databases.

Every race has its control: with the lock and the unique index taken out the same race must go wrong, or it proves
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, func, select, text

from app import db as house
from app.access import Role
from app.commands.payments import charges, claims, collection, outcomes, payment_links
from app.commands.payments.charges import Instrument
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.models import (
    SYSTEM,
    Attempt,
    IntentPurpose,
    PaymentIntent,
    PaymentOrder,
    Receipt,
    SalesOrder,
    Setting,
    Transaction,
    User,
)
from app.states.order import OrderStatus
from tests import factories
from tests.gateways.scripted import ScriptedGateway, every_account
from tests.racing import race, refused

pytestmark = pytest.mark.engines

CARD = Instrument(alias="card-ok", label="Visa ending 4242")


@pytest.fixture
def gateway(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    """Slow enough that two calls overlap."""
    scripted = every_account(monkeypatch)
    scripted.during_call = lambda: time.sleep(0.05)
    return scripted


@pytest.fixture
def intent_id(any_app: Flask) -> int:
    """A live checkout of a draft's first payment."""
    seller = factories.user(Role.SALES_MANAGER)
    order = factories.order(owner=seller)
    first = collection.prepare_first(order.id, by=seller)
    with transaction() as session:
        row = session.get_one(PaymentOrder, first.id)
        expires = factories.clock.now() + factories.timedelta(days=1)
        intent = payment_links.open_intent(row, IntentPurpose.LINK, expires, by=SYSTEM)
    end_read()
    return intent.id


def pay(intent_id: int, key: str) -> Callable[[], Attempt]:
    def call() -> Attempt:
        attempt = charges.start(intent_id, pay_with=CARD, form_key=key, by=SYSTEM)
        return charges.execute(attempt.id)

    return call


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def the_order() -> SalesOrder:
    db.session.expire_all()
    return db.session.scalars(select(SalesOrder)).one()


@contextmanager
def without_locks(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The house as it must not be: rows not held, writers not announced, no unique index behind them."""

    def unheld(model: type[Any], id: int) -> Any:
        return db.session.get_one(model, id, populate_existing=True)

    with transaction() as session:
        session.execute(text("DROP INDEX uq_attempt_open"))
    for module in (charges, claims, outcomes, payment_links):
        monkeypatch.setattr(module, "lock", unheld)
    monkeypatch.setattr(claims, "_refuse_while_open", slowly(claims._refuse_while_open))
    event.remove(Engine, "begin", house._begin_sqlite)
    event.listen(Engine, "begin", begin_plainly)
    try:
        yield
    finally:
        event.remove(Engine, "begin", begin_plainly)
        event.listen(Engine, "begin", house._begin_sqlite)


def begin_plainly(connection: Any) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")


def slowly(check: Callable[[Any], None]) -> Callable[[Any], None]:
    def checked(row: Any) -> None:
        check(row)
        time.sleep(0.1)

    return checked


def test_two_tabs_are_one_charge(any_app: Flask, gateway: ScriptedGateway, intent_id: int) -> None:
    results = race(any_app, [pay(intent_id, f"tab-{n}") for n in range(4)])
    assert set(refused(results)) <= {"payment_in_progress", "paid", "link_dead"}
    assert len(refused(results)) == 3
    assert len(gateway.booked) == count(Transaction) == count(Receipt) == 1
    assert the_order().status is OrderStatus.ACTIVATED


def test_control_two_tabs_without_locks_go_wrong(
    any_app: Flask, gateway: ScriptedGateway, intent_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_locks(any_app, monkeypatch):
        results = race(any_app, [pay(intent_id, f"tab-{n}") for n in range(4)])
    broke = [r for r in results if isinstance(r, Exception) and not isinstance(r, Refusal)]
    assert len(gateway.booked) > 1 or broke


def test_a_double_click_is_one_attempt_with_one_answer(
    any_app: Flask, gateway: ScriptedGateway, intent_id: int
) -> None:
    results = race(any_app, [pay(intent_id, "same form")] * 4)
    assert {r.id for r in results} == {db.session.scalars(select(Attempt.id)).one()}
    assert len(gateway.booked) == count(Transaction) == count(Receipt) == 1


def test_an_edit_and_a_payment_cannot_both_win(any_app: Flask, gateway: ScriptedGateway, intent_id: int) -> None:
    """Either the edit comes first and the payment is refused as stale, or it is refused while money is on its way."""
    from app.commands.payments.payment_orders import refuse_while_paying

    order_id = the_order().id
    end_read()

    def edit() -> None:
        with transaction():
            order = house.lock(SalesOrder, order_id)
            refuse_while_paying(order)
            if order.status is OrderStatus.DRAFT:
                order.edition += 1

    edited, paid = race(any_app, [edit, pay(intent_id, "k1")])
    order = the_order()
    if isinstance(paid, Exception):
        assert paid.code == "stale_terms"  # type: ignore[attr-defined]
        assert (order.edition, count(Transaction), len(gateway.booked)) == (2, 0, 0)
    else:
        assert (order.edition, count(Transaction)) == (1, 1)
        assert order.status is OrderStatus.ACTIVATED
        assert order.tags == []
    assert edited is None or edited.code == "payment_in_progress"


def test_a_revoked_link_and_a_payment_cannot_both_win(any_app: Flask, gateway: ScriptedGateway, intent_id: int) -> None:
    boss = factories.user(Role.ADMIN)
    end_read()

    def revoke() -> Any:
        return payment_links.revoke(intent_id, because="changed our mind", by=boss)

    revoked, paid = race(any_app, [revoke, pay(intent_id, "k1")])
    db.session.expire_all()
    if isinstance(revoked, Exception):
        assert revoked.code in ("payment_in_progress", "not_live")  # type: ignore[attr-defined]
        assert (count(Transaction), len(gateway.booked)) == (1, 1)
    else:
        assert paid.code == "link_dead"
        assert (count(Transaction), len(gateway.booked)) == (0, 0)
        assert db.session.get_one(PaymentIntent, intent_id).status == "revoked"


def test_a_sweep_beside_the_answer_writes_one_transaction(
    any_app: Flask, gateway: ScriptedGateway, intent_id: int
) -> None:
    attempt = charges.start(intent_id, pay_with=CARD, form_key="k1", by=SYSTEM)
    attempt_id = attempt.id
    end_read()
    results = race(any_app, [lambda: charges.execute(attempt_id), lambda: charges.ask(attempt_id)] * 2)
    assert not [r for r in results if isinstance(r, Exception)], results
    assert len(gateway.booked) == count(Transaction) == count(Receipt) == 1


def test_a_switch_turned_off_waits_for_the_charge_that_claimed_first(
    any_app: Flask, gateway: ScriptedGateway, intent_id: int
) -> None:
    """Nothing is claimed once the switch has committed: the claim holds the switch's row while it decides."""
    from app import settings

    seen: list[tuple[str, float]] = []

    def claim() -> None:
        with transaction():
            value = settings.fresh(settings.SALESPEOPLE_PAYMENT)
            time.sleep(0.2)
            seen.append((f"claimed {value}", time.monotonic()))

    def turn() -> None:
        time.sleep(0.05)
        with transaction() as session:
            row = session.get_one(Setting, settings.SALESPEOPLE_PAYMENT.key, with_for_update=True)
            row.value = False
        seen.append(("turned", time.monotonic()))

    assert race(any_app, [claim, turn]) == [None, None]
    assert [what for what, _ in sorted(seen, key=lambda x: x[1])] == ["claimed True", "turned"]


def test_a_switch_turned_off_and_a_claim_never_wait_for_each_other(any_app: Flask, gateway: ScriptedGateway) -> None:
    """A claim holds its order and then reads the switch; whoever turns it must not hold it and want the order."""
    from app import settings
    from app.commands.office import settings as turning
    from app.commands.orders import approvals, signing

    admin, approval = factories.user(Role.ADMIN), approvals.submit(factories.order().id, by=factories.user())
    seen = {"sha256": approval.snapshot.sha256, "edition": approval.snapshot.edition}
    signing.sign(approval.id, factories.hand(approval), **seen)
    order_id, admin_id = approval.order_id, admin.id
    end_read()

    def claim() -> None:
        with transaction():
            house.lock(SalesOrder, order_id)
            time.sleep(0.3)
            settings.fresh(settings.SALESPEOPLE_PAYMENT)

    def turn() -> bool:
        time.sleep(0.1)
        return turning.turn(settings.SALESPEOPLE_PAYMENT.key, False, by=db.session.get_one(User, admin_id))

    assert race(any_app, [claim, turn]) == [None, True]
    assert the_order().status is OrderStatus.ACTIVATED
