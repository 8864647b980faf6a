"""One refund or capture in a process of its own, to be killed at a failpoint (see test_movement_kills)."""

from __future__ import annotations

import sys
from pathlib import Path

from app.commands.payments import movements
from app.db import db
from app.models import Transaction, User
from app.money import Money
from tests.conftest import make_app


def main(database: str, instance: str, what: str, transaction_id: str, user_id: str, failpoint: str) -> None:
    app = make_app(database, Path(instance), FAILPOINT=failpoint)
    with app.app_context():
        move(what, int(transaction_id), int(user_id))


def move(what: str, transaction_id: int, user_id: int) -> None:
    by, of = db.session.get_one(User, user_id), db.session.get_one(Transaction, transaction_id)
    amount = Money(of.amount, of.currency)
    if what == "refund":
        movements.refund(transaction_id, amount=amount, because="Returned", form_key="k", by=by)
    else:
        movements.capture(transaction_id, amount=amount, form_key="k", by=by)


if __name__ == "__main__":
    main(*sys.argv[1:])
