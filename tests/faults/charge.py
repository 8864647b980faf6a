"""One charge in a process of its own, to be killed at a failpoint (see test_charge_kills)."""

from __future__ import annotations

import sys
from pathlib import Path

from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.db import db
from app.models import User
from tests.conftest import make_app


def main(database: str, instance: str, payment_order_id: str, user_id: str, alias: str, failpoint: str) -> None:
    app = make_app(database, Path(instance), FAILPOINT=failpoint)
    with app.app_context():
        user = db.session.get_one(User, int(user_id))
        collection.collect(
            int(payment_order_id), pay_with=Instrument(alias=alias, label="Visa ending 4242"), form_key="k1", by=user
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
