"""The customer hears what is new about their agreement: once each time, with the paper where there is a new one."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.agreements import agreements, changes, ending, pausing, renewing
from app.commands.agreements.changes import Change
from app.commands.post import email_settings
from app.db import db, transaction
from app.mail.policy import Setting
from app.models import CollectionMethod, Document, Missed, OrderEmail, PaymentAgreement, Renewal, User
from tests import factories, plans
from tests.conftest import Client


@pytest.fixture
def billing(app: Flask) -> User:
    return factories.user(Role.BILLING)


def told() -> list[OrderEmail]:
    return list(db.session.query(OrderEmail).filter_by(kind="agreement").order_by(OrderEmail.id))


def papers(mail: OrderEmail) -> list[str]:
    return [db.session.get_one(Document, document_id).filename for document_id in mail.attachments]


def test_what_was_made_and_changed_comes_with_its_paper(billing: User) -> None:
    row = plans.by_hand()
    line = row.lines[0].id
    wanted = Change(CollectionMethod.PAYMENT_LINK, lines={line: (Decimal(2), Decimal(100))})
    changes.change(row.id, wanted, version=1, because="Two desks", by=billing)
    made, changed = told()
    assert (made.subject, papers(made)) == (f"Payment agreement {row.number}", [f"{row.number}-v1.pdf"])
    assert (changed.subject, papers(changed)) == (
        f"Payment agreement {row.number} has changed",
        [f"{row.number}-v2.pdf"],
    )
    assert "€238.00, monthly" in changed.text and "Two desks" not in changed.text
    assert [x["address"] for x in made.recipients] == [row.account.billing_contact.email]  # type: ignore[union-attr]


def test_a_pause_says_until_when_and_what_goes_on_says_when_next(billing: User) -> None:
    row = plans.by_hand()
    until = clock.today(row.zone) + timedelta(days=40)
    pausing.pause(row.id, until=until, missed=Missed.SKIP, because="The ward is closed", by=billing)
    pausing.resume(row.id, missed=Missed.SKIP, by=billing)
    pausing.pause(row.id, until=None, missed=Missed.SKIP, because="Again", by=billing)
    _, paused, resumed, again = told()
    assert "then it goes on by itself" in paused.text and "The ward is closed" not in paused.text
    assert "Next payment:" in resumed.text and "until it is resumed" in again.text
    wanted = Change(CollectionMethod.PAYMENT_LINK, lines={plans.fresh(row).lines[0].id: (Decimal(2), Decimal(100))})
    changes.change(row.id, wanted, version=4, because="Two desks", by=billing)
    assert "Next payment" not in told()[-1].text
    assert [papers(x) for x in (paused, resumed, again)] == [[f"{row.number}-v{n}.pdf"] for n in (2, 3, 4)]
    kept = db.session.query(Document).filter_by(filename=papers(paused)[0]).one().data["agreement"]
    assert (kept["status"], kept["paused_until"]) == ("paused", until.isoformat())


@pytest.mark.parametrize(
    ("at_period_end", "says"), [(True, "nothing is charged after that day"), (False, "Nothing more is charged.")]
)
def test_an_end_is_told_whenever_it_comes(billing: User, at_period_end: bool, says: str) -> None:
    row: PaymentAgreement = plans.by_hand(ends_on=date(2030, 1, 1))
    ending.cancel(row.id, at_period_end=at_period_end, because="They move", by=billing)
    mail = told()[-1]
    assert says in mail.text and "They move" not in mail.text
    assert papers(mail) == [f"{row.number}-v2.pdf"]


def test_a_term_that_renewed_itself_is_told_with_the_new_version(billing: User) -> None:
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=False) as when:
        row = plans.by_hand(ends_on=date(2027, 3, 30))
        with transaction() as session:
            kept = session.get_one(PaymentAgreement, row.id)
            kept.renewal, kept.term_months = Renewal.AUTO, 2
        when.move_to("2027-03-05 10:00:00+00:00")
        ending.keep_going()
    mail = told()[-1]
    assert mail.subject == f"Payment agreement {row.number} is renewed until 30 May 2027"
    assert papers(mail) == [f"{row.number}-v2.pdf"] and "goes on as before" in mail.text


def reminded() -> list[str]:
    db.session.rollback()
    mails = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "term_ends_notice").order_by(OrderEmail.id))
    return [mail.subject for mail in mails]


def test_the_owner_is_told_once_that_a_term_ends_that_somebody_renews(billing: User, client: Client) -> None:
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=False) as when:
        row = plans.by_hand(ends_on=date(2027, 4, 30))
        with transaction() as session:
            kept = session.get_one(PaymentAgreement, row.id)
            kept.renewal, kept.term_months = Renewal.MANUAL, 3
        page = f"/agreements/{row.number}"
        when.move_to("2027-03-30 10:00:00+00:00")
        ending.keep_going()
        assert reminded() == [] and "ends-soon" not in client.sign_in(billing).get(page).text
        when.move_to("2027-03-31 10:00:00+00:00")
        for _twice in range(2):
            ending.keep_going()
        account = plans.fresh(row).account.name
        assert reminded() == [f"{row.number}: the term of {account} ends on 30 Apr 2027"]
        shown = client.sign_in(billing).get(page).text
        assert "Its term ends on 30 Apr 2027." in shown and "come to its end on" in shown
        renewing.renew(row.id, 3, version=plans.fresh(row).version, because="", by=billing)
        ending.keep_going()
        assert len(reminded()) == 1 and "ends-soon" not in client.sign_in(billing).get(page).text
        when.move_to("2027-08-01 10:00:00+00:00")
        ending.keep_going()
        assert len(reminded()) == 2


def test_of_a_draft_nothing_is_told_before_it_is_activated(billing: User) -> None:
    row, dropped = plans.by_hand(active=False), plans.by_hand(active=False)
    wanted = Change(CollectionMethod.PAYMENT_LINK, lines={row.lines[0].id: (Decimal(2), Decimal(100))})
    changes.change(row.id, wanted, version=1, because="Two desks", by=billing)
    ending.cancel(dropped.id, at_period_end=False, because="Made twice", by=billing)
    assert told() == []
    db.session.query(Document).filter_by(kind="agreement").delete()  # as before versions were printed
    db.session.commit()
    agreements.activate(row.id, by=billing)
    assert [(mail.subject, papers(mail)) for mail in told()] == [
        (f"Payment agreement {row.number}", [f"{row.number}-v2.pdf"])
    ]


def test_what_waited_through_a_pause_is_said_to_come_today(billing: User) -> None:
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=False) as when:
        row = plans.by_hand()
        pausing.pause(row.id, until=None, missed=Missed.COLLECT, because="The ward is closed", by=billing)
        when.move_to("2027-03-15 10:00:00+00:00")
        pausing.resume(row.id, missed=Missed.COLLECT, by=billing)
        assert "Next payment: 15 Mar 2027" in told()[-1].text


def test_it_is_not_told_where_settings_say_so(billing: User) -> None:
    email_settings.save("agreement", Setting(is_on=False), by=factories.user(Role.ADMIN))
    plans.by_hand()
    assert told() == []
