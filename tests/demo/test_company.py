"""The demo company: every state there is, told by the commands, once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import clock
from app.db import db, transaction
from app.demo import company, gateways
from app.gateways.sandbox import reconcile
from app.gateways.sandbox.tables import SandboxPayout
from app.models import (
    Account,
    Attempt,
    Company,
    ExceptionKind,
    Gateway,
    History,
    MailboxMessage,
    OrderEmail,
    PaymentAgreement,
    Quote,
    SalesOrder,
    ScheduledPayment,
    SettlementBatch,
    SettlementException,
)
from app.models.order import TAG_CHANGE, TAG_CUSTOMER_DECLINED, TAG_EXPIRED
from app.queries import invariants
from app.queries import methods as matrix
from app.queries.coverage import Verdict
from app.states.agreement import AgreementStatus
from app.states.mail import MailStatus
from app.states.order import OrderStatus
from app.states.quote import QuoteStatus
from app.states.scheduled_payment import ScheduledStatus
from app.states.settlement_exception import ExceptionStatus

BOOKED_PASSES = {OrderStatus.BOOKED, OrderStatus.COMPLETED}
"""Booked orders are activated or scheduled at once; nothing is delivered yet, so none is completed."""


def counts() -> dict[str, int]:
    return {
        m.__tablename__: db.session.scalar(select(func.count()).select_from(m)) or 0
        for m in (Quote, SalesOrder, History)
    }


@pytest.mark.timeout(400)
def test_it_reaches_every_state_and_is_told_once(app: Flask) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(args=["demo", "load"]).exit_code == 0
    assert set(db.session.scalars(select(SalesOrder.status))) == set(OrderStatus) - BOOKED_PASSES
    assert set(db.session.scalars(select(Quote.status))) == set(QuoteStatus)
    tags = Counter(tag for row in db.session.scalars(select(SalesOrder.tags)) for tag in row)
    assert {TAG_CUSTOMER_DECLINED, TAG_CHANGE, TAG_EXPIRED} <= set(tags)
    assert db.session.scalar(select(func.count(Account.id)).where(Account.hold_reason.is_not(None))) == 1
    longest = max(len(order.lines) for order in db.session.scalars(select(SalesOrder)))
    assert longest == 40
    assert invariants.broken(grace=timedelta(0)) == []
    mails_arrive_in_their_own_time()
    nothing_happens_before_what_it_follows_from()
    money_goes_by_two_gateways_and_one_card_is_on_the_wrong_side()
    payouts_are_fetched_and_some_do_not_fit()
    agreements_are_in_every_state_but_the_last()
    before = counts()
    assert runner.invoke(args=["demo", "load"]).exit_code == 0
    assert counts() == before


def mails_arrive_in_their_own_time() -> None:
    mails = db.session.scalars(select(OrderEmail)).all()
    assert mails and {m.status for m in mails} == {MailStatus.SENT}
    assert all(m.sent_at and (m.sent_at - m.created_at).total_seconds() < 600 for m in mails)
    assert db.session.scalar(select(func.count(MailboxMessage.id))) == len(mails)


def money_goes_by_two_gateways_and_one_card_is_on_the_wrong_side() -> None:
    used = db.session.scalars(select(Gateway.key).join(Attempt, Attempt.gateway_id == Gateway.id).distinct())
    assert set(used) == {gateways.EUROPE, gateways.USA}
    assert reconcile.complaints() == []
    assert set(db.session.scalars(select(SandboxPayout.gateway))) == {gateways.EUROPE, gateways.USA}
    account = db.session.scalars(select(Account).where(Account.name == "Lakeview Medical Center")).one()
    assert Verdict.RETOKENIZE in verdicts(account)
    northfield = db.session.scalars(select(Account).where(Account.name == "Northfield Clinics GmbH")).one()
    assert {Verdict.READY, Verdict.LEGACY, Verdict.RETOKENIZE} <= verdicts(northfield)


def payouts_are_fetched_and_some_do_not_fit() -> None:
    batches = db.session.execute(select(SettlementBatch.created_on, Gateway.key).join(Gateway)).all()
    assert {key for _, key in batches} == {gateways.EUROPE, gateways.USA, "harbour"}
    assert len({day.strftime("%Y-%m") for day, _ in batches}) >= 2
    held = db.session.execute(select(SettlementException.kind, SettlementException.status)).all()
    assert {kind for kind, _ in held} == {ExceptionKind.UNMATCHED, ExceptionKind.SUM}
    assert {status for _, status in held} == {ExceptionStatus.OPEN}


def agreements_are_in_every_state_but_the_last() -> None:
    """None has run long enough to be over."""
    found = set(db.session.scalars(select(PaymentAgreement.status)))
    assert found == set(AgreementStatus) - {AgreementStatus.COMPLETED, AgreementStatus.CANCELLED}
    paid = select(func.count()).where(ScheduledPayment.status == ScheduledStatus.PAID)
    assert (db.session.scalar(paid) or 0) >= 4


def verdicts(account: Account) -> set[Verdict]:
    return {cell.verdict for row in matrix.matrix(account).rows for cell in row.cells}


def nothing_happens_before_what_it_follows_from() -> None:
    # What befalls an account follows from nothing else that did: its deals are told one by one, its cards day by day.
    told = select(History.entity, History.entity_id, History.at).where(History.entity != "account")
    rows = db.session.execute(told.order_by(History.id))
    last: dict[tuple[str, int], object] = {}
    for entity, entity_id, at in rows:
        assert at <= clock.now()
        assert (entity, entity_id) not in last or at >= last[entity, entity_id]  # type: ignore[operator]
        last[entity, entity_id] = at


def test_another_company_is_left_alone(app: Flask) -> None:
    with transaction() as session:
        facts = {"name": "Real", "street": "x", "postcode": "x", "city": "x", "country": "DE"}
        session.add(Company(**facts, email="real@company.test", time_zone="UTC", currency="EUR"))
    assert app.test_cli_runner().invoke(args=["demo", "load"]).exit_code == 0
    assert not company.is_ours()
    assert db.session.scalar(select(func.count(Quote.id))) == 0


def test_the_demo_stays_out_of_production(app: Flask) -> None:
    app.config["PRODUCTION"] = True
    assert app.test_cli_runner().invoke(args=["demo", "load"]).exit_code == 1


def test_without_history_there_is_a_company_and_nothing_else(app: Flask) -> None:
    app.config["DEMO_HISTORY"] = False
    assert app.test_cli_runner().invoke(args=["demo", "load"]).exit_code == 0
    assert company.is_ours()
    assert db.session.scalar(select(func.count(Quote.id))) == 0


def test_the_sign_ins_are_printed(app: Flask) -> None:
    printed = app.test_cli_runner().invoke(args=["demo", "sign-ins"]).output
    assert "dana.reyes@brightwater.example" in printed
