"""Dunning stories for tests: a declined period, what was done about it so far, and time that goes by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import time_machine
from sqlalchemy import select

from app.commands.agreements import charging
from app.commands.dunning import steps
from app.commands.methods import method_setups
from app.commands.payments import inquiries
from app.db import db, end_read
from app.jobs import execution
from app.models import DunningCase, DunningStep, MethodRequest, OrderEmail, PaymentAgreement, StagedJob
from app.states.attempt import AttemptStatus
from tests import plans
from tests.gateways.scripted import ScriptedGateway

BEGIN, DUE = datetime(2027, 1, 31, 10, tzinfo=UTC), datetime(2027, 2, 28, 11, tzinfo=UTC)


@contextmanager
def after(days: float) -> Iterator[None]:
    """So many days after the decline, with a minute for what is due then."""
    with time_machine.travel(DUE + timedelta(days=days, minutes=1), tick=False):
        yield


def work() -> None:
    """What clock and workers do about dunning, without the papers."""
    steps.run()
    ours = select(StagedJob.id).where(StagedJob.kind.startswith("dunning."), StagedJob.done_at.is_(None))
    for job_id in db.session.scalars(ours).all():
        end_read()
        execution.run(job_id, raising=True)
    inquiries.sweep()
    end_read()


def declined(gateway: ScriptedGateway, code: str, row: PaymentAgreement | None = None) -> PaymentAgreement:
    """Its period of 28 February was declined with `code`, and what follows at once is done."""
    gateway.answers = ["ok"]
    with time_machine.travel(BEGIN, tick=False):
        row = row or plans.by_order()
    gateway.answers = [code]
    with after(0):
        assert charging.run() == 1
        work()
    return row


def live(days: int, *, since: int = 0) -> None:
    """Day by day."""
    for day in range(since, days + 1):
        with after(day):
            work()


def case(row: PaymentAgreement) -> DunningCase:
    """Its newest one."""
    db.session.rollback()
    db.session.expire_all()
    query = select(DunningCase).where(DunningCase.agreement_id == row.id).order_by(DunningCase.id.desc())
    return db.session.scalars(query).first()  # type: ignore[return-value]


def told(row: PaymentAgreement) -> list[str]:
    """Its steps: `retry +1 done`, `stop +10 waits`."""
    opened = case(row).opened_at
    query = select(DunningStep).where(DunningStep.case_id == case(row).id).order_by(DunningStep.position)
    return [f"{x.action} +{(x.due_at - opened).days} {_became(x)}" for x in db.session.scalars(query)]


def _became(step: DunningStep) -> str:
    return "done" if step.done_at else "dropped" if step.dropped_at else "waits"


def mails(kind: str) -> list[OrderEmail]:
    query = select(OrderEmail).where(OrderEmail.kind == kind).order_by(OrderEmail.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def give_card(key: str = "card-form") -> None:
    """The customer follows the newest link to add a card, and gives one that is accepted."""
    request = db.session.scalars(select(MethodRequest).order_by(MethodRequest.id.desc())).first()
    assert request is not None
    end_read()
    setup = method_setups.start(
        request.id,
        instrument="card-new",
        card_label="Visa ending 4242",
        holder="Maria Keller",
        consent_text="OK",
        form_key=key,
    )
    assert method_setups.execute(setup.id).status is AttemptStatus.SUCCEEDED
