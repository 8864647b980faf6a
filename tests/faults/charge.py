"""One charge, for a process of its own that is killed in it (see test_charge_kills)."""

from __future__ import annotations

from app.commands.payments import collection
from app.commands.payments.charges import Instrument
from app.db import db
from app.models import User

ALIAS = "sbx_card_visa_1231"


def charge(payment_order_id: int, user_id: int) -> None:
    by, card = db.session.get_one(User, user_id), Instrument(alias=ALIAS, label="Visa ending 4242")
    collection.collect(payment_order_id, pay_with=card, form_key="k1", by=by)
