"""Payouts fetched, matched and held against our books; once, however often they are fetched."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import func, select, text

from app import clock
from app.access import Role
from app.commands.office import escalations
from app.commands.settlement import matching, settlement
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.gateways.base import GatewayUnreachable
from app.gateways.sandbox import disputes, movements, payouts
from app.gateways.sandbox.adapter import SandboxGateway
from app.models import (
    BatchState,
    ExceptionKind,
    LineKind,
    SettlementBatch,
    SettlementException,
    SettlementLine,
    SettlementMatch,
    SettlementSync,
    Symptom,
    Transaction,
)
from app.money import Money
from app.states.settlement_exception import ExceptionStatus
from tests import factories
from tests.paid_out import gateway_id, line, paid, pay_out, payout, sync
from tests.racing import race

S, K = ExceptionStatus, ExceptionKind


def count(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def held(kind: ExceptionKind) -> list[SettlementException]:
    return list(db.session.scalars(select(SettlementException).where(SettlementException.kind == kind)))


def test_a_payout_becomes_a_batch_whose_lines_come_to_its_net(app: Flask) -> None:
    paid(2)
    pay_out()
    assert sync() == 1
    batch = db.session.scalars(select(SettlementBatch)).one()
    lines = db.session.scalars(select(SettlementLine)).all()
    assert batch.state is BatchState.PAID and len(lines) == 2
    assert batch.net == sum(x.net for x in lines) == sum(x.gross - x.fee for x in lines)
    assert all(x.kind is LineKind.CHARGE and x.fee > 0 for x in lines)
    assert count(SettlementMatch) == 2 and count(SettlementException) == 0


def test_fetching_again_changes_nothing(app: Flask) -> None:
    paid()
    pay_out()
    for _ in range(3):
        sync()
    assert (count(SettlementBatch), count(SettlementLine), count(SettlementMatch)) == (1, 1, 1)


@pytest.mark.engines
def test_two_who_fetch_at_once_write_it_once(any_app: Flask) -> None:
    paid(3)
    pay_out()
    id = gateway_id()
    end_read()
    results = race(any_app, [lambda: settlement.sync(id)] * 4)
    assert results == [1] * 4, results
    assert (count(SettlementBatch), count(SettlementLine), count(SettlementMatch)) == (1, 3, 3)
    assert count(SettlementException) == 0


@pytest.mark.engines
def test_control_without_the_unique_index_two_who_fetch_at_once_write_it_twice(any_app: Flask) -> None:
    paid(3)
    pay_out()
    id = gateway_id()
    end_read()
    forget_that_entries_are_unique()
    race(any_app, [lambda: settlement.sync(id)] * 4)
    assert count(SettlementLine) > 3


def forget_that_entries_are_unique() -> None:
    """Takes the constraint from the (still empty) table of lines; SQLite can only make the table anew without it."""
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            found = "SELECT conname FROM pg_constraint WHERE conrelid = 'settlement_line'::regclass AND contype = 'u'"
            name = connection.scalar(text(found))
            connection.exec_driver_sql(f"ALTER TABLE settlement_line DROP CONSTRAINT {name}")
            return
        made = connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'settlement_line'")) or ""
        lax = re.sub(r"CONSTRAINT \w+ UNIQUE \([^)]*\),?", "", made)
        connection.exec_driver_sql("DROP TABLE settlement_line")
        connection.exec_driver_sql(re.sub(r",\s*\)$", ")", lax.strip()))


def test_a_line_about_nothing_of_ours_is_held_until_we_know_it(app: Flask) -> None:
    (row,) = paid()
    end_read()
    movements.refund_by_hand("sandbox", row.provider_id, Money(500, row.currency))
    pay_out()
    sync()
    (found,) = held(K.UNMATCHED)
    assert (found.status, found.facts["found"]) == (S.OPEN, -500)
    assert escalations.unresolved(Symptom.SETTLEMENT_EXCEPTION, "settlement_exception", found.id) is not None
    refund = db.session.scalars(select(SettlementLine).where(SettlementLine.kind == LineKind.REFUND)).one()
    write_refund(row, refund.source_id or "", 500)
    sync()
    (found,) = held(K.UNMATCHED)
    assert found.status is S.CLEARED
    assert escalations.unresolved(Symptom.SETTLEMENT_EXCEPTION, "settlement_exception", found.id) is None


def write_refund(parent: Transaction, provider_id: str, amount: int) -> None:
    with transaction() as session:
        session.add(
            Transaction(
                payment_order_id=parent.payment_order_id,
                attempt_id=parent.attempt_id,
                parent_id=parent.id,
                gateway_id=parent.gateway_id,
                action="refund",
                amount=amount,
                currency=parent.currency,
                provider_id=provider_id,
                idempotency_key="k",
                raw_sha256="",
            )
        )


def test_a_line_that_says_another_amount_is_held(app: Flask) -> None:
    (row,) = paid()
    end_read()
    movements.refund_by_hand("sandbox", row.provider_id, Money(500, row.currency))
    pay_out()
    refund = db.session.scalars(select(SettlementLine)).all()
    assert refund == []
    sync()
    line = db.session.scalars(select(SettlementLine).where(SettlementLine.kind == LineKind.REFUND)).one()
    write_refund(row, line.source_id or "", 400)
    sync()
    (found,) = held(K.DIFFERING)
    assert (found.status, found.facts) == (S.OPEN, {"expected": 400, "found": 500})


def test_a_dispute_s_lines_belong_to_its_charge(app: Flask) -> None:
    (row,) = paid()
    end_read()
    dispute = disputes.open_one("sandbox", row.provider_id, inquiry=False)
    disputes.decide("sandbox", dispute.provider_id, won=True)
    pay_out()
    sync()
    kinds = set(db.session.scalars(select(SettlementLine.kind)))
    assert {LineKind.CHARGE, LineKind.DISPUTE, LineKind.REINSTATEMENT} <= kinds
    assert not held(K.UNMATCHED) and not held(K.SUM) and not held(K.DIFFERING)


def test_a_payout_that_fails_later_says_so_and_keeps_its_lines(app: Flask) -> None:
    paid()
    pay_out()
    sync()
    batch = db.session.scalars(select(SettlementBatch)).one()
    ref = batch.provider_id
    end_read()
    payouts.fail("sandbox", ref)
    sync()
    assert db.session.scalars(select(SettlementBatch.state)).one() is BatchState.FAILED
    assert count(SettlementLine) == 1


def test_money_that_no_payout_has_is_missed_once_others_were_paid_out(app: Flask) -> None:
    first, *_ = paid()
    id = gateway_id()
    assert matching.find_missing(id) == 0, "nothing was ever paid out"
    later = clock.now() + matching.OVERDUE + timedelta(days=2)
    adapter_payout = payout(line(source="ch-unknown", at=later))
    end_read()
    settlement.write(id, adapter_payout)
    with time_machine.travel(later + timedelta(days=1), tick=False):
        assert matching.find_missing(id) == 1
        assert matching.find_missing(id) == 0, "it is held already"
    (found,) = held(K.MISSING)
    assert found.reference == first.provider_id
    pay_out()
    sync()
    assert held(K.MISSING)[0].status is S.CLEARED


def test_a_sum_that_does_not_come_out_is_held_until_it_does(app: Flask) -> None:
    factories.company()
    short = payout(line(), net=Money(1, "EUR"))
    settlement.write(gateway_id(), short)
    (found,) = held(K.SUM)
    assert (found.status, found.facts) == (S.OPEN, {"expected": 1, "found": 960})
    settlement.write(gateway_id(), replace(short, items=(line(), line(gross=-959, fee=0, provider_id="txn-2"))))
    assert held(K.SUM)[0].status is S.CLEARED


def test_an_entry_stands_in_one_batch_only(app: Flask) -> None:
    factories.company()
    settlement.write(gateway_id(), payout(line()))
    settlement.write(gateway_id(), payout(line(), provider_id="po-2"))
    assert count(SettlementLine) == 1
    assert [x.reference for x in held(K.SUM)] == ["po-2"]


def test_accepting_needs_a_reason_and_the_permission_and_can_be_undone(app: Flask) -> None:
    factories.company()
    settlement.write(gateway_id(), payout(line(), net=Money(1, "EUR")))
    (found,) = held(K.SUM)
    with pytest.raises(Refusal) as refused:
        settlement.accept(found.id, because="Rounding.", by=factories.user(Role.SALESPERSON))
    assert refused.value.code == "not_permitted"
    person = factories.user(Role.AR)
    assert settlement.accept(found.id, because="Rounding.", by=person).status is S.ACCEPTED
    settlement.write(gateway_id(), payout(line(), net=Money(1, "EUR")))
    assert held(K.SUM)[0].status is S.ACCEPTED, "what a person accepted stays"
    with pytest.raises(Refusal) as refused:
        settlement.accept(found.id, because="Again.", by=person)
    assert refused.value.code == "not_open"
    assert settlement.reopen(found.id, because="It was not.", by=person).status is S.OPEN


def test_a_gateway_that_does_not_answer_is_a_fact_and_no_crash(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.company()

    def silent(self: object, since: object) -> object:
        raise GatewayUnreachable("connection refused")
        yield

    monkeypatch.setattr(SandboxGateway, "payouts", silent)
    assert sync() == 0
    assert db.session.scalars(select(SettlementSync.last_error)).one() == "connection refused"


@given(rate=st.decimals("0.000000001", "100000", places=9))
def test_a_rate_is_kept_to_the_ninth_digit(rate: Decimal) -> None:
    from app.models.settlement import Rate

    read = Rate.result_processor(None, None)
    assert read(Rate.process_bind_param(rate, None)) == rate
