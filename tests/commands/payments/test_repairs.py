"""What payment operations have done again: once, whoever presses, on both engines; each race with its control."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, func, select

from app import db as house
from app.access import Role
from app.commands.office import escalations
from app.commands.payments import notices, post_processing, repairs
from app.commands.post import resending
from app.db import db, end_read
from app.errors import NotFound, Refusal
from app.models import Escalation, Invoice, OrderEmail, PostProcessing, Receipt, StagedJob, User
from tests import factories, waiting
from tests.commands.payments.test_charge_races import begin_plainly
from tests.racing import meet, race, refused


def count(model: Any, *conditions: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def people(role: Role = Role.PAYMENT_OPERATIONS) -> list[int]:
    found = [factories.user(role).id for _ in range(3)]
    end_read()
    return found


def each(ids: list[int], call: Callable[[User], Any]) -> list[Callable[[], Any]]:
    """The same call by different people, each in a session of their own."""
    return [lambda id=id: call(db.session.get_one(User, id)) for id in ids]  # type: ignore[misc]


@contextmanager
def unheld(monkeypatch: pytest.MonkeyPatch, *modules: Any) -> Iterator[None]:
    """The house as it must not be: rows read and not held, and nobody acts before all three have looked."""
    met = threading.Barrier(3)

    def read(model: type[Any], id: int) -> Any:
        found = db.session.get_one(model, id, populate_existing=True)
        meet(met)
        return found

    for module in modules:
        monkeypatch.setattr(module, "lock", read)
    event.remove(Engine, "begin", house._begin_sqlite)
    event.listen(Engine, "begin", begin_plainly)
    try:
        yield
    finally:
        event.remove(Engine, "begin", begin_plainly)
        event.listen(Engine, "begin", house._begin_sqlite)


def broke(results: list[Any]) -> list[Any]:
    """What no command refused in words: the database had to, or two have won."""
    return [r for r in results if isinstance(r, Exception) and not isinstance(r, Refusal)]


def test_only_payment_operations_have_steps_done_again(app: Flask) -> None:
    charge = waiting.failed_step()
    with pytest.raises(Refusal) as caught:
        repairs.retry(waiting.processing_of(charge), by=factories.user(Role.AR))
    assert caught.value.code == "not_permitted"
    with pytest.raises(NotFound):
        repairs.retry(waiting.processing_of(charge) + 1, by=waiting.operator())


@pytest.mark.engines
def test_three_who_try_steps_again_have_them_done_once(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    processing_id = waiting.processing_of(waiting.failed_step())
    collided: list[int] = []
    by_step = post_processing._step_by_step
    monkeypatch.setattr(post_processing, "_step_by_step", lambda id: collided.append(id) or by_step(id))
    results = race(any_app, each(people(), lambda by: repairs.retry(processing_id, by=by)))
    assert collided == []
    assert not broke(results) and set(refused(results)) <= {"done_already"}
    assert (count(Receipt), count(Invoice), count(PostProcessing, PostProcessing.done_at.is_(None))) == (1, 1, 0)
    assert count(OrderEmail, OrderEmail.kind == "receipt") == 1


@pytest.mark.engines
def test_control_without_holding_the_rows_steps_run_into_each_other(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    processing_id, who = waiting.processing_of(waiting.failed_step()), people()
    met, collided = threading.Barrier(3), []
    by_step = post_processing._step_by_step

    def row(transaction_id: int) -> PostProcessing:
        found = db.session.query(PostProcessing).filter_by(transaction_id=transaction_id).one()
        meet(met)
        return found

    monkeypatch.setattr(post_processing, "_row", row)
    monkeypatch.setattr(post_processing, "_step_by_step", lambda id: collided.append(id) or by_step(id))
    with unheld(monkeypatch, repairs, post_processing):
        results = race(any_app, each(who, lambda by: repairs.retry(processing_id, by=by)))
    assert broke(results) or collided


@pytest.mark.engines
def test_three_who_replay_an_event_have_it_worked_on_once(any_app: Flask) -> None:
    event_id = waiting.unmatched().id
    results = race(any_app, each(people(), lambda by: notices.replay(event_id, by=by)))
    assert refused(results) == ["in_hand"] * 2, results
    assert count(StagedJob, StagedJob.kind == "notices.work") == 1


@pytest.mark.engines
def test_control_without_holding_it_an_event_is_replayed_more_than_once(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id, who = waiting.unmatched().id, people()
    with unheld(monkeypatch, notices):
        results = race(any_app, each(who, lambda by: notices.replay(event_id, by=by)))
    assert broke(results) or count(StagedJob, StagedJob.kind == "notices.work") > 1


@pytest.mark.engines
def test_an_escalation_is_taken_up_by_one(any_app: Flask) -> None:
    row_id = waiting.escalation().id
    results = race(any_app, each(people(Role.AR), lambda by: escalations.acknowledge(row_id, by=by)))
    assert refused(results) == ["not_open"] * 2, results
    won = next(r for r in results if isinstance(r, Escalation))
    db.session.expire_all()
    assert db.session.get_one(Escalation, row_id).owner_id == won.owner_id


@pytest.mark.engines
def test_control_without_holding_it_an_escalation_has_two_owners(
    any_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    row_id, who = waiting.escalation().id, people(Role.AR)
    with unheld(monkeypatch, escalations):
        results = race(any_app, each(who, lambda by: escalations.acknowledge(row_id, by=by)))
    assert broke(results) or not refused(results)


@pytest.mark.engines
def test_a_link_that_did_not_arrive_is_sent_again_once(any_app: Flask) -> None:
    email_id = waiting.failed_link_mail().id
    results = race(any_app, each(people(), lambda by: resending.resend(email_id, form_key=f"queue-{email_id}", by=by)))
    assert not broke(results)
    assert count(OrderEmail, OrderEmail.resent_from_id == email_id) == 1
