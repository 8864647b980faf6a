"""What may still be captured, voided or refunded of a payment order, and what became of what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import Row, case, func, select

from ...access import Permission, why_not
from ...db import db
from ...formatting import ago
from ...models import Dispute, DisputeEntry, DisputeEntryKind, Movement, TransactionAction, User
from ...money import Money
from ...states import movement as movement_states
from ...states.movement import MovementStatus
from ...values import Value
from ..orders.views import Action
from .words import sentence

A = TransactionAction
WHAT = {A.CAPTURE: lazy_gettext("Capture"), A.VOID: lazy_gettext("Void"), A.REFUND: lazy_gettext("Refund")}
SIGNED = case(
    (DisputeEntry.kind == DisputeEntryKind.DEBIT, DisputeEntry.amount),
    (DisputeEntry.kind == DisputeEntryKind.REINSTATEMENT, -DisputeEntry.amount),
    else_=0,
)


class MovementView(Value):
    """One capture, void or refund that was asked for, or made at the processor."""

    what: str
    status: str
    amount: Money
    reason: str
    by: str
    decided_by: str | None
    at: datetime
    error: str | None
    next_question: str | None
    elsewhere: bool
    credit_note: bool
    trace: str
    actions: tuple[Action, ...]


class DisputeLine(Value):
    number: str
    href: str
    status: str
    amount: Money
    reason: str
    inquiry: bool
    due_by: datetime | None


class Reversals:
    """Of one payment order, for one reader; two statements, read when first asked for."""

    def __init__(self, payment_order_id: int, number: str, proven: Sequence[Row[Any]], reader: User) -> None:
        self.payment_order_id = payment_order_id
        self.number = number
        self.proven = proven
        self.reader = reader

    @cached_property
    def movements(self) -> Sequence[Any]:
        """Newest first."""
        return db.session.execute(
            select(
                Movement.id,
                Movement.action,
                Movement.status,
                Movement.parent_id,
                Movement.amount,
                Movement.currency,
                Movement.reason,
                Movement.elsewhere,
                Movement.credit_note,
                Movement.error,
                Movement.actor_name,
                Movement.actor_user_id,
                Movement.created_at,
                Movement.ask_at,
                User.name.label("decided_by"),
            )
            .outerjoin(User, User.id == Movement.decided_by_id)
            .where(Movement.payment_order_id == self.payment_order_id)
            .order_by(Movement.id.desc())
        ).all()

    @cached_property
    def disputes(self) -> Sequence[Any]:
        """Newest first, with what the bank has and has not given back."""
        taken = select(func.coalesce(func.sum(SIGNED), 0)).where(DisputeEntry.dispute_id == Dispute.id)
        return db.session.execute(
            select(
                Dispute.id,
                Dispute.number,
                Dispute.status,
                Dispute.amount,
                Dispute.currency,
                Dispute.reason,
                Dispute.inquiry,
                Dispute.due_by,
                Dispute.transaction_id,
                taken.correlate(Dispute).scalar_subquery().label("taken"),
            )
            .where(Dispute.payment_order_id == self.payment_order_id)
            .order_by(Dispute.id.desc())
        ).all()

    @property
    def hold(self) -> Row[Any] | None:
        """The authorization that may still be captured or voided."""
        ended = {x.parent_id for x in self.movements if x.status in movement_states.HOLDING}
        holds = (x for x in self.proven if x.action is A.AUTHORIZE and x.transaction_id not in ended)
        return next(holds, None)

    def left(self, transaction: Row[Any]) -> Money:
        """What no refund and no dispute has claimed of a capture."""
        refunds = sum(
            x.amount
            for x in self.movements
            if x.parent_id == transaction.transaction_id
            and x.action is A.REFUND
            and x.status in movement_states.HOLDING
        )
        disputed = sum(int(x.taken) for x in self.disputes if x.transaction_id == transaction.transaction_id)
        return Money(max(transaction.transaction_amount - refunds - disputed, 0), transaction.currency)

    @property
    def captures(self) -> list[Row[Any]]:
        return [x for x in self.proven if x.action in (A.CHARGE, A.CAPTURE)]

    @property
    def refundable(self) -> Row[Any] | None:
        """The newest capture with something left to give back, else the newest of all."""
        with_rest = (x for x in self.captures if self.left(x))
        return next(with_rest, self.captures[0] if self.captures else None)

    @property
    def underway(self) -> bool:
        return any(x.status in movement_states.ASKED for x in self.movements)

    def view(self) -> tuple[MovementView, ...]:
        return tuple(self._movement(x) for x in self.movements)

    def dispute_lines(self) -> tuple[DisputeLine, ...]:
        return tuple(
            DisputeLine(
                number=x.number,
                href=url_for("disputes.show", number=x.number),
                status=x.status,
                amount=Money(x.amount, x.currency),
                reason=x.reason,
                inquiry=x.inquiry,
                due_by=x.due_by,
            )
            for x in self.disputes
        )

    def _movement(self, row: Row[Any]) -> MovementView:
        return MovementView(
            what=str(WHAT[row.action]),
            status=row.status,
            amount=Money(row.amount, row.currency),
            reason=row.reason,
            by=row.actor_name,
            decided_by=row.decided_by,
            at=row.created_at,
            error=sentence(row.error),
            next_question=_next_question(row),
            elsewhere=row.elsewhere,
            credit_note=row.credit_note,
            trace=url_for("trace.transaction", transaction_id=row.parent_id),
            actions=tuple(self._actions(row)),
        )

    def _actions(self, row: Row[Any]) -> list[Action]:
        where: dict[str, Any] = {"number": self.number, "movement_id": row.id}
        if row.status in movement_states.ASKED:
            may = why_not(self.reader, Permission.PAYMENT_ASK_GATEWAY)
            href = url_for("payments.ask_movement", **where)
            return [_action("ask", _("Ask the gateway now"), "refresh", href, "post", may)]
        if row.status is not MovementStatus.REQUESTED:
            return []
        own = row.actor_user_id == self.reader.id
        may = why_not(self.reader, Permission.REFUND_APPROVE)
        approve = _action(
            "approve", _("Approve"), "circle-check", url_for("payments.approve_refund_form", **where), "dialog", may
        )
        label = _("Take it back") if own else _("Refuse")
        refuse = _action(
            "refuse", label, "ban", url_for("payments.refuse_refund_form", **where), "dialog", None if own else may
        )
        return [refuse] if own else [approve, refuse]


def _action(key: str, label: str, icon: str, href: str, how: Any, refusal: Any) -> Action:
    words = " ".join(x for x in (refusal.sentence, refusal.help) if x) if refusal else None
    return Action(key, label, icon, href, how, danger=key == "refuse", refusal=words)


def _next_question(row: Row[Any]) -> str | None:
    if row.status not in movement_states.ASKED or row.ask_at is None:
        return None
    return _("Asked again %(when)s.", when=ago(row.ask_at))
