"""What is due is asked for once, by card or by link, and the agreement follows what becomes of it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from app import settings
from app.access import Role
from app.commands.agreements import charging, claiming, ending, pausing
from app.commands.office import settings as turning
from app.commands.payments import collection, inquiries, payment_links
from app.commands.payments.charges import Instrument
from app.commands.receivables import credit_notes
from app.commands.routing import gateways
from app.db import db, end_read, transaction
from app.jobs import execution
from app.models import (
    SYSTEM,
    Attempt,
    Document,
    Invoice,
    Missed,
    PaymentAgreement,
    PaymentOrder,
    Receipt,
    ScheduledPayment,
    StagedJob,
    Subscription,
)
from app.queries.agreements import verdict
from app.states.agreement import AgreementStatus as A
from app.states.gateway import GatewayEvent as E
from app.states.invoice import InvoiceStatus
from app.states.subscription import SubscriptionStatus
from tests import factories, moves, plans
from tests.commands.collecting import hold, switch
from tests.gateways.scripted import ScriptedGateway
from tests.plans import at
from tests.statements import planned

pytestmark = pytest.mark.usefixtures("in_january")

JANUARY = "2027-01-31 10:00:00+00:00"


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def papers(invoice_id: int | None) -> list[int]:
    """What each paper of the bill says was paid."""
    mine = select(Document.data).where(Document.kind == "invoice", Document.subject_id == invoice_id)
    return [data["paid"] for data in db.session.scalars(mine.order_by(Document.id))]


def work(kind: str) -> None:
    mine = db.session.scalars(select(StagedJob.id).where(StagedJob.kind == kind, StagedJob.done_at.is_(None))).all()
    end_read()
    assert sum(map(execution.run, mine)) == len(mine) > 0


def test_a_due_period_is_billed_and_charged_off_session_once(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    assert charging.run() == 0  # nothing is due before 28 February
    with at("02-28"):
        assert charging.run() == 1 and charging.run() == 0
        paid = plans.payments(row)[0]
        assert plans.states(row) == ["paid", "scheduled", "scheduled"]
        charge = gateway.calls[-1]
        assert len(gateway.booked) == 2 and charge.off_session and charge.amount.minor == paid.amount == 29155
        bill = db.session.get_one(Invoice, paid.invoice_id)
        assert (bill.status, bill.gross, bill.order_id) == (InvoiceStatus.PAID, 29155, None)
        assert bill.lines[0].description == "Care desk licence, 28 Feb 2027 to 30 Mar 2027"
        asked = db.session.get_one(PaymentOrder, paid.payment_order_id)
        assert asked.agreement_id == row.id and asked.order_id is None
        assert count(Receipt) == 2 and plans.broken() == []
        assert papers(bill.id) == [29155]  # one, of the bill as it was paid


def test_another_worker_is_asked_in_where_more_is_due_than_a_batch(
    gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [plans.by_order() for _ in range(3)]
    monkeypatch.setattr(charging, "BATCH", 1)
    monkeypatch.setattr(charging, "LONGEST", timedelta(0))  # the first one has no time for a second batch
    asked_in = select(func.count()).where(StagedJob.kind == "agreements.charge_beside")
    with at("02-28"):
        assert charging.run() == 1 and db.session.scalar(asked_in) == 1
        end_read()
        monkeypatch.setattr(charging, "LONGEST", timedelta(minutes=4))
        with monkeypatch.context() as hurried:
            hurried.setattr(charging, "A_WHILE", timedelta(0))  # so that others have their turn after each batch
            work(charging.BESIDE)
        assert db.session.scalar(asked_in) == 2
        end_read()
        assert charging.run() == 1 and db.session.scalar(asked_in) == 2  # the second waits still
        end_read()
        assert charging.beside() == 0
        assert [plans.states(row, 1) for row in rows] == [["paid"]] * 3 and plans.broken() == []


def test_what_is_due_is_found_by_its_day_whatever_agreements_there_are(gateway: ScriptedGateway) -> None:
    plans.by_order()
    with planned() as steps:
        charging.take(charging.BATCH)
    assert "SEARCH scheduled_payment USING INDEX ix_scheduled_payment_due (due_at<?)" in steps
    assert not [step for step in steps if "payment_agreement" in step and "(rowid=?)" not in step]
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps


def test_a_decline_makes_the_agreement_past_due_until_the_bill_is_paid(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    gateway.answers = ["insufficient_funds"]
    with at("02-28"):
        assert charging.run() == 1
        assert plans.states(row, 2) == ["failed", "scheduled"] and plans.fresh(row).status is A.PAST_DUE
        assert verdict.of(row.id).reason == "The agreement is past due."
        end_read()
        work("invoices.paper")
        assert papers(plans.payments(row)[0].invoice_id) == [0]
        end_read()
    with at("03-31"):
        assert charging.run() == 0  # a later period waits for the one that failed
        gateway.answers = ["ok"]
        failed = plans.payments(row)[0]
        card = Instrument(alias="card-ok", label="Visa ending 4242")
        collection.collect(failed.payment_order_id or 0, pay_with=card, form_key="k", by=factories.user(Role.AR))
        assert plans.states(row, 2) == ["paid", "scheduled"] and plans.fresh(row).status is A.ACTIVE
        assert charging.run() == 1 and plans.states(row, 2) == ["paid", "paid"]
        assert plans.broken() == []


def test_staff_hold_account_and_payment_order_before_they_look_for_a_checkout(
    gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a link that the customer opens meanwhile would be superseded for nothing."""
    row, look = plans.by_order(), payment_links.live_intent
    seen: list[str] = []
    gateway.answers = ["insufficient_funds", "ok"]
    with at("02-28"):
        assert charging.run() == 1
        asked = plans.payments(row)[0].payment_order_id or 0
        lock = collection.lock
        monkeypatch.setattr(collection, "lock", lambda model, id: (seen.append(model.__name__), lock(model, id))[1])
        monkeypatch.setattr(payment_links, "live_intent", lambda id: (seen.append("look"), look(id))[1])
        card = Instrument(alias="card-ok", label="Visa ending 4242")
        collection.collect(asked, pay_with=card, form_key="k", by=factories.user(Role.AR))
    assert seen[:3] == ["Account", "PaymentOrder", "look"]


def test_a_revoked_permission_pauses_the_plan_with_its_subscriptions(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    gateway.answers = ["revocation_of_authorization"]
    with at("02-28"):
        charging.run()
    assert plans.fresh(row).status is A.PAUSED and plans.states(row, 1) == ["failed"]
    assert plans.fresh(row).version == 2
    assert db.session.scalars(select(Subscription.status)).one() is SubscriptionStatus.PAUSED


def test_a_lost_answer_stays_being_collected_until_it_is_known(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    gateway.answers = ["ok but lost"]
    with at("02-28"):
        charging.run()
        assert plans.states(row, 1) == ["collecting"] and charging.run() == 0
    with time_machine.travel("2027-02-28 11:05:00+00:00", tick=False):
        inquiries.sweep()
    assert plans.states(row, 1) == ["paid"] and len(gateway.booked) == 2


def test_what_never_reached_the_gateway_waits_and_is_charged_anew(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    gateway.answers = ["lost before", "lost before", "ok"]
    with at("02-28"):
        charging.run()
    with time_machine.travel("2027-02-28 11:30:00+00:00", tick=False):
        inquiries.sweep()  # too late to send it again: it is known not to have been charged
        assert plans.states(row, 1) == ["scheduled"] and plans.fresh(row).status is A.ACTIVE
        assert charging.run() == 0
    gateway.answers = ["ok"]
    with time_machine.travel("2027-02-28 12:31:00+00:00", tick=False):
        assert charging.run() == 1
    assert plans.states(row, 1) == ["paid"] and len(plans.attempts(row)) == 2
    assert count(Invoice) == count(PaymentOrder) == 2 and plans.broken() == []


def test_what_was_missed_for_months_is_caught_up_in_order(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    with at("05-01"):
        assert charging.run() == 3
        assert plans.states(row, 4) == ["paid", "paid", "paid", "scheduled"]
    order = [x.payment_order_id for x in plans.payments(row)[:3]]
    assert [x.payment_order_id for x in plans.attempts(row)] == order and plans.broken() == []


def test_catching_up_is_spread_over_days(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    with at("07-01"):
        assert charging.run() == 3 and charging.run() == 0
        assert plans.states(row, 5) == ["paid", "paid", "paid", "scheduled", "scheduled"]
    with at("07-02"):
        assert charging.run() == 2 and plans.states(row, 6)[-2:] == ["paid", "scheduled"]
    assert plans.broken() == []


def test_a_clock_that_goes_back_and_forth_charges_no_period_twice(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    for day in ("03-31", "02-28", "03-31", "02-01", "03-31"):
        with at(day):
            charging.run()
            ending.keep_going()
    assert plans.states(row) == ["paid", "paid", "scheduled"] and len(gateway.booked) == 3
    assert plans.broken() == []


def paused(row: PaymentAgreement) -> None:
    pausing.pause(row.id, until=None, missed=Missed.SKIP, because="Asked", by=factories.user(Role.AR))


def gone(row: PaymentAgreement) -> None:
    ending.cancel(row.id, at_period_end=False, because="Asked", by=factories.user(Role.AR))


STOPS = {
    "the setting is off": lambda row: switch(settings.RECURRING, False),
    "it is paused": paused,
    "it is cancelled": gone,
    "the account is on hold": lambda row: hold(row.account_id),
    "its gateway is switched off": lambda row: gateways.move(
        moves.first_gateway().id, E.SUSPEND, because="x", by=moves.admin()
    ),
}


@pytest.mark.parametrize("stop", STOPS)
def test_nothing_is_charged_where(gateway: ScriptedGateway, stop: str) -> None:
    """Invariant 18; the claim looks by itself, whatever the taking saw."""
    row = plans.by_order()
    payment_id = plans.payments(row)[0].id
    STOPS[stop](row)
    with at("02-28"):
        assert charging.run() == 0
        assert charging.collect([payment_id]) == 0
    assert len(gateway.booked) == 1 and count(PaymentOrder) == 1 and plans.broken() == []


def test_a_due_period_whose_card_is_good_for_nothing_has_failed_and_is_billed(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    plans.lose_card(row)
    with at("02-28"):
        assert charging.run() == 0 and charging.run() == 0
        assert plans.states(row, 2) == ["failed", "scheduled"] and plans.fresh(row).status is A.PAST_DUE
        failed = plans.payments(row)[0]
        assert db.session.get_one(Invoice, failed.invoice_id).status is InvoiceStatus.ISSUED
        assert papers(failed.invoice_id) == [0] and plans.attempts(row) == []
    assert len(gateway.booked) == 1 and plans.broken() == []


def test_a_card_that_may_be_good_again_is_waited_for(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    plans.lose_card(row)
    hold(row.account_id)  # more than the card is in the way
    with at("02-28"):
        assert charging.run() == 0
        assert plans.states(row, 1) == ["scheduled"] and plans.fresh(row).status is A.ACTIVE


def test_what_was_switched_off_is_charged_once_it_is_on_again(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    with at("02-28"):
        switch(settings.RECURRING, False)
        assert charging.run() == 0
        switch(settings.RECURRING, True)
        assert charging.run() == 1
    assert plans.states(row, 1) == ["paid"]


def test_a_charge_behind_the_switch_is_told(gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plans.by_order()
    turning.turn(settings.RECURRING.key, False, by=factories.user(Role.ADMIN))
    monkeypatch.setattr(settings, "fresh", lambda definition: definition.default)
    with at("02-28"):
        assert charging.run() == 1
    asked = db.session.get_one(PaymentOrder, plans.payments(row)[0].payment_order_id or 0)
    assert plans.broken() == [f"18: {asked.number} was charged while recurring payments were switched off"]


def test_a_gateway_being_retired_charges_running_agreements_until_its_day(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    until = date(2027, 2, 28)
    gateways.move(moves.first_gateway().id, E.DEPRECATE, because="Moving", legacy_until=until, by=moves.admin())
    assert verdict.of(row.id).live
    end_read()
    with at("02-28"):
        assert charging.run() == 1
        found = verdict.of(row.id)
        assert not found.live and "until" in found.reason  # the next charge, of 31 March, is beyond its day
        end_read()
    with at("03-31"):
        assert charging.run() == 0
    assert plans.states(row, 2) == ["paid", "scheduled"]


def test_a_credited_bill_is_a_skipped_period(gateway: ScriptedGateway) -> None:
    row = plans.by_order()
    gateway.answers = ["insufficient_funds"]
    with at("02-28"):
        charging.run()
        with transaction() as session:
            bill_id = session.scalar(select(PaymentOrder.invoice_id).where(PaymentOrder.agreement_id == row.id))
            credit_notes.cancel(session.get_one(Invoice, bill_id), note="Given up", by=SYSTEM)
    assert plans.states(row, 1) == ["skipped"] and plans.fresh(row).status is A.ACTIVE


def test_the_other_periods_are_charged_though_one_breaks(
    gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [plans.by_order() for _ in range(3)]
    broken, whole = rows[1].id, claiming._invoice

    def breaks(payment: ScheduledPayment) -> Invoice:
        if payment.agreement_id == broken:
            raise RuntimeError("a defect")
        return whole(payment)

    monkeypatch.setattr(claiming, "_invoice", breaks)
    with at("02-28"):
        assert charging.run() == 2
    assert [plans.states(row, 1) for row in rows] == [["paid"], ["scheduled"], ["paid"]]
    assert plans.broken() == [] and count(Attempt) == 5
