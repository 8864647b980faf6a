"""What must hold of the money whatever happened; used after every fault test. Numbers are those of the invariants."""

from __future__ import annotations

from sqlalchemy import func, select

from app.db import db
from app.gateways.sandbox.tables import SandboxCharge
from app.models import Allocation, Attempt, Invoice, PaymentIntent, Receipt, Transaction
from app.states.attempt import OPEN
from app.states.intent import IntentStatus


def broken_invariants() -> list[str]:
    broken = []
    if receipts_per_capture() != 0:
        broken.append("6: a capture has no receipt, or more than one")
    if over_allocated():
        broken.append("5: more is allocated than a receipt or an invoice holds")
    if doubled(Attempt.payment_order_id, Attempt.status.in_(OPEN)):
        broken.append("8: two open attempts")
    if doubled(PaymentIntent.payment_order_id, PaymentIntent.status == IntentStatus.LIVE):
        broken.append("8: two live intents")
    if books() != ours():
        broken.append("25: the gateway's books and ours differ")
    return broken


def receipts_per_capture() -> int:
    captures = db.session.scalar(select(func.count(Transaction.id))) or 0
    receipts = db.session.scalar(select(func.count(Receipt.transaction_id.distinct()))) or 0
    return captures - receipts


def over_allocated() -> bool:
    for model, column, amount in (
        (Receipt, Allocation.receipt_id, Receipt.amount),
        (Invoice, Allocation.invoice_id, Invoice.gross),
    ):
        used = select(column.label("id"), func.sum(Allocation.amount).label("used")).group_by(column).subquery()
        over = select(model).join(used, used.c.id == model.id).where(used.c.used > amount)
        if db.session.execute(over).first() is not None:
            return True
    return False


def doubled(column: object, condition: object) -> bool:
    query = select(column).where(condition).group_by(column).having(func.count() > 1)  # type: ignore[call-overload]
    return db.session.execute(query).first() is not None


def books() -> set[tuple[str, int, str]]:
    charges = select(SandboxCharge.ref, SandboxCharge.amount, SandboxCharge.currency)
    return {tuple(row) for row in db.session.execute(charges.where(SandboxCharge.state == "succeeded"))}  # type: ignore[misc]


def ours() -> set[tuple[str, int, str]]:
    rows = db.session.execute(select(Transaction.provider_id, Transaction.amount, Transaction.currency))
    return {tuple(row) for row in rows}  # type: ignore[misc]
