"""Processor events: in any order, any number of times, from anybody."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs
from app.access import Role
from app.commands.office import escalations
from app.commands.payments import charges, collection, notices
from app.commands.payments.charges import Instrument
from app.db import db, end_read, transaction
from app.errors import NotFound, Refusal
from app.gateways.base import ChargeRequest
from app.gateways.notices import BadNotice
from app.models import Attempt, NoticeWork, ProcessorEvent, Receipt, RefusedNotices, StagedJob, Symptom, Transaction
from app.states.attempt import AttemptStatus
from app.states.notice import NoticeStatus
from tests import factories
from tests.gateways.scripted import ScriptedGateway
from tests.racing import race

CARD = Instrument(alias="card-ok", label="Visa ending 4242")
S = NoticeStatus


def body(number: int = 1, **facts: Any) -> bytes:
    return json.dumps({"id": f"evt-{number}", "type": "charge.succeeded", "subject": "charge"} | facts).encode()


def take_in(number: int = 1, signature: str = "good", **facts: Any) -> NoticeStatus | None:
    return notices.take_in("sandbox", body(number, **facts), {"Signature": signature})


def status(number: int = 1) -> NoticeStatus:
    db.session.rollback()
    return db.session.scalars(
        select(NoticeWork.status).join(ProcessorEvent).where(ProcessorEvent.event_id == f"evt-{number}")
    ).one()


def notices_of_now() -> None:
    """What waits is worked on, while no sweep asks about anything."""
    for event_id in db.session.scalars(select(ProcessorEvent.id)).all():
        end_read()
        with suppress(jobs.Later):
            notices.work_on(event_id)


def count(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def paying(gateway: ScriptedGateway, *answers: str) -> Attempt:
    """A try by staff whose gateway answers so."""
    gateway.answers = list(answers)
    admin = factories.user(Role.ADMIN)
    first = collection.prepare_first(factories.order(owner=admin).id, by=admin)
    return collection.collect(first.id, pay_with=CARD, form_key="k1", by=admin)


def tell(gateway: ScriptedGateway, attempt: Attempt, answer: str) -> None:
    """What the gateway says of it from now on."""
    gateway.booked[attempt.idempotency_key] = gateway.result(answer, ChargeRequest.from_dict(attempt.request))


def test_a_lost_answer_is_settled_by_the_event(gateway: ScriptedGateway) -> None:
    attempt = paying(gateway, "ok but lost")
    assert attempt.status is AttemptStatus.UNKNOWN
    take_in(metadata={"attempt": attempt.public_id}, subject_id="ch-1")
    jobs.run_due(raising=True)
    assert status() is S.DONE
    assert (db.session.get_one(Attempt, attempt.id).status, count(Receipt)) == (AttemptStatus.SUCCEEDED, 1)


def test_the_same_event_fifty_times_has_one_effect(gateway: ScriptedGateway) -> None:
    attempt = paying(gateway, "ok but lost")
    answers = [take_in(metadata={"attempt": attempt.public_id}) for _ in range(50)]
    assert answers == [S.RECEIVED] + [None] * 49
    jobs.run_due(raising=True)
    assert (count(ProcessorEvent), count(Transaction), count(Receipt)) == (1, 1, 1)


@pytest.mark.engines
def test_fifty_at_once_are_stored_once(any_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = ScriptedGateway()
    monkeypatch.setattr(notices.registry, "get", lambda row: scripted)
    factories.company()
    end_read()
    results = race(any_app, [take_in] * 50)
    assert sorted(map(str, results)) == ["None"] * 49 + ["received"], results
    assert (count(ProcessorEvent), count(NoticeWork)) == (1, 1)


def test_an_event_about_nothing_of_ours_waits_and_then_is_somebodys_to_look_at(gateway: ScriptedGateway) -> None:
    factories.company()
    take_in(subject_id="ch-unheard-of")
    jobs.run_due(raising=True)
    assert status() is S.PARKED
    with time_machine.travel(clock.now() + notices.PATIENCE + timedelta(minutes=1), tick=False):
        jobs.run_due(raising=True)
        assert status() is S.UNMATCHED
    work = db.session.scalars(select(NoticeWork)).one()
    assert escalations.unresolved(Symptom.UNMATCHED_EVENT, "notice_work", work.id) is not None


def test_an_event_that_outran_our_commit_is_settled_once_we_know_of_it(gateway: ScriptedGateway) -> None:
    factories.company()
    take_in(subject_id="ch-1")
    jobs.run_due(raising=True)
    assert status() is S.PARKED
    attempt = paying(gateway, "ok but lost")
    with transaction():
        db.session.get_one(Attempt, attempt.id).provider_id = "ch-1"
    with time_machine.travel(clock.now() + timedelta(minutes=1), tick=False):
        jobs.run_due(raising=True)
    assert status() is S.DONE and count(Receipt) == 1


def test_what_nobody_knows_waits_as_long_as_the_end_of_a_payment_is_not_known(gateway: ScriptedGateway) -> None:
    """A refund made at the processor before we could ask about the payment, for one."""
    attempt = paying(gateway, "ok but lost")
    take_in(subject_id="ch-9")
    later = clock.now() + notices.PATIENCE + timedelta(minutes=1)
    with time_machine.travel(later, tick=False):
        notices_of_now()
        assert status() is S.PARKED
        charges.ask(attempt.id)
        notices_of_now()
        assert status() is S.UNMATCHED


def test_a_clock_that_goes_slow_gives_up_nothing_early(gateway: ScriptedGateway) -> None:
    """What was received, by one clock, before another had the payment sent, may be about it all the same."""
    attempt = paying(gateway, "ok but lost")
    with time_machine.travel(clock.now() - notices.APART + timedelta(seconds=5), tick=False):
        take_in(subject_id="ch-9")
    with time_machine.travel(clock.now() + timedelta(minutes=1), tick=False):
        notices_of_now()
        assert status() is S.PARKED
        charges.ask(attempt.id)
        notices_of_now()
        assert status() is S.UNMATCHED


def test_nobody_waits_for_good(gateway: ScriptedGateway) -> None:
    paying(gateway, "ok but lost")
    take_in(subject_id="ch-9")
    with time_machine.travel(clock.now() + notices.LONG_PATIENCE + timedelta(minutes=1), tick=False):
        notices_of_now()
        assert status() is S.UNMATCHED


def test_a_late_event_never_takes_back_a_success(gateway: ScriptedGateway) -> None:
    attempt = paying(gateway, "ok")
    tell(gateway, attempt, "card_declined")
    take_in(type="charge.failed", metadata={"attempt": attempt.public_id})
    jobs.run_due(raising=True)
    assert db.session.get_one(Attempt, attempt.id).status is AttemptStatus.SUCCEEDED and count(Receipt) == 1


def test_a_success_after_a_decline_counts(gateway: ScriptedGateway) -> None:
    attempt = paying(gateway, "card_declined")
    tell(gateway, attempt, "ok")
    take_in(metadata={"attempt": attempt.public_id})
    jobs.run_due(raising=True)
    assert db.session.get_one(Attempt, attempt.id).status is AttemptStatus.SUCCEEDED and count(Receipt) == 1


def test_an_unknown_kind_is_stored_and_left_alone(gateway: ScriptedGateway) -> None:
    factories.company()
    assert take_in(type="invoice.created", subject="other") is S.RECEIVED
    jobs.run_due(raising=True)
    assert status() is S.IGNORED


def test_the_other_kind_of_money_is_quarantined(gateway: ScriptedGateway) -> None:
    attempt = paying(gateway, "ok but lost")
    assert take_in(mode="live", metadata={"attempt": attempt.public_id}) is S.QUARANTINED
    jobs.run_due(raising=True)
    assert db.session.get_one(Attempt, attempt.id).status is AttemptStatus.UNKNOWN
    work = db.session.scalars(select(NoticeWork)).one()
    assert escalations.unresolved(Symptom.QUARANTINED, "notice_work", work.id) is not None
    with pytest.raises(Refusal) as refused:
        notices.replay(work.event_id, by=factories.user(Role.PAYMENT_OPERATIONS))
    assert refused.value.code == "quarantined"


def test_a_forged_one_changes_nothing_and_is_counted(gateway: ScriptedGateway) -> None:
    factories.company()
    for _ in range(3):
        with pytest.raises(BadNotice):
            take_in(signature="guessed")
    assert (count(ProcessorEvent), count(StagedJob)) == (0, 0)
    assert db.session.scalars(select(RefusedNotices.count)).one() == 3


def test_a_gateway_that_does_not_exist_takes_nothing_in(app: Flask) -> None:
    factories.company()
    with pytest.raises(NotFound):
        notices.take_in("elsewhere", body(), {})


def test_secrets_and_card_numbers_are_not_kept(gateway: ScriptedGateway) -> None:
    factories.company()
    take_in(data={"client_secret": "pi_1_secret_2", "note": "card 4242 4242 4242 4242", "order": "4242424242424243"})
    kept = json.dumps(db.session.scalars(select(ProcessorEvent.payload)).one())
    assert "secret_2" not in kept and "4242 4242 4242 4242" not in kept and "4242424242424243" in kept


def test_one_that_breaks_is_tried_again_and_can_be_replayed(
    gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = paying(gateway, "ok but lost")
    with monkeypatch.context() as broken:
        broken.setattr(gateway, "look_up", lambda *_: 1 / 0)
        take_in(metadata={"attempt": attempt.public_id})
        jobs.run_due()
    assert status() is S.FAILED
    work = db.session.scalars(select(NoticeWork)).one()
    assert "ZeroDivisionError" in (work.error or "") and work.tries == 1
    notices.replay(work.event_id, by=factories.user(Role.PAYMENT_OPERATIONS))
    jobs.run_due(raising=True)
    assert status() is S.DONE and count(Receipt) == 1


def test_replaying_what_is_done_changes_nothing(gateway: ScriptedGateway) -> None:
    attempt = paying(gateway, "ok")
    take_in(metadata={"attempt": attempt.public_id})
    jobs.run_due(raising=True)
    event_id = db.session.scalars(select(ProcessorEvent.id)).one()
    for _ in range(3):
        notices.replay(event_id, by=factories.user(Role.PAYMENT_OPERATIONS))
        jobs.run_due(raising=True)
    assert status() is S.DONE and (count(Transaction), count(Receipt)) == (1, 1)


def test_only_those_who_may_replay(gateway: ScriptedGateway) -> None:
    factories.company()
    take_in(subject="other")
    with pytest.raises(Refusal) as refused:
        notices.replay(db.session.scalars(select(ProcessorEvent.id)).one(), by=factories.user(Role.SALESPERSON))
    assert refused.value.code == "not_permitted"


def test_nothing_of_an_event_keeps_a_card_number(gateway: ScriptedGateway) -> None:
    factories.company()
    take_in(
        type="charge 4242 4242 4242 4242",
        metadata={"attempt": "a1", "note": "4242424242424242"},
        data={"4242424242424242": 1, "amount": 4242424242424242.0, "cvc2": "123", "Number": "x"},
    )
    event = db.session.scalars(select(ProcessorEvent)).one()
    kept = json.dumps([event.type, event.details, event.payload])
    assert "4242" not in kept and "123" not in kept and event.details["attempt"] == "a1"
