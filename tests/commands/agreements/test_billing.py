"""What is due by invoice: billed on its day, asked for by a link, and behind once that day is over."""

from __future__ import annotations

from datetime import date

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app.access import Role
from app.commands.agreements import charging
from app.commands.payments import collection, inquiries, payment_links
from app.commands.payments.charges import Instrument
from app.commands.post import email_settings
from app.db import db, end_read, transaction
from app.mail.policy import Rule, Setting
from app.models import (
    Account,
    CollectionMethod,
    Document,
    Invoice,
    OrderEmail,
    PaymentAgreement,
    PaymentIntent,
)
from app.queries.agreements import untaken, verdict
from app.queries.invoices import reminders
from app.states.agreement import AgreementStatus as A
from app.states.mail import MailStatus
from tests import factories, plans
from tests.commands.collecting import hold
from tests.gateways.scripted import ScriptedGateway
from tests.plans import at
from tests.statements import planned

pytestmark = pytest.mark.usefixtures("in_january")


def test_what_falls_behind_is_found_among_what_is_being_collected(app: Flask) -> None:
    with planned() as steps:
        charging.fall_behind()
    assert "SCAN scheduled_payment USING INDEX ix_scheduled_payment_collecting" in steps


def test_by_invoice_the_customer_gets_a_link_and_falls_behind_after_its_day(gateway: ScriptedGateway) -> None:
    row = plans.by_hand(starts_on=date(2027, 2, 1))
    with at("02-01"):
        assert charging.run() == 1 and charging.run() == 0
        asked = plans.payments(row)[0]
        assert asked.status == "collecting" and gateway.calls == []
        mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "payment_link")).one()
        assert "119.00" in mail.text and "1 Feb 2027 to 28 Feb 2027" in mail.text
        bill = db.session.get_one(Invoice, asked.invoice_id)
        assert bill.number in mail.text and bill.number in mail.subject and "by 15 Feb 2027" in mail.text
        (paper,) = [db.session.get_one(Document, id) for id in mail.attachments]
        assert (paper.kind, paper.subject_id) == ("invoice", bill.id)
        assert [(r["role"], r["reason"]) for r in mail.recipients] == [("to", "billing contact of the account")]
        assert db.session.get_one(Invoice, asked.invoice_id).due_date == date(2027, 2, 15)
        assert verdict.of(row.id).live
        end_read()
    with at("02-15"):
        assert charging.fall_behind() == 0
    with at("02-16"):
        assert charging.fall_behind() == 1 and plans.fresh(row).status is A.PAST_DUE
        collection.collect(
            asked.payment_order_id or 0,
            pay_with=Instrument(alias="card-ok", label="Visa"),
            form_key="k",
            by=factories.user(Role.AR),
        )
    assert plans.states(row, 1) == ["paid"] and plans.fresh(row).status is A.ACTIVE
    assert plans.broken() == []


def test_a_bill_with_its_link_goes_where_the_rule_of_invoices_says_and_staff_sends_the_same_again(
    gateway: ScriptedGateway,
) -> None:
    email_settings.save("invoice", Setting(rule=Rule("ap")), by=factories.user(Role.ADMIN))
    row = plans.by_hand(starts_on=date(2027, 2, 1))
    with transaction() as session:
        session.get_one(Account, row.account_id).ap_email = "ap@northfield.test"
    with at("02-01"):
        charging.run()
        asked = plans.payments(row)[0]
        with transaction() as session:
            for first in session.scalars(select(OrderEmail)):
                first.status = MailStatus.SENT
        sent = payment_links.send(asked.payment_order_id or 0, form_key="again", by=factories.user(Role.AR))
    mails = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "payment_link")).all()
    assert len(mails) == 2 and sent in mails
    for mail in mails:
        assert [r["address"] for r in mail.recipients] == ["ap@northfield.test"] and len(mail.attachments) == 1


def test_by_invoice_each_period_is_billed_on_its_day_whatever_became_of_the_one_before(
    gateway: ScriptedGateway,
) -> None:
    row = plans.by_hand(starts_on=date(2027, 2, 1))
    with transaction() as session:
        session.get_one(Account, row.account_id).payment_terms_days = 60
    for day in ("02-01", "03-01"):
        with at(day):
            assert charging.run() == 1 and charging.run() == 0
    with at("04-03"):
        assert charging.run() == 1 and charging.fall_behind() == 1
        assert plans.states(row, 4) == ["failed", "collecting", "collecting", "scheduled"]
        assert plans.fresh(row).status is A.PAST_DUE
        assert verdict.of(row.id).reason == "The agreement is past due; the next invoice goes out on 1 May 2027."
        end_read()
    with at("05-01"):
        assert charging.run() == 1 and charging.run() == 0 and charging.fall_behind() == 1
        bills = [db.session.get_one(Invoice, x.invoice_id) for x in plans.payments(row)[:4]]
        issued = [date(2027, 2, 1), date(2027, 3, 1), date(2027, 4, 3), date(2027, 5, 1)]
        assert [bill.issued_on for bill in bills] == issued
        assert verdict.of(row.id).reason.endswith("goes out on 1 Jun 2027.") and plans.broken() == []
        end_read()
        changing = plans.fresh(row)
        with transaction() as session:
            session.get_one(PaymentAgreement, changing.id).collection = CollectionMethod.SAVED_METHOD
    with at("06-01"):
        assert charging.run() == 0  # a card waits for what is unpaid


def test_a_bill_past_due_by_invoice_that_nobody_was_asked_for_is_shown_with_what_keeps_it(
    app: Flask, gateway: ScriptedGateway
) -> None:
    row = plans.by_hand(starts_on=date(2027, 2, 1))
    with at("02-01"):
        charging.run()
    with at("02-16"):
        assert charging.fall_behind() == 1
        end_read()
        hold(row.account_id)
    with at("03-02"):
        assert charging.run() == 0
        end_read()
        with app.test_request_context():
            (left,) = untaken.first()
        assert left.agreement_id == row.id and left.because.startswith("The account is on hold")


def test_a_link_lives_until_what_it_asks_for_is_due(gateway: ScriptedGateway) -> None:
    rows = [plans.by_hand(starts_on=date(2027, 2, 1)) for _ in range(2)]
    with transaction() as session:
        session.get_one(Account, rows[0].account_id).payment_terms_days = 60
    with at("02-01"):
        assert charging.run() == 2
    orders = [plans.payments(row)[0].payment_order_id for row in rows]
    ends = [db.session.scalars(select(PaymentIntent).filter_by(payment_order_id=id)).one().expires_at for id in orders]
    # The account with the long terms pays until midnight in Berlin of 2 April.
    assert [end.isoformat() for end in ends] == ["2027-04-02T22:00:00+00:00", "2027-03-03T11:00:00+00:00"]


def test_what_was_asked_for_by_link_stays_so_where_the_agreement_takes_a_card(gateway: ScriptedGateway) -> None:
    row = plans.by_hand(starts_on=date(2027, 2, 1))
    with at("02-01"):
        charging.run()
        with transaction():
            plans.fresh(row).collection = CollectionMethod.SAVED_METHOD
    with at("02-16"):
        assert reminders.why_not(plans.payments(row)[0].invoice_id or 0) is None
        end_read()
        assert charging.fall_behind() == 1 and plans.fresh(row).status is A.PAST_DUE


def put_off_and_billed_by_link(gateway: ScriptedGateway) -> PaymentAgreement:
    """Its gateway was out of reach on 28 February; before it is tried again the agreement is billed."""
    row = plans.by_order()
    gateway.answers = ["lost before"]
    with at("02-28"):
        charging.run()
    with time_machine.travel("2027-02-28 11:30:00+00:00", tick=False):
        inquiries.sweep()
        with transaction():
            plans.fresh(row).collection = CollectionMethod.PAYMENT_LINK
    return row


def test_what_was_put_off_is_asked_for_as_the_agreement_says_by_then(gateway: ScriptedGateway) -> None:
    row = put_off_and_billed_by_link(gateway)
    with time_machine.travel("2027-02-28 12:31:00+00:00", tick=False):
        assert charging.run() == 1
        asked = plans.payments(row)[0]
        assert asked.status == "collecting" and reminders.why_not(asked.invoice_id or 0) is None


def test_what_was_put_off_and_is_billed_then_may_be_paid_for_as_long_as_a_bill_of_that_day(
    gateway: ScriptedGateway,
) -> None:
    row = put_off_and_billed_by_link(gateway)
    with at("03-02"):
        assert charging.run() == 1 and charging.fall_behind() == 0 and plans.states(row, 1) == ["collecting"]
        mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "payment_link")).one()
        assert "by 16 Mar 2027" in mail.text
        bill = db.session.get_one(Invoice, plans.payments(row)[0].invoice_id)
        (paper,) = [db.session.get_one(Document, id) for id in mail.attachments]
        assert bill.due_date == date(2027, 3, 16) and paper.data["due_date"] == "2027-03-16"
        assert (bill.issued_on, paper.data["issued_on"]) == (date(2027, 2, 28), "2027-02-28")
        end_read()
    with at("03-16"):
        assert charging.fall_behind() == 0
    with at("03-17"):
        assert charging.fall_behind() == 1 and plans.broken() == []
