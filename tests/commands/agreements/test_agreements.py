"""Making agreements: with the order that has recurring lines, or by hand, each with its schedule and its versions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from dateutil.relativedelta import relativedelta
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError

from app import canonical, clock
from app.access import Role
from app.commands.agreements import agreements, charging, ending, renewing
from app.commands.agreements.agreements import LineFacts
from app.commands.orders import orders
from app.db import db, transaction
from app.errors import Refusal, StaleVersion
from app.models import (
    AgreementVersion,
    CollectionMethod,
    Frequency,
    Instalment,
    Invoice,
    PaymentAgreement,
    Proration,
    Renewal,
    SalesOrder,
    ScheduledPayment,
    Subscription,
)
from app.models.quote import Due
from app.states.agreement import AgreementStatus
from app.states.scheduled_payment import ScheduledStatus
from tests import factories, plans
from tests.gateways.scripted import ScriptedGateway


def count(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_booked_order_brings_one_agreement_per_frequency_and_pays_its_first_period(
    gateway: ScriptedGateway,
) -> None:
    lines = [
        factories.line(1),
        factories.licence(2),
        factories.licence(3, unit_price=Decimal(10)),
        factories.licence(4, frequency=Frequency.YEARLY),
    ]
    first = plans.by_order(lines=lines)
    found = db.session.scalars(select(PaymentAgreement).order_by(PaymentAgreement.frequency)).all()
    assert [(x.frequency, len(x.lines)) for x in found] == [(Frequency.MONTHLY, 2), (Frequency.YEARLY, 1)]
    monthly = found[0]
    assert monthly.status is AgreementStatus.ACTIVE and monthly.collection is CollectionMethod.SAVED_METHOD
    assert monthly.method_id is not None and monthly.consent_text == "May be kept."
    today = clock.today(factories.ZONE)
    rows = plans.payments(monthly)
    assert [row.period for row in rows] == list(range(2, 14))
    assert [row.due_on for row in rows] == [today + relativedelta(months=n) for n in range(1, 13)]
    assert {row.amount for row in rows} == {41055} and rows[0].covers_to == rows[1].covers_from - timedelta(days=1)
    held = db.session.scalars(select(Subscription)).all()
    assert len(held) == 3 and {x.agreement_id for x in held} == {x.id for x in found} and first in found
    assert plans.broken() == []


def test_a_line_that_starts_later_is_charged_on_days_of_its_own(gateway: ScriptedGateway) -> None:
    with time_machine.travel("2027-01-01 10:00:00+00:00", tick=False) as when:
        lines = [factories.licence(1), factories.licence(2, activation_date=date(2027, 3, 15))]
        order_id = plans.by_order(lines=lines, term_months=4).order_id
        now, later = db.session.scalars(select(PaymentAgreement).order_by(PaymentAgreement.anchor)).all()
        assert (now.order_id, later.order_id) == (order_id, order_id)
        assert plans.days(now) == [date(2027, 2, 1), date(2027, 3, 1), date(2027, 4, 1)]
        assert plans.days(later) == [date(2027, 4, 15), date(2027, 5, 15), date(2027, 6, 15)]
        assert (now.ends_on, later.ends_on) == (date(2027, 4, 30), date(2027, 7, 14))
        when.move_to("2027-03-01 10:00:00+00:00")
        assert charging.run() == 2
        bills = db.session.scalars(select(Invoice).where(Invoice.order_id.is_(None))).all()
        assert [bill.gross for bill in bills] == [29155, 29155] and plans.broken() == []


def test_an_order_on_terms_is_collected_by_invoice_and_a_free_line_needs_no_agreement(app: Flask) -> None:
    manager = factories.user(Role.SALES_MANAGER)
    lines = [factories.licence(1), factories.licence(2, frequency=Frequency.YEARLY, unit_price=Decimal(0))]
    order = factories.order(owner=manager, lines=lines)
    with transaction() as session:
        later = Instalment(position=1, percent=Decimal(100), due=Due.DATE, due_date=date(2030, 1, 1))
        session.get_one(SalesOrder, order.id).instalments = [later]
    orders.book(order.id, by=manager)
    row = plans.of_order(order.id)
    assert count(PaymentAgreement) == 1
    assert row.collection is CollectionMethod.PAYMENT_LINK and row.consent_how == "booked on terms"


def test_a_term_ends_the_schedule(gateway: ScriptedGateway) -> None:
    row = plans.by_order(term_months=3)
    assert [x.period for x in plans.payments(row)] == [2, 3]
    assert row.ends_on == plans.payments(row)[-1].covers_to


@time_machine.travel("2027-01-31 12:00:00+00:00", tick=False)
def test_the_schedule_keeps_its_anchor_and_is_kept_ahead(app: Flask) -> None:
    row = plans.by_hand(starts_on=date(2027, 1, 31))
    expected = [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]
    assert plans.days(row)[:4] == expected and len(plans.days(row)) == 13
    # In Berlin the day begins an hour, in summer two, before it does in UTC.
    due = [x.due_at.isoformat() for x in plans.payments(row)]
    assert due[1] == "2027-02-27T23:00:00+00:00" and due[3] == "2027-04-29T22:00:00+00:00"
    with time_machine.travel("2027-03-31 12:00:00+00:00", tick=False):
        assert ending.keep_going() == 1
        assert len(plans.days(row)) == 15 and plans.days(row)[-1] == date(2028, 3, 31)
        assert ending.keep_going() == 0


def test_a_term_longer_than_what_is_kept_ahead_is_billed_every_month_to_its_end(app: Flask) -> None:
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=False) as when:
        row = plans.by_hand(starts_on=date(2027, 2, 1), ends_on=date(2029, 1, 31))
        for month in range(24):
            when.move_to(datetime(2027, 2, 1, 10, tzinfo=UTC) + relativedelta(months=month))
            ending.keep_going()
            assert charging.run() == 1, f"month {month + 1}"
        assert len(plans.payments(row)) == 24 and ending.keep_going() == 0 and plans.broken() == []


@pytest.mark.parametrize(("rule", "last"), [(Proration.NONE, 11900), (Proration.DAILY, 3967)])
@time_machine.travel("2027-04-01 12:00:00+00:00", tick=False)
def test_a_last_period_that_is_cut_short_follows_the_rule(app: Flask, rule: Proration, last: int) -> None:
    row = plans.by_hand(starts_on=date(2027, 4, 1), ends_on=date(2027, 6, 10), proration=rule)
    rows = plans.payments(row)
    assert [x.amount for x in rows] == [11900, 11900, last] and rows[-1].covers_to == date(2027, 6, 10)


YEARLY = {"frequency": Frequency.YEARLY, "quantity": Decimal(1), "unit_price": Decimal(1200)}


@pytest.mark.parametrize(
    ("renewal", "until", "amount"),
    [(Renewal.NONE, date(2028, 6, 30), 71010), (Renewal.AUTO, date(2028, 12, 31), 142800)],
)
@time_machine.travel("2027-01-01 12:00:00+00:00", tick=False)
def test_an_orders_term_that_cuts_its_last_period_is_paid_by_days_unless_it_goes_on(
    gateway: ScriptedGateway, renewal: Renewal, until: date, amount: int
) -> None:
    row = plans.by_order(lines=[factories.licence(1, **YEARLY)], term_months=18, renewal=renewal)
    last = plans.payments(row)[-1]
    assert (last.period, last.covers_to, last.amount) == (2, until, amount)  # of 366 days 182


@time_machine.travel("2027-01-01 12:00:00+00:00", tick=False)
def test_a_term_renewed_by_hand_goes_on_the_day_after_what_was_paid(gateway: ScriptedGateway) -> None:
    row = plans.by_order(lines=[factories.licence(1, **YEARLY)], term_months=18, renewal=Renewal.MANUAL)
    billing = factories.user(Role.BILLING)
    with time_machine.travel("2028-03-01 12:00:00+00:00", tick=False):
        charging.run()
        version = plans.fresh(row).version
        renewing.renew(row.id, 24, version=version, because="", by=billing)
        with pytest.raises(StaleVersion):
            renewing.renew(row.id, 24, version=version, because="", by=billing)
        assert plans.fresh(row).ends_on == date(2030, 6, 30)
        covers = [(x.period, x.covers_from, x.covers_to, x.amount) for x in plans.payments(row)]
        assert covers == [
            (2, date(2028, 1, 1), date(2028, 6, 30), 71010),
            (3, date(2028, 7, 1), date(2029, 6, 30), 142800),
            (4, date(2029, 7, 1), date(2030, 6, 30), 142800),
        ]
        assert db.session.scalars(select(Subscription.ends_on)).one() == date(2030, 6, 30) and plans.broken() == []
        ending.cancel(row.id, at_period_end=False, because="Closing", by=billing)
        with pytest.raises(Refusal, match="not_renewable"):
            renewing.renew(row.id, 24, version=9, because="", by=billing)


def test_a_version_is_what_was_agreed_and_never_changes(app: Flask) -> None:
    row = plans.by_hand()
    version = db.session.scalars(select(AgreementVersion).where(AgreementVersion.agreement_id == row.id)).one()
    assert version.version == row.version == 1 and version.sha256 == canonical.sha256(version.content)
    assert '"gross":11900' in version.content and "We agree to pay this every month." in version.content
    with pytest.raises(DatabaseError, match="append-only"), transaction() as session:
        session.get_one(AgreementVersion, version.id).content = "{}"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lines": (LineFacts("Nothing", Decimal(1), Decimal(0), Decimal(19)),)}, "nothing_to_pay"),
        ({"starts_on": date(2020, 1, 1)}, "starts_too_early"),
        ({"ends_on": date(2020, 1, 1)}, "ends_too_early"),
        ({"trial_ends_on": date(2099, 1, 1)}, "trial_too_long"),
        ({"consent_text": " "}, "consent_missing"),
        ({"collection": CollectionMethod.SAVED_METHOD}, "no_method"),
    ],
)
def test_what_cannot_be_agreed_is_refused(app: Flask, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        plans.by_hand(**changes)
    assert refused.value.code == code and count(PaymentAgreement) == count(ScheduledPayment) == 0


def test_a_card_or_contact_of_another_account_is_refused(app: Flask) -> None:
    stranger = factories.account()
    card = plans.moves.card(stranger)
    for changes in ({"method_id": card.id}, {"contact_id": stranger.billing_contact_id}):
        with pytest.raises(Refusal):
            plans.by_hand(collection=CollectionMethod.SAVED_METHOD, **changes)
    assert count(PaymentAgreement) == 0


def test_pressing_twice_makes_one(app: Flask) -> None:
    customer, by = factories.account(), factories.user(Role.BILLING)
    made = [agreements.create(customer.id, plans.terms(), form_key="k", by=by).id for _ in range(2)]
    assert made[0] == made[1] and count(PaymentAgreement) == 1
    agreements.activate(made[0], by=by)
    with pytest.raises(Refusal, match="not_a_draft"):
        agreements.activate(made[0], by=by)


def test_a_cancelled_order_takes_its_agreements_with_it(app: Flask) -> None:
    manager = factories.user(Role.SALES_MANAGER)
    order = factories.order(owner=manager, start_date=clock.today(factories.ZONE) + timedelta(days=5))
    with transaction() as session:
        later = Instalment(position=1, percent=Decimal(100), due=Due.DATE, due_date=date(2030, 1, 1))
        session.get_one(SalesOrder, order.id).instalments = [later]
    orders.book(order.id, by=manager)
    row = plans.of_order(order.id)
    assert row.status is AgreementStatus.ACTIVE
    orders.cancel(order.id, because="Not wanted", by=manager)
    assert plans.fresh(row).status is AgreementStatus.CANCELLED
    assert {x.status for x in plans.payments(row)} == {ScheduledStatus.CANCELLED}


@time_machine.travel("2027-01-02 12:00:00+00:00", tick=False)
def test_an_old_draft_begins_on_a_day_to_come_or_not_at_all(app: Flask) -> None:
    row = plans.by_hand(active=False, starts_on=date(2027, 1, 5), ends_on=date(2027, 5, 4))
    with time_machine.travel("2027-03-20 12:00:00+00:00", tick=False):
        for first_on, code in ((None, "starts_too_early"), (date(2027, 5, 5), "ends_too_early")):
            with pytest.raises(Refusal, match=code):
                agreements.activate(row.id, first_on=first_on, by=factories.user(Role.BILLING))
        assert plans.fresh(row).status is AgreementStatus.DRAFT and len(plans.days(row)) == 4
        agreements.activate(row.id, first_on=date(2027, 3, 22), by=factories.user(Role.BILLING))
        assert plans.days(row) == [date(2027, 3, 22), date(2027, 4, 22)] and plans.fresh(row).version == 2
        assert charging.run() == 0 and plans.broken() == []
