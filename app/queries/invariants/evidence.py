"""Rules of evidence: 3, 6 to 8, 10, and 12 to 16."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import and_, func, select, text

from ... import append_only, clock
from ...db import Base, db
from ...models import Attempt, History, PaymentIntent, PaymentOrder, Receipt, SalesOrder, Transaction, TransactionAction
from ...models.machine import Machine
from ...states.attempt import OPEN, AttemptStatus
from ...states.intent import IntentStatus
from .asking import MOST, found

A = TransactionAction
MONEY = (A.CHARGE, A.CAPTURE, A.REFUND, A.REFUND_FAILURE)

TRIGGERS = {
    "sqlite": "SELECT tbl_name, count(*) FROM sqlite_master WHERE type = 'trigger' GROUP BY tbl_name",
    "postgresql": "SELECT c.relname, count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' GROUP BY c.relname",
}


def unguarded_tables(grace: timedelta) -> list[str]:
    """Two triggers each: against UPDATE and DELETE on SQLite, against those and TRUNCATE on PostgreSQL."""
    standing: dict[str, int] = dict(db.session.execute(text(TRIGGERS[db.engine.dialect.name])).all())  # type: ignore[arg-type]
    return [f"the table {name} can be changed" for name in append_only.tables() if standing.get(name, 0) < 2]


def receipts_apart(grace: timedelta) -> list[str]:
    count = func.count(Receipt.id)
    rows = found(
        select(Transaction.provider_id, Transaction.action, count.label("receipts"))
        .outerjoin(Receipt, Receipt.transaction_id == Transaction.id)
        .where(Transaction.action.in_(MONEY), Transaction.at <= clock.now() - grace)
        .group_by(Transaction.id, Transaction.provider_id, Transaction.action)
        .having(count != 1)
    )
    return [f"the {r.action} {r.provider_id} has {r.receipts} receipts" for r in rows]


def doubled_transactions(grace: timedelta) -> list[str]:
    key = (Transaction.gateway_id, Transaction.provider_id, Transaction.action)
    rows = found(select(Transaction.provider_id, Transaction.action).group_by(*key).having(func.count() > 1))
    return [f"{r.action} {r.provider_id} stands here more than once" for r in rows]


def rivals(grace: timedelta) -> list[str]:
    attempts = _doubled(Attempt.payment_order_id, Attempt.status.in_(OPEN))
    checkouts = _doubled(PaymentIntent.payment_order_id, PaymentIntent.status == IntentStatus.LIVE)
    orders = _doubled(SalesOrder.quote_number, SalesOrder.quote_number.is_not(None))
    return [
        *(f"two open attempts of payment order {r.of}" for r in found(attempts)),
        *(f"two live checkouts of payment order {r.of}" for r in found(checkouts)),
        *(f"two orders of quote {r.of}" for r in found(orders)),
    ]


def _doubled(column: Any, condition: Any) -> Any:
    return select(column.label("of")).where(condition).group_by(column).having(func.count() > 1)


def requests_apart(grace: timedelta) -> list[str]:
    complaints: list[str] = []
    rows = db.session.execute(
        select(Attempt.public_id, Attempt.idempotency_key, Attempt.amount, Attempt.currency, Attempt.request)
        .where(Attempt.status.in_((*OPEN, AttemptStatus.SUCCEEDED)))
        .execution_options(yield_per=1000)
    )
    for row in rows:
        frozen = (row.request.get("key"), row.request.get("amount"))
        asked = (row.idempotency_key, {"minor": row.amount, "currency": row.currency})
        if frozen != asked and len(complaints) < MOST:
            complaints.append(f"the stored request of attempt {row.public_id} is not the attempt's")
    return complaints


def forgotten_attempts(grace: timedelta) -> list[str]:
    rows = found(select(Attempt.public_id, Attempt.status).where(Attempt.status.in_(OPEN), Attempt.ask_at.is_(None)))
    return [f"attempt {r.public_id} is {r.status} and nobody will ask about it" for r in rows]


def histories_apart(grace: timedelta) -> list[str]:
    machines = [m.class_ for m in Base.registry.mappers if issubclass(m.class_, Machine)]
    return [*_broken_sequences(), *(complaint for model in machines for complaint in _told_otherwise(model))]


def _broken_sequences() -> list[str]:
    rows = found(
        select(History.entity, History.entity_id)
        .group_by(History.entity, History.entity_id)
        .having(func.max(History.sequence) != func.count())
    )
    return [f"the history of {r.entity} {r.entity_id} has a gap" for r in rows]


def _told_otherwise(model: Any) -> list[str]:
    """Records whose status is not where their last move led; one that never moved is where records start."""
    last = (
        select(History.entity_id, func.max(History.sequence).label("sequence"))
        .where(History.entity == model.__tablename__, History.to_status.is_not(None))
        .group_by(History.entity_id)
        .subquery()
    )
    rows = found(
        select(model.id, model.status, History.to_status)
        .join(last, last.c.entity_id == model.id)
        .join(
            History,
            and_(
                History.entity == model.__tablename__,
                History.entity_id == model.id,
                History.sequence == last.c.sequence,
            ),
        )
        .where(model.status != History.to_status)
    )
    return [f"{model.__tablename__} {r.id} is {r.status}, its history says {r.to_status}" for r in rows]


def outcomes_apart(grace: timedelta) -> list[str]:
    rows = found(
        select(Attempt.public_id, Attempt.status, func.count(Transaction.id).label("transactions"))
        .outerjoin(
            Transaction, and_(Transaction.attempt_id == Attempt.id, Transaction.action.in_((A.CHARGE, A.AUTHORIZE)))
        )
        .group_by(Attempt.id, Attempt.public_id, Attempt.status)
        .having((Attempt.status == AttemptStatus.SUCCEEDED) != (func.count(Transaction.id) == 1))
    )
    return [f"attempt {r.public_id} is {r.status} with {r.transactions} transactions" for r in rows]


def amounts_apart(grace: timedelta) -> list[str]:
    rows = found(
        select(Transaction.provider_id, Attempt.public_id)
        .join(Attempt, Attempt.id == Transaction.attempt_id)
        .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
        .where(
            (Transaction.currency != Attempt.currency)
            | (Transaction.gateway_id != Attempt.gateway_id)
            | (Transaction.payment_order_id != PaymentOrder.id)
            | (Transaction.action.in_((A.CHARGE, A.AUTHORIZE)) & (Transaction.amount != Attempt.amount))
            | (Transaction.amount > Attempt.amount)
        )
    )
    return [f"transaction {r.provider_id} is not what attempt {r.public_id} asked for" for r in rows]


def captured_and_voided(grace: timedelta) -> list[str]:
    rows = found(
        select(Attempt.public_id)
        .join(Transaction, Transaction.attempt_id == Attempt.id)
        .where(Transaction.action.in_((A.CAPTURE, A.VOID)))
        .group_by(Attempt.id, Attempt.public_id)
        .having(func.count(Transaction.action.distinct()) > 1)
    )
    return [f"the authorization of attempt {r.public_id} was captured and voided" for r in rows]
