"""The demo company's recurring plans beside those that its orders made, and what became of some of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select

from .. import clock
from ..commands.agreements import agreements, charging, ending, pausing
from ..commands.agreements.agreements import LineFacts, Terms
from ..db import db, end_read
from ..models import (
    Account,
    CollectionMethod,
    Frequency,
    Missed,
    Opportunity,
    PaymentAgreement,
    PaymentMethod,
    SalesOrder,
    User,
)
from ..queries.calendar import selling_day
from . import gateways
from .post import deliver

AGREED = "We agree to pay this each period until we cancel, from the card named here or by invoice."


def begin(account_ids: dict[str, int], *, by: User) -> None:
    """Made by hand: one that is charged each week, one whose card will be declined, and a draft."""
    with clock.turned_back(timedelta(days=30)):
        method = db.session.scalars(
            select(PaymentMethod.id).where(PaymentMethod.account_id == account_ids["maren"])
        ).first()
        make(account_ids["maren"], "Ward hotline", 90, Frequency.WEEKLY, 2, method, by=by)
    with clock.turned_back(timedelta(days=24)):
        gateways.keep(account_ids["jordi"], gateways.EUROPE, "declines-later")
        kept = db.session.scalars(
            select(PaymentMethod.id).where(PaymentMethod.account_id == account_ids["jordi"])
        ).first()
        make(account_ids["jordi"], "Wristband refill", 240, Frequency.MONTHLY, 5, kept, by=by)
    with clock.turned_back(timedelta(days=2)):
        make(account_ids["thames"], "Handbook updates", 480, Frequency.YEARLY, 20, None, active=False, by=by)


def make(
    account_id: int,
    what: str,
    price: int,
    frequency: Frequency,
    starts_in: int,
    method_id: int | None,
    *,
    active: bool = True,
    by: User,
) -> None:
    terms = Terms(
        frequency=frequency,
        starts_on=selling_day() + timedelta(days=starts_in),
        lines=(LineFacts(what, Decimal(1), Decimal(price), Decimal(19)),),
        collection=CollectionMethod.SAVED_METHOD if method_id else CollectionMethod.PAYMENT_LINK,
        method_id=method_id,
        consent_text=AGREED,
        consent_by=db.session.get_one(Account, account_id).contacts[0].name,
        consent_how="by phone",
    )
    end_read()
    row = agreements.create(account_id, terms, form_key=f"demo-agreement-{account_id}", by=by)
    if active:
        agreements.activate(row.id, by=by)


def live_through() -> None:
    """What the clock does for agreements by itself, on the day that it is set to."""
    if charging.run() + charging.fall_behind():
        deliver()
    ending.keep_going()
    pausing.resume_due()
    end_read()


def tell(*, by: User) -> None:
    """One is paused for a while, another one ends with its period."""
    with clock.turned_back(timedelta(days=3)):
        until = selling_day() + timedelta(days=40)
        because = "Two of the six homes are being rebuilt"
        paused = _of_deal("Care desk for six homes")
        pausing.pause(paused, until=until, missed=Missed.SKIP, because=because, by=by)
        deliver()
    with clock.turned_back(timedelta(days=2)):
        ending.cancel(
            _of_deal("Premium desk and archive"), at_period_end=True, because="They build one of their own", by=by
        )
        deliver()


def _of_deal(name: str) -> int:
    """The agreement that the deal's order made."""
    query = (
        select(PaymentAgreement.id)
        .join(SalesOrder, SalesOrder.id == PaymentAgreement.order_id)
        .join(Opportunity, Opportunity.id == SalesOrder.opportunity_id)
        .where(Opportunity.name == name)
        .order_by(PaymentAgreement.id)
    )
    found = db.session.scalars(query).first()
    end_read()
    if found is None:
        raise LookupError(f"no agreement of {name}")
    return found
