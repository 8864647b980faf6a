"""Credit notes that are asked for with a refund: never before it, never without it, and refused before it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock, settings
from app.access import Role
from app.commands.office.settings import turn
from app.commands.payments import movement_calls, movements, post_processing
from app.commands.receivables import credit_notes, refund_notes
from app.db import db, end_read
from app.errors import Refusal
from app.gateways.sandbox import movements as sandbox_movements
from app.gateways.sandbox import script
from app.gateways.sandbox.cards import Fault
from app.gateways.sandbox.tables import Call, ChargeState
from app.models import CreditNote, CreditReason, History, Invoice, Movement, PostProcessing, Transaction, User
from app.money import Money
from app.queries import invariants
from app.queries.receivables import figures
from app.states.movement import MovementStatus as S
from tests import factories
from tests.commands import moving
from tests.ledgers import key


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


@pytest.fixture(autouse=True)
def _the_books_hold(app: Flask):  # type: ignore[no-untyped-def]
    yield
    end_read()
    assert invariants.broken(grace=timedelta(0)) == []


def notes() -> list[int]:
    found = db.session.scalars(select(CreditNote.gross).order_by(CreditNote.id)).all()
    end_read()
    return list(found)


def bill() -> Invoice:
    return db.session.scalars(select(Invoice)).one()


def credited_by_hand(minor: int, by: User) -> None:
    end_read()
    facts = {"amount": Money(minor, "EUR"), "reason": CreditReason.PRICE, "note": "", "form_key": key(), "by": by}
    credit_notes.for_amount(bill().id, **facts)  # type: ignore[arg-type]


def told(event: str) -> list[dict[str, object]]:
    return list(db.session.scalars(select(History.data).where(History.entity == "movement", History.event == event)))


def test_it_follows_the_refund_once_and_leaves_nothing_owed(boss: User) -> None:
    charge = moving.paid(boss)
    twins = {moving.refund(charge, 10_000, boss, key="k", credit_note=True).id for _ in range(2)}
    row = db.session.scalars(select(CreditNote)).one()
    assert len(twins) == 1 and (row.gross, row.note, row.issued_by) == (10_000, "Returned goods", boss.name)
    assert db.session.get_one(Transaction, row.refund_id).action == "refund"
    assert figures.of_invoice(bill().id).due == 0
    end_read()
    assert post_processing.run(row.refund_id or 0) and len(notes()) == 1


def test_without_the_wish_there_is_none(boss: User) -> None:
    moving.refund(moving.paid(boss), 10_000, boss)
    assert notes() == []


@pytest.mark.parametrize("answer", [{"decline_code": "insufficient_funds"}, {"state": ChargeState.PENDING}])
def test_there_is_none_before_the_refund_has_succeeded_and_none_where_it_fails(
    boss: User, answer: dict[str, object]
) -> None:
    charge = moving.paid(boss)
    script.next_call(Call.REFUND, **answer)  # type: ignore[arg-type]
    row = moving.refund(charge, 10_000, boss, credit_note=True)
    assert (row.status, notes()) == (S.PENDING if "state" in answer else S.FAILED, [])
    if "state" in answer:
        sandbox_movements.end_refund("sandbox", row.provider_id or "")
        assert movement_calls.hear(charge.gateway_id, row.provider_id or "")
        assert notes() == [10_000]


def test_a_lost_answer_brings_it_when_asked_about(boss: User) -> None:
    script.next_call(Call.REFUND, fault=Fault.TIMEOUT_AFTER)
    assert moving.refund(moving.paid(boss), 10_000, boss, credit_note=True).status is S.UNKNOWN
    assert notes() == []
    with time_machine.travel(clock.now() + timedelta(seconds=40), tick=True):
        movement_calls.sweep()
    assert notes() == [10_000]


def test_it_waits_with_the_refund_for_the_second_person(boss: User) -> None:
    turn(settings.REFUND_SECOND_PERSON.key, True, by=boss)
    turn(settings.REFUND_LIMIT.key, 10_000, by=boss)
    asked = moving.refund(moving.paid(boss), 20_000, boss, credit_note=True)
    refused = moving.refund(moving.paid(boss), 20_000, boss, credit_note=True)
    assert (asked.status, notes()) == (S.REQUESTED, [])
    second = factories.user(Role.AR)
    movements.refuse(refused.id, because="No", by=second)
    assert notes() == []
    movements.approve(asked.id, by=second)
    assert notes() == [20_000]


def test_credited_while_it_waited_it_credits_only_what_it_then_takes_from_the_invoice(boss: User) -> None:
    turn(settings.REFUND_SECOND_PERSON.key, True, by=boss)
    turn(settings.REFUND_LIMIT.key, 10_000, by=boss)
    row = moving.refund(moving.paid(boss), 40_000, boss, credit_note=True)
    credited_by_hand(30_000, boss)
    movements.approve(row.id, by=factories.user(Role.AR))
    assert notes() == [30_000, 10_000]


def test_what_takes_nothing_from_an_invoice_is_refused_before_anything_is_asked(boss: User) -> None:
    charge = moving.paid(boss)
    credited_by_hand(30_000, boss)
    with pytest.raises(Refusal, match="no_invoice") as refused:
        moving.refund(charge, 30_000, boss, credit_note=True)
    assert refused.value.help
    assert moving.actions(charge) == ["charge"] and db.session.scalars(select(Movement.id)).all() == []
    end_read()
    assert moving.refund(charge, 30_001, boss, credit_note=True).status is S.SUCCEEDED
    assert notes() == [30_000, 1]


def test_refunds_under_way_take_theirs_first(boss: User) -> None:
    charge = moving.paid(boss)
    credited_by_hand(20_000, boss)
    script.next_call(Call.REFUND, state=ChargeState.PENDING)
    moving.refund(charge, 20_000, boss)
    assert moving.refund(charge, 10_000, boss, credit_note=True).status is S.SUCCEEDED
    with pytest.raises(Refusal, match="no_invoice"):
        refund_notes.check(0, Money(1, "EUR"), by=boss)


def test_only_who_may_issue_one_may_ask_for_one(boss: User) -> None:
    charge = moving.paid(boss)
    with pytest.raises(Refusal, match="not_permitted"):
        refund_notes.check(charge.id, Money(1, "EUR"), by=factories.user(Role.PAYMENT_OPERATIONS))


def test_a_note_that_fails_leaves_refund_receipt_and_mail_and_is_tried_again(
    boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = moving.paid(boss)
    with monkeypatch.context() as patch:
        patch.setattr(credit_notes, "for_refund", lambda *_args, **_facts: 1 / 0)
        assert moving.refund(charge, 10_000, boss, credit_note=True).status is S.SUCCEEDED
    row = db.session.scalars(select(PostProcessing).where(PostProcessing.done_at.is_(None))).one()
    assert (row.step, row.tries, moving.figures(charge).refunded) == ("credit_note", 1, 10_000)
    assert post_processing.run(row.transaction_id or 0)
    assert notes() == [10_000]


def test_what_was_credited_while_the_gateway_was_asked_is_not_credited_twice(boss: User) -> None:
    charge = moving.paid(boss)
    script.next_call(Call.REFUND, state=ChargeState.PENDING)
    row = moving.refund(charge, 20_000, boss, credit_note=True)
    credited_by_hand(30_000, boss)
    sandbox_movements.end_refund("sandbox", row.provider_id or "")
    assert movement_calls.hear(charge.gateway_id, row.provider_id or "")
    assert notes() == [30_000]


def test_a_refund_that_comes_back_leaves_the_note_and_says_so(boss: User) -> None:
    charge = moving.paid(boss)
    row = moving.refund(charge, 10_000, boss, credit_note=True)
    end_read()
    sandbox_movements.end_refund("sandbox", row.provider_id or "", error_code="account_closed")
    assert movement_calls.hear(charge.gateway_id, row.provider_id or "")
    assert (notes(), figures.of_invoice(bill().id).due) == ([10_000], 0)
    assert told("note_stays") == [{"number": "CN-00001"}]
