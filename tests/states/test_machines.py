"""Every status of every machine meets every event: the table's edges move and are remembered, nothing else moves."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.db import db, transaction
from app.errors import IllegalMove
from app.models import SYSTEM, History
from app.models.machine import Machine
from app.states import (
    agreement,
    approval,
    attempt,
    dispute,
    dunning,
    escalation,
    gateway,
    intent,
    invoice,
    mail,
    method_request,
    movement,
    notice,
    order,
    pay_out,
    payment_order,
    quote,
    route_migration,
    scheduled_payment,
    settlement_exception,
    subscription,
)
from app.states.attempt import OPEN, AttemptStatus
from app.states.order import OrderEvent as E
from app.states.order import OrderStatus as S
from app.states.payment_order import Figures, PaymentStatus, derive
from tests import factories

MACHINES: tuple[ModuleType, ...] = (
    agreement,
    approval,
    attempt,
    dispute,
    dunning,
    escalation,
    gateway,
    intent,
    invoice,
    mail,
    movement,
    method_request,
    notice,
    order,
    pay_out,
    payment_order,
    quote,
    route_migration,
    scheduled_payment,
    settlement_exception,
    subscription,
)


def parts(module: ModuleType) -> tuple[Any, Any, dict[Any, Any]]:
    (status, event) = next(iter(module.EDGES))
    return type(status), type(event), module.EDGES


@pytest.mark.parametrize("module", MACHINES, ids=lambda m: m.__name__.rpartition(".")[2])
def test_every_status_is_reachable_or_a_start_and_every_event_is_used(module: ModuleType) -> None:
    statuses, events, edges = parts(module)
    starts = {next(iter(statuses))}
    assert starts | set(edges.values()) == set(statuses)
    assert {event for _, event in edges} == set(events)


@pytest.mark.parametrize(
    ("module", "status", "event"),
    [(m, s, e) for m in MACHINES for s in parts(m)[0] for e in parts(m)[1]],
    ids=lambda value: value.__name__.rpartition(".")[2] if isinstance(value, ModuleType) else str(value),
)
def test_a_pair_moves_by_the_table_or_not_at_all(module: ModuleType, status: Any, event: Any) -> None:
    machine = Still(module, status)
    target = module.EDGES.get((status, event))
    assert machine.can(event) is (target is not None)
    if target is None:
        with pytest.raises(IllegalMove):
            machine.transition(event, by=SYSTEM)
        assert (machine.status, machine.rows) == (status, [])
    else:
        machine.transition(event, by=SYSTEM)
        assert machine.status is target
        assert machine.rows == [(str(event), (str(status), str(target)))]


class Still(Machine):
    """A machine without a database, to walk the tables quickly; the row it would write is kept."""

    __tablename__ = "still"

    def __init__(self, module: ModuleType, status: Any) -> None:
        self.id = 1
        self.EDGES = module.EDGES  # type: ignore[misc]
        self.status = status
        self.rows: list[Any] = []

    def record(self, event: str, *, moved: Any = None, **facts: Any) -> Any:  # type: ignore[override]
        self.rows.append((str(event), moved))


# The table of the order specification, written down a second time by hand.
SPECIFIED: set[tuple[S, E, S]] = {
    (S.DRAFT, E.SUBMIT, S.AWAITING_APPROVAL),
    (S.DRAFT, E.BOOK, S.BOOKED),
    *((s, E.FIRST_PAYMENT, S.BOOKED) for s in (S.DRAFT, S.AWAITING_APPROVAL, S.DECLINED, S.BOOKED)),
    (S.AWAITING_APPROVAL, E.CUSTOMER_APPROVED, S.BOOKED),
    *((s, e, S.DRAFT) for s in (S.AWAITING_APPROVAL, S.DECLINED) for e in (E.CUSTOMER_DECLINED, E.CHANGE_REQUESTED)),
    *((s, E.PAYMENT_DECLINED, S.DECLINED) for s in (S.DRAFT, S.AWAITING_APPROVAL, S.DECLINED)),
    (S.BOOKED, E.PAYMENT_DECLINED, S.BOOKED),
    *((s, E.CONVERT_TO_DRAFT, S.DRAFT) for s in (S.DECLINED, S.AWAITING_APPROVAL)),
    (S.BOOKED, E.ACTIVATE, S.ACTIVATED),
    (S.BOOKED, E.SCHEDULE, S.SCHEDULED),
    (S.SCHEDULED, E.START_REACHED, S.ACTIVATED),
    (S.ACTIVATED, E.COMPLETE, S.COMPLETED),
    *((s, E.CANCEL, S.CANCELLED) for s in (S.DRAFT, S.AWAITING_APPROVAL, S.DECLINED, S.BOOKED, S.SCHEDULED)),
    (S.ACTIVATED, E.TERMINATE, S.CANCELLED),
    *((s, E.LINK_EXPIRED, S.DRAFT) for s in (S.AWAITING_APPROVAL, S.DECLINED)),
}


# That of the agreement specification, written down a second time by hand.
A, B = agreement.AgreementStatus, agreement.AgreementEvent
AGREED: set[tuple[A, B, A]] = {
    (A.DRAFT, B.ACTIVATE, A.ACTIVE),
    (A.ACTIVE, B.PAUSE, A.PAUSED),
    (A.PAUSED, B.RESUME, A.ACTIVE),
    (A.ACTIVE, B.FALL_BEHIND, A.PAST_DUE),
    (A.PAST_DUE, B.CATCH_UP, A.ACTIVE),
    (A.PAST_DUE, B.PAUSE, A.PAUSED),
    *((a, B.CANCEL, A.CANCELLED) for a in (A.DRAFT, A.ACTIVE, A.PAUSED, A.PAST_DUE)),
    (A.ACTIVE, B.COMPLETE, A.COMPLETED),
}


def test_the_agreement_machine_is_the_specification() -> None:
    assert {(start, event, end) for (start, event), end in agreement.EDGES.items()} == AGREED


def test_a_settled_period_stays_as_it_is() -> None:
    settled = set(scheduled_payment.ScheduledStatus) - scheduled_payment.UNSETTLED
    assert not [pair for pair in scheduled_payment.EDGES if pair[0] in settled]


# Beyond it: a switch that goes off books what was signed and waited for a payment, a declined one too.
BEYOND = {(S.DECLINED, E.CUSTOMER_APPROVED, S.BOOKED)}


def test_the_order_machine_is_the_specification() -> None:
    assert {(start, event, end) for (start, event), end in order.EDGES.items()} == SPECIFIED | BEYOND


def test_success_is_never_taken_back() -> None:
    assert not [pair for pair in attempt.EDGES if pair[0] is AttemptStatus.SUCCEEDED]


def test_a_real_move_writes_its_row_in_sequence_and_an_illegal_one_none(app: Flask) -> None:
    row = factories.order()
    with transaction() as session:
        held = session.get_one(type(row), row.id)
        held.transition(E.BOOK, by=SYSTEM)
        held.transition(E.SCHEDULE, by=SYSTEM, because="starts later")
        with pytest.raises(IllegalMove):
            held.transition(E.BOOK, by=SYSTEM)
    moves = db.session.execute(
        select(History.sequence, History.from_status, History.to_status).where(History.entity == "sales_order")
    ).all()
    assert [tuple(m) for m in moves] == [(1, "draft", "booked"), (2, "booked", "scheduled")]
    assert db.session.scalar(select(func.count(History.id)).where(History.because == "starts later")) == 1


@pytest.mark.parametrize("status", sorted(OPEN))
@pytest.mark.parametrize("figures", [Figures(100), Figures(100, 40, 40)])
def test_an_open_attempt_is_never_shown_as_paid_or_failed(status: AttemptStatus, figures: Figures) -> None:
    shown = derive(figures, status, cancelled=False)
    assert shown in (PaymentStatus.CONFIRMING, PaymentStatus.REQUIRES_ACTION)


@pytest.mark.parametrize(
    ("figures", "last", "cancelled", "shown"),
    [
        (Figures(0), None, False, PaymentStatus.NONE),
        (Figures(100), None, False, PaymentStatus.REQUESTED),
        (Figures(100), AttemptStatus.DECLINED, False, PaymentStatus.DECLINED),
        (Figures(100), AttemptStatus.FAILED, False, PaymentStatus.REQUESTED),
        (Figures(100), None, True, PaymentStatus.CANCELLED),
        (Figures(100, authorized=100, held=100), AttemptStatus.SUCCEEDED, False, PaymentStatus.AUTHORIZED),
        (Figures(100), AttemptStatus.SUCCEEDED, False, PaymentStatus.REQUESTED),  # voided
        (Figures(100, 100, 60), AttemptStatus.SUCCEEDED, False, PaymentStatus.PART_PAID),  # the rest was let go
        (Figures(100, 40, 40), AttemptStatus.SUCCEEDED, False, PaymentStatus.PART_PAID),
        (Figures(100, 100, 100), AttemptStatus.SUCCEEDED, False, PaymentStatus.PAID),
        (Figures(100, 100, 100), AttemptStatus.SUCCEEDED, True, PaymentStatus.PAID),
        (Figures(100, 100, 100, refunded=30), AttemptStatus.SUCCEEDED, False, PaymentStatus.PART_REFUNDED),
        (Figures(100, 100, 100, refunded=100), AttemptStatus.SUCCEEDED, False, PaymentStatus.REFUNDED),
        (Figures(100, 100, 100, disputed=100, contested=100), AttemptStatus.SUCCEEDED, False, PaymentStatus.DISPUTED),
        (Figures(100, 100, 100, disputed=100), AttemptStatus.SUCCEEDED, False, PaymentStatus.CHARGED_BACK),
    ],
)
def test_payment_status_is_read_off_the_evidence(
    figures: Figures, last: AttemptStatus | None, cancelled: bool, shown: PaymentStatus
) -> None:
    assert derive(figures, last, cancelled=cancelled) is shown
