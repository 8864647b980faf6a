"""One refund or capture, for a process of its own that is killed in it (see test_movement_kills)."""

from __future__ import annotations

from app.commands.payments import movements
from app.db import db
from app.models import Transaction, User
from app.money import Money


def move(what: str, transaction_id: int, user_id: int) -> None:
    by, of = db.session.get_one(User, user_id), db.session.get_one(Transaction, transaction_id)
    amount = Money(of.amount, of.currency)
    if what == "refund":
        movements.refund(transaction_id, amount=amount, because="Returned", form_key="k", by=by)
    else:
        movements.capture(transaction_id, amount=amount, form_key="k", by=by)
