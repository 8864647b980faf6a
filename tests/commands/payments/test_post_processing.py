"""What follows a payment: all at once, or step by step where something breaks; what is left is the same either way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import Engine, event, select

from app import clock
from app.access import Role
from app.commands.agreements import charging
from app.commands.payments import post_processing
from app.db import db, end_read
from app.models import Audit, Document, History, Invoice, OrderEmail, PostProcessing, Receipt, StagedJob
from app.states.order import OrderStatus
from tests import factories, plans
from tests.commands.collecting import booked, fresh
from tests.gateways.scripted import ScriptedGateway

BREAKS = {  # what fails within a step, and the steps that stand before it
    "receipt": ("receipts.for_transaction", 0),
    "invoice": ("papers.invoice", 1),
    "order": ("activation.activate_or_schedule", 2),
    "defaults": ("settings", 3),
    "mails": ("mails.order_paid", 4),
}


class Broken:
    """Stands in for a function or a module."""

    def __call__(self, *args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("no tax rate")

    def __getattr__(self, name: str) -> None:
        raise ZeroDivisionError("no tax rate")


def happened() -> Counter[tuple[str, ...]]:
    """All of history and of audit, and how many papers, mails and jobs there are."""
    rows = [("history", x.entity, x.event, str(x.to_status)) for x in db.session.scalars(select(History))]
    rows += [("audit", x.action) for x in db.session.scalars(select(Audit))]
    rows += [("document", x) for x in db.session.scalars(select(Document.kind))]
    rows += [("mail", x) for x in db.session.scalars(select(OrderEmail.kind))]
    rows += [("job", x) for x in db.session.scalars(select(StagedJob.kind))]
    return Counter(rows)


def commits_while(work: Callable[[], object]) -> int:
    seen: Counter[str] = Counter()

    def note(connection: Any) -> None:
        seen["commits"] += 1

    event.listen(Engine, "commit", note)
    try:
        work()
    finally:
        event.remove(Engine, "commit", note)
    return seen["commits"]


@pytest.mark.parametrize("step", BREAKS)
def test_a_step_that_breaks_leaves_what_it_leaves_where_each_is_a_transaction(
    app: Flask, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    name, before = BREAKS[step]
    seller = factories.user(Role.SALES_MANAGER)
    with monkeypatch.context() as patch:
        patch.setattr(f"app.commands.payments.post_processing.{name}", Broken())
        order = booked(seller, deposit="100")
        expected = happened()
        patch.setattr(post_processing, "_at_once", Broken())
        booked(seller, deposit="100")
    assert happened() - expected == expected
    row = db.session.scalars(select(PostProcessing).order_by(PostProcessing.id)).first()
    assert row is not None
    assert (row.step, row.error, row.tries, row.done_at) == (step, "ZeroDivisionError: no tax rate", 1, None)
    assert (before > 0) == bool(db.session.scalars(select(Receipt)).all())
    assert (before > 1) == bool(db.session.scalars(select(Invoice)).all())
    assert (before > 2) == (order.status is OrderStatus.ACTIVATED)
    assert not {"receipt", "order_paid"} & set(db.session.scalars(select(OrderEmail.kind)))
    assert post_processing.run(row.transaction_id)
    assert fresh(order).status is OrderStatus.ACTIVATED
    assert set(db.session.scalars(select(OrderEmail.kind))) == {"receipt", "order_paid", "agreement"}


def test_what_follows_a_payment_is_one_commit(
    app: Flask, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = post_processing.run
    monkeypatch.setattr(post_processing, "run", lambda transaction_id: False)
    booked(factories.user(Role.SALES_MANAGER))
    transaction_id = db.session.scalars(select(PostProcessing.transaction_id)).one()
    end_read()
    assert commits_while(lambda: run(transaction_id)) == 1
    assert db.session.scalars(select(PostProcessing)).one().done_at is not None


def test_an_invoice_just_made_and_the_same_one_read_are_one_paper(app: Flask, gateway: ScriptedGateway) -> None:
    from app.commands.post import papers
    from app.db import transaction

    booked(factories.user(Role.SALES_MANAGER))
    kinds = Counter(db.session.scalars(select(Document.kind)))
    assert kinds == {"invoice": 1, "receipt": 1, "agreement": 1}
    db.session.expire_all()
    with transaction() as session:
        papers.invoice(session.scalars(select(Invoice)).one())
    assert Counter(db.session.scalars(select(Document.kind))) == kinds
    assert Counter(db.session.scalars(select(StagedJob.kind)))["documents.render"] == 3


def test_a_job_of_many_is_tried_again_while_one_could_not_even_be_put_down_as_failed(
    app: Flask, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.by_order()
    with time_machine.travel(clock.now() + timedelta(days=62), tick=False), monkeypatch.context() as broken:
        for name in ("_at_once", "_steps", "_failed"):
            broken.setattr(post_processing, name, Broken())
        assert charging.run() > 0
        ids = db.session.scalars(select(PostProcessing.transaction_id).where(PostProcessing.done_at.is_(None))).all()
        end_read()
        with pytest.raises(RuntimeError, match=str(ids[0])):
            post_processing.do_all(ids)
    post_processing.do_all(ids)
    assert db.session.scalar(select(PostProcessing.id).where(PostProcessing.done_at.is_(None))) is None
    end_read()
