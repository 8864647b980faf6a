"""Reminders of unpaid invoices: each step once, only the newest after a standstill, none where something collects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from app import clock, settings
from app.access import Role
from app.commands.agreements import charging
from app.commands.office import settings as turning
from app.commands.payments import charges, disputes, payment_orders
from app.commands.post import mail_delivery
from app.commands.receivables import issuing, offline, reminders, write_offs
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.gateways.sandbox import disputes as sandbox
from app.mail import policy
from app.models import (
    Account,
    Actor,
    CollectionMethod,
    Escalation,
    IntentPurpose,
    Invoice,
    InvoiceReminder,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    SalesOrder,
    User,
)
from app.queries.invoices import reminders as shown
from app.states.mail import MailStatus
from app.states.order import OrderStatus
from tests import factories, ledgers, plans
from tests.commands import moving
from tests.commands.collecting import CARD, booked, close_route, hold, request
from tests.gateways.scripted import ScriptedGateway

NOON = "2027-03-01 12:00:00+00:00"


@pytest.fixture
def clerk(app: Flask) -> User:
    return factories.user(Role.AR)


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


def bill(**changes: Any) -> Invoice:
    """Due on 15 March."""
    with time_machine.travel(NOON, tick=False):
        row = ledgers.invoice(**changes)
    end_read()
    return row


def on(day: int, hour: int = 12) -> Any:
    """So many days after the invoice is due."""
    return time_machine.travel(datetime(2027, 3, 15, hour, tzinfo=UTC) + timedelta(days=day), tick=False)


def sweep(day: int, hour: int = 12) -> int:
    with on(day, hour):
        sent = reminders.send_due()
        end_read()
        return sent


def test_before_there_is_a_company_nobody_is_reminded(app: Flask) -> None:
    assert sweep(1) == 0


def steps() -> list[int | None]:
    db.session.expire_all()
    found = list(db.session.scalars(select(InvoiceReminder.step).order_by(InvoiceReminder.id)))
    end_read()
    return found


def mails() -> list[OrderEmail]:
    return list(db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "invoice_reminder")))


def test_day_after_day_each_step_once(clerk: User) -> None:
    row = bill()
    for day in (*range(-5, 16), 28, 39):
        sweep(day)
        sweep(day)
    assert steps() == [-3, 1, 7, 14]
    first, second, *_ = mails()
    assert first.subject == f"Invoice {row.number}: €119.00 is due on 15 Mar 2027"
    assert second.subject == f"Reminder: invoice {row.number}, €119.00 was due on 15 Mar 2027"
    assert len(first.attachments) == 1 and first.link_kind is None
    assert f"bank transfer with the reference {row.number}" in second.text


def test_after_a_week_without_a_clock_only_the_newest_goes_out(clerk: User) -> None:
    bill()
    assert [sweep(day) for day in (-3, 8, 9, 13)] == [1, 1, 0, 0]
    assert steps() == [-3, 7]


def test_an_invoice_due_at_once_is_not_reminded_of_on_its_day(clerk: User) -> None:
    bill(issued_on=date(2027, 3, 15))
    with on(0):
        found = select(Invoice.id).where(reminders._waits_for((-3, 1), 0, date(2027, 3, 15)))
        assert db.session.scalars(found).all() == [], "what has no step is not looked at"
        end_read()
    assert [sweep(day) for day in (0, 1)] == [0, 1] and steps() == [1]


def test_nobody_is_written_to_at_night_or_about_old_debts(clerk: User) -> None:
    bill()
    assert sweep(1, hour=3) == 0 and sweep(60) == 0 and steps() == []


def test_the_mail_carries_the_link_that_lives(app: Flask, gateway: ScriptedGateway) -> None:
    with time_machine.travel("2027-03-01 12:00:00+00:00", tick=False):
        plans.by_hand()
        charging.batch(50)
        due_on = db.session.scalars(select(Invoice)).one().due_date
    end_read()
    assert due_on is not None
    with time_machine.travel(clock.start_of_day(due_on, "Europe/Berlin") + timedelta(hours=12, days=-3), tick=False):
        assert reminders.send_due() == 1
    (mail,) = mails()
    assert mail.link_kind == "pay" and "Pay €119.00" in mail.text
    with transaction() as session:
        intent = session.scalars(select(PaymentIntent)).one()
        assert [shown.link_of(mail.subject_id, due) for due in (11_899, 11_901)] == [None, None]
        intent.purpose = IntentPurpose.STAFF
    assert shown.link_of(mail.subject_id, 11_900) is None


def on_terms(boss: User) -> tuple[SalesOrder, Invoice]:
    """369.49 of an order, due on 15 March, which nothing asks for yet."""
    with time_machine.travel(NOON, tick=False):
        order = booked(boss)
        row = issuing.on_terms(order.id, by=boss)
    end_read()
    return order, row


def payable() -> list[tuple[str, int | None, int]]:
    """What there is to pay by link: purpose, invoice and amount."""
    query = select(PaymentOrder, PaymentIntent).join(PaymentIntent, PaymentIntent.payment_order_id == PaymentOrder.id)
    rows = db.session.execute(query.where(PaymentIntent.purpose == IntentPurpose.LINK).order_by(PaymentIntent.id))
    found = [(row.purpose, row.invoice_id, intent.amount) for row, intent in rows]
    end_read()
    return found


def test_where_nothing_asks_for_it_yet_the_reminder_itself_opens_a_link(gateway: ScriptedGateway, boss: User) -> None:
    _, row = on_terms(boss)
    assert [sweep(day) for day in (-3, 1)] == [1, 1]
    assert payable() == [(f"Invoice {row.number}", row.id, 36_949)], "the second carries the same"
    first, second = mails()
    assert first.link_public_id == second.link_public_id is not None and "Pay €369.49" in second.text
    assert sweep(7) == 1
    with on(7):
        intent = db.session.scalars(select(PaymentIntent).where(PaymentIntent.public_id == first.link_public_id)).one()
        charges.execute(charges.start(intent.id, pay_with=CARD, form_key="pay", by=Actor.customer("Maria")).id)
    assert ledgers.standing(row) == ("paid", 0) and sweep(14) == 0


def test_it_carries_the_link_of_what_asks_for_the_order_and_none_past_an_agreement(
    gateway: ScriptedGateway, boss: User
) -> None:
    order, row = on_terms(boss)
    with on(-10):
        asked = request(order, boss, minor=36_949)
    assert sweep(-3) == 1 and payable() == [("Second instalment", None, 36_949)]
    with on(-2):
        payment_orders.cancel(asked.id, because="By wire", by=boss)
        request(order, boss, minor=36_949, key="wire", collection=CollectionMethod.OFFLINE)
    assert sweep(1) == 1 and mails()[-1].link_kind is None and "bank transfer" in mails()[-1].text


@pytest.mark.parametrize("why", ["hold", "quote", "route"])
def test_where_no_payment_may_be_asked_for_it_goes_without(gateway: ScriptedGateway, boss: User, why: str) -> None:
    order, row = on_terms(boss)
    with transaction() as session:
        if why == "quote":
            session.get_one(SalesOrder, order.id).quote_id = None
    if why == "hold":
        hold(row.account_id)
    if why == "route":
        close_route()
    assert sweep(-3) == 1 and payable() == [] and mails()[0].link_kind is None


def paid(row: Invoice, by: User) -> None:
    offline.for_invoice(row.id, ledgers.came(11_900), form_key="wire", by=by)


def written_off(row: Invoice, by: User) -> None:
    write_offs.write_off(row.id, because="Gone", form_key="off", by=by)


def stopped(row: Invoice, by: User) -> None:
    reminders.stop(row.id, because="They pay on Friday", by=by)


def switched_off(row: Invoice, by: User) -> None:
    turning.turn(settings.REMINDERS.key, False, by=factories.user(Role.ADMIN))


@pytest.mark.parametrize("ends", [paid, written_off, stopped, switched_off])
def test_none_where_there_is_nothing_to_remind_of(clerk: User, ends: Callable[[Invoice, User], None]) -> None:
    row = bill()
    assert sweep(-3) == 1
    with on(0):
        ends(row, clerk)
    end_read()
    assert [sweep(day) for day in (1, 7, 14)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("answer", "because"), [("insufficient_funds", "dunning"), ("lost before", "payment_in_progress")]
)
def test_none_where_something_else_collects(app: Flask, gateway: ScriptedGateway, answer: str, because: str) -> None:
    gateway.answers = [answer]
    with time_machine.travel(NOON, tick=False):
        plans.by_hand(card=True)
        charging.batch(50)
        invoice_id = db.session.scalars(select(Invoice.id)).one()
    end_read()
    with time_machine.travel("2027-03-02 12:00:00+00:00", tick=False):
        refusal = shown.why_not(invoice_id)
        assert refusal is not None and refusal.code == because
        end_read()
        assert reminders.send_due() == 0 and mails() == []


def test_a_disputed_payment_is_not_reminded_of(app: Flask) -> None:
    charge = moving.paid(factories.user(Role.ADMIN))
    facts = sandbox.open_one("sandbox", charge.provider_id, amount=None)
    disputes.hear(charge.gateway_id, facts.provider_id)
    refusal = shown.why_not(db.session.scalars(select(Invoice.id)).one())
    assert refusal is not None and refusal.code == "disputed"


def test_one_by_hand_is_sent_once_and_the_clock_waits_a_day(clerk: User) -> None:
    row = bill()
    with on(1, hour=7):
        first, second = (reminders.send_now(row.id, form_key="once", by=clerk) for _ in range(2))
        assert first.id == second.id
    end_read()
    assert sweep(1) == 0 and sweep(2) == 1 and steps() == [None, 1]
    with on(3), pytest.raises(Refusal) as found:
        reminders.send_now(row.id, form_key="mine", by=factories.user(Role.SALESPERSON))
    assert found.value.code == "not_permitted"


def test_another_by_hand_waits_an_hour_and_says_when_the_last_one_went_out(clerk: User) -> None:
    row = bill()
    with on(1, hour=9):
        reminders.send_now(row.id, form_key="mine", by=clerk)
    end_read()
    with time_machine.travel("2027-03-16 09:20:00+00:00", tick=False):
        with pytest.raises(Refusal, match="went out 20 minutes ago") as found:
            reminders.send_now(row.id, form_key="yours", by=factories.user(Role.AR))
        assert found.value.code == "just_reminded" and len(mails()) == 1
        with transaction():
            db.session.get_one(OrderEmail, mails()[0].id).status = MailStatus.FAILED
        reminders.send_now(row.id, form_key="again", by=clerk)  # the last one did not reach anybody
    end_read()
    with on(1, hour=11):
        reminders.send_now(row.id, form_key="later", by=clerk)
    assert steps() == [None] * 3


def test_one_in_the_evening_holds_back_none_of_the_next_morning(clerk: User) -> None:
    row = bill()
    with on(0, hour=20):
        reminders.send_now(row.id, form_key="late", by=clerk)
        assert shown.view(row.id, row.status, row.issued_on, row.due_date, date(2027, 3, 15)).coming[0] == (
            "1 day overdue",
            date(2027, 3, 16),
        )
    end_read()
    assert sweep(1, hour=8) == 1 and steps() == [None, 1]


def test_none_by_hand_where_the_kind_is_switched_off(clerk: User, monkeypatch: pytest.MonkeyPatch) -> None:
    row = bill()
    monkeypatch.setattr(policy, "is_on", lambda kind: False)
    with on(1):
        assert not shown.view(row.id, row.status, row.issued_on, row.due_date, date(2027, 3, 16)).can_send
        with pytest.raises(Refusal, match="Order Email Settings") as found:
            reminders.send_now(row.id, form_key="off", by=clerk)
    assert found.value.code == "switched_off"


def test_what_waited_too_long_to_be_true_does_not_leave(clerk: User) -> None:
    settled, open_ = bill(), bill()
    assert [sweep(-3), sweep(1)] == [2, 2]
    with on(2):
        paid(settled, clerk)
        with transaction():
            db.session.execute(update(OrderEmail).values(attachments=[]))
            ids = list(db.session.scalars(select(OrderEmail.id).where(OrderEmail.kind == "invoice_reminder")))
            db.session.execute(update(OrderEmail).values(link_kind="pay", link_public_id="gone"))
        mail_delivery.deliver_all([{"email_id": id} for id in ids])
        end_read()
    db.session.expire_all()
    became = {(x.subject_id, x.status.value, x.last_error) for x in mails()}
    assert became == {
        (settled.id, "failed", "Its invoice is not open any more."),
        (open_.id, "failed", "A newer reminder of the invoice takes its place."),
        (open_.id, "sent", None),
    }
    assert db.session.scalars(select(Escalation.id)).all() == []


def test_no_link_is_offered_where_nobody_can_make_one(clerk: User) -> None:
    row = bill()
    with transaction():
        db.session.get_one(SalesOrder, row.order_id).status = OrderStatus.CANCELLED
    assert sweep(1) == 1
    (mail,) = mails()
    for body in (mail.text, mail.html):
        assert f"with the reference {row.number}." in body and "ask for a payment link" not in body


def test_stopping_needs_a_reason_and_going_on_takes_up_the_newest(clerk: User) -> None:
    row = bill()
    with on(-5), pytest.raises(Refusal) as found:
        reminders.stop(row.id, because=" ", by=clerk)
    assert found.value.code == "reason_missing"
    db.session.rollback()
    with on(-5):
        assert (
            reminders.stop(row.id, because="Asked", by=clerk).id == reminders.stop(row.id, because="Again", by=clerk).id
        )
    end_read()
    assert sweep(8) == 0
    with on(9):
        assert reminders.go_on(row.id, by=clerk) and not reminders.go_on(row.id, by=clerk)
    end_read()
    assert sweep(9) == 1 and steps() == [7]


def test_where_nobody_can_be_written_to_the_others_are(clerk: User) -> None:
    lonely, other = bill(), bill()
    with transaction():
        account = db.session.get_one(Account, lonely.account_id)
        account.billing_contact_id, account.ap_email = None, ""
        db.session.get_one(SalesOrder, lonely.order_id).contact_id = None
    assert sweep(1) == 1
    assert db.session.scalars(select(InvoiceReminder.invoice_id)).all() == [other.id]


def test_a_policy_is_checked_wherever_it_comes_from(app: Flask) -> None:
    admin = factories.user(Role.ADMIN)
    for text in ("", "soon", "1, 1", "200"):
        with pytest.raises(Refusal) as found:
            turning.turn(settings.REMINDER_DAYS.key, text, by=admin)
        assert found.value.code == "out_of_bounds"


def test_another_policy_is_followed_from_then_on(clerk: User) -> None:
    bill()
    assert sweep(-3) == 1
    turning.turn(settings.REMINDER_DAYS.key, "2, 5", by=factories.user(Role.ADMIN))
    settings.forget()
    end_read()
    assert [sweep(day) for day in (1, 2, 5)] == [0, 1, 1] and steps() == [-3, 2, 5]
