"""Agreements as people use them: list, page, the order's recurring plan, and the forms that move them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import settings
from app.access import Role
from app.commands.agreements import charging
from app.commands.post import email_settings
from app.db import db, end_read, transaction
from app.mail.policy import Rule, Setting
from app.models import (
    Account,
    AgreementVersion,
    DunningPolicy,
    OrderEmail,
    PaymentAgreement,
    PaymentOrder,
    Renewal,
    User,
)
from app.queries.agreements import listing
from app.states.agreement import AgreementStatus as A
from app.states.mail import MailStatus
from tests import factories, moves, plans
from tests.commands.collecting import switch
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway, every_account
from tests.statements import counted

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def gateway(app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    return every_account(monkeypatch)


@pytest.fixture(autouse=True)
def in_january(app: Flask) -> Iterator[None]:
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=False):
        yield


@pytest.fixture
def row(gateway: ScriptedGateway) -> PaymentAgreement:
    return plans.by_order()


@pytest.fixture
def billing(client: Client) -> User:
    user = factories.user(Role.BILLING)
    client.sign_in(user)
    return user


def test_a_live_agreement_shows_why_and_what_comes(client: Client, billing: User, row: PaymentAgreement) -> None:
    shown = client.get(f"/agreements/{row.number}").text
    assert "Live: the next payment is collected by itself." in shown and "Not live" not in shown
    assert "Ready on Cards." in shown and "next on 28 Feb 2027" in shown and "€291.55" in shown
    assert "May be kept." in shown and "Version 1" in shown
    index = client.get("/agreements/").text
    assert row.number in index and "Active" in index
    found = client.get("/search", query_string={"q": row.number.lower()})
    assert found.headers.get("Location", "").endswith(f"/agreements/{row.number}")


def test_nowhere_is_it_called_active_before_all_is_yes(client: Client, billing: User, row: PaymentAgreement) -> None:
    order = row.order.number if row.order else ""
    account = row.account.number
    switch(settings.RECURRING, False)
    client.sign_in(factories.user(Role.ADMIN))
    for path in (f"/agreements/{row.number}", "/agreements/", f"/orders/{order}/recurring", f"/accounts/{account}"):
        shown = client.get(path).text
        assert "Not live" in shown and "Recurring payments are switched off." in shown, path
        # What is supplied goes on meanwhile, and what can be filtered for is no claim.
        said = shown.replace("Active</option>", "").replace("Active</span> 10 × Care desk", "")
        assert "Active" not in said, path
    assert client.get(f"/orders/{order}/recurring", headers=FRAGMENT).text.count("Not live") >= 1


def test_pause_resume_and_cancel_by_their_forms(client: Client, billing: User, row: PaymentAgreement) -> None:
    base = f"/agreements/{row.number}"
    lost = client.post(f"{base}/pause", data={"until": "2020-01-01", "missed": "skip", "because": "Holidays"})
    assert lost.status_code == 422 and "Holidays" in lost.text and "Choose a day after today" in lost.text
    assert client.post(f"{base}/pause", data={"missed": "skip", "because": ""}).status_code == 422
    paused = client.post(f"{base}/pause", data={"until": "2027-03-15", "missed": "collect", "because": "Holidays"})
    assert paused.status_code == 303 and plans.fresh(row).status is A.PAUSED
    shown = client.get(base).text
    assert "Not live: The agreement is paused." in shown and "Paused until 15 Mar 2027." in shown
    panel = client.get(f"/orders/{row.order.number if row.order else ''}/recurring", headers=FRAGMENT).text
    assert "next on 2" not in shown and "28 Feb 2027" not in client.get("/agreements/").text + panel
    with time_machine.travel("2027-03-01 10:00:00+00:00", tick=False):
        client.sign_in(billing)
        asked = client.get(f"{base}/resumption", headers=FRAGMENT).text
        assert "1 payment fell due meanwhile. The next one is due on 31 Mar 2027." in asked
        assert client.post(f"{base}/resumption", data={"missed": "skip"}).status_code == 303
        assert plans.states(row, 2) == ["skipped", "scheduled"]
        assert client.post(f"{base}/resumption", data={"missed": "skip"}).status_code == 409
        asked = client.get(f"{base}/cancellation").text
        assert "The period that is paid ends on 30 Mar 2027." in asked
        assert client.post(f"{base}/cancellation", data={"when": "now", "because": "Moved away"}).status_code == 303
    assert plans.fresh(row).status is A.CANCELLED


def test_a_change_keeps_what_was_typed_and_takes_effect_later(
    client: Client, billing: User, row: PaymentAgreement
) -> None:
    line, card = row.lines[0], moves.card(row.account)
    form = {
        "collection": f"card-{card.id}",
        "next_on": "2027-03-05",
        f"quantity_{line.id}": "5",
        f"price_{line.id}": "30.50",
        "proration": "daily",
        "because": "Fewer seats",
        "version": "1",
    }
    path = f"/agreements/{row.number}/change"
    assert "Visa ending" in client.get(path).text
    for wrong, words in (
        ({f"price_{line.id}": "3,50"}, "with a point"),
        ({"next_on": "2027-02-01"}, "are paid for already"),
        ({"collection": "card-999"}, "Not a valid choice"),
        ({"version": "7"}, "was changed since"),
    ):
        answer = client.post(path, data=form | wrong)
        assert answer.status_code in (409, 422) and words in answer.text and "Fewer seats" in answer.text, wrong
    assert client.post(path, data=form).status_code == 303
    changed = plans.fresh(row)
    assert (changed.version, changed.method_id, changed.lines[0].quantity) == (2, card.id, Decimal(5))
    assert plans.days(row)[0] == date(2027, 3, 5) and plans.payments(row)[0].amount == 18148
    assert db.session.query(AgreementVersion).count() == 2


def test_a_term_is_renewed_by_its_form(client: Client, billing: User, gateway: ScriptedGateway) -> None:
    row = plans.by_order(term_months=3, renewal=Renewal.MANUAL)
    path = f"/agreements/{row.number}"
    assert "Renew" in client.get(path).text
    asked = client.get(f"{path}/renewal").text
    assert "It ends on 29 Apr 2027." in asked and 'value="3"' in asked
    wrong = client.post(f"{path}/renewal", data={"months": "0", "version": "1", "because": "They like it"})
    assert wrong.status_code == 422 and "from 1 to 120" in wrong.text and "They like it" in wrong.text
    assert client.post(f"{path}/renewal", data={"months": "6", "version": "1"}).status_code == 303
    assert plans.fresh(row).ends_on == date(2027, 10, 30)
    assert client.post(f"{path}/renewal", data={"months": "6", "version": "1"}).status_code == 409


def test_a_term_that_ends_soon_is_the_next_step_of_its_order_until_it_is_renewed(
    client: Client, billing: User, gateway: ScriptedGateway
) -> None:
    row = plans.by_order(term_months=3, renewal=Renewal.MANUAL)
    order = f"/orders/{row.order.number if row.order else ''}"
    said, form = f"The term of {row.number} ends on 29 Apr 2027.", f"/agreements/{row.number}/renewal?next={order}"
    with time_machine.travel("2027-03-29 10:00:00+00:00", tick=False):
        client.sign_in(billing)
        assert said not in client.get(order).text
    with time_machine.travel("2027-03-30 10:00:00+00:00", tick=False):
        client.sign_in(billing)
        shown, panel = client.get(order).text, client.get(f"{order}/recurring", headers=FRAGMENT).text
        assert "Its term ends on 29 Apr 2027." in panel and form in panel
        assert said in shown and shown.count(form) == 2 * panel.count(form)
        assert client.post(form, data={"months": "3", "version": "1"}).headers["Location"] == order
        shown = client.get(order).text
        assert said not in shown and "The order is active and nothing is open." in shown


def test_what_failed_is_charged_again_or_sent_as_a_link(
    client: Client, billing: User, row: PaymentAgreement, gateway: ScriptedGateway
) -> None:
    end_read()
    gateway.answers = ["insufficient_funds"]
    with time_machine.travel("2027-02-28 10:00:00+00:00", tick=False):
        charging.run()
        client.sign_in(factories.user(Role.AR))
        shown = client.get(f"/agreements/{row.number}").text
        assert "Not enough funds." in shown and "Charge again" in shown and "Send payment link" in shown
        path = f"/agreements/{row.number}/periods/2"
        assert client.post(f"{path}/charge", data={"form_key": "a1"}).status_code == 303
        assert plans.states(row, 1) == ["failed"]
        email_settings.save("payment_link", Setting(rule=Rule("ap")), by=factories.user(Role.ADMIN))
        with transaction() as session:
            session.get_one(Account, row.account_id).ap_email = "ap@northfield.test"
        assert "It goes to ap@northfield.test (accounts payable of the account)." in client.get(f"{path}/link").text
        assert client.post(f"{path}/link", data={"form_key": "a2"}).status_code == 303
        gateway.answers = ["ok"]
        assert client.post(f"{path}/charge", data={"form_key": "a3"}).status_code == 303
        assert plans.states(row, 1) == ["paid"] and plans.fresh(row).status is A.ACTIVE
        assert client.post(f"{path}/charge", data={"form_key": "a4"}).status_code == 409
        assert client.get(f"/agreements/{row.number}/periods/99/charge").status_code == 404


def test_its_mails_are_listed_read_and_sent_again(
    client: Client, billing: User, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = plans.by_hand()  # without an order
    charging.run()
    other = plans.by_hand()
    with transaction() as session:
        for mail in session.scalars(select(OrderEmail)):
            mail.status = MailStatus.BOUNCED
    monkeypatch.setattr("app.queries.agreements.mails.FEW", 1)
    client.sign_in(factories.user(Role.AR))
    link, made = db.session.scalars(
        select(OrderEmail.id).where(OrderEmail.agreement_id == row.id).order_by(OrderEmail.id.desc())
    ).all()
    end_read()
    shown, here = client.get(f"/agreements/{row.number}").text, f"/agreements/{row.number}/mails"
    assert "mailed a payment link" in shown and "billing contact of the account" in shown and "Bounced" in shown
    assert f'href="{here}?before={link}"' in shown and f"{here}/{link}/resend" in shown
    assert "sent a mail: Payment agreement" in client.get(f"{here}?before={link}").text
    assert client.get(f"{here}?before={10**30}").status_code == client.get(f"{here}?before=x").status_code == 200
    assert "Who gets it" in client.get(f"{here}/{made}").text and client.get(f"{here}/{made}/body").status_code == 200
    assert client.get(f"/agreements/{other.number}/mails/{link}").status_code == 404
    assert "once more" in client.get(f"{here}/{link}/resend").text
    assert client.post(f"{here}/{link}/resend", data={"form_key": "m1"}).status_code == 303
    again = db.session.scalars(select(OrderEmail).where(OrderEmail.resent_from_id == link)).one()
    assert again.agreement_id == row.id
    assert again.subject in client.get(f"{here}/{again.id}").text


def test_a_resumption_names_what_is_not_paid_and_keeps_it_owed(
    client: Client, billing: User, row: PaymentAgreement, gateway: ScriptedGateway
) -> None:
    assert "What was not paid before" not in client.get(f"/agreements/{row.number}/resumption").text
    end_read()
    gateway.answers = ["revocation_of_authorization"]
    with time_machine.travel("2027-02-28 10:00:00+00:00", tick=False):
        charging.run()
        client.sign_in(billing)
        assert plans.fresh(row).status is A.PAUSED
        asked = client.get(f"/agreements/{row.number}/resumption").text
        assert "Period 2, €291.55, is not paid. No payment fell due meanwhile." in asked
        chosen = asked.partition('value="keep"')
        assert "checked" in chosen[0].rpartition("<input")[2] + chosen[2].partition(">")[0]
        kept = client.post(f"/agreements/{row.number}/resumption", data={"missed": "skip", "owed": "keep"})
        assert kept.status_code == 303
        assert plans.fresh(row).status is A.PAST_DUE and plans.states(row, 1) == ["failed"]


def test_its_payment_order_has_a_page_beside_the_order(
    client: Client, row: PaymentAgreement, gateway: ScriptedGateway
) -> None:
    """Refunds, links and evidence of a period are where those of any payment are; the order's own are left out."""
    end_read()
    with time_machine.travel("2027-02-28 10:00:00+00:00", tick=False):
        charging.run()
        paid = plans.payments(row)[0]
        number = db.session.get_one(PaymentOrder, paid.payment_order_id).number
        client.sign_in(factories.user(Role.AR))
        shown = client.get(f"/payments/{number}").text
        assert f"Agreement {row.number}, 28 Feb 2027 to 30 Mar 2027" in shown and "Paid" in shown
        assert "First payment for order" not in shown and "Refund" in shown
        order = client.get(f"/orders/{row.order.number if row.order else ''}").text
        assert number not in order.partition("panel-timeline")[0]
        client.sign_in(factories.user(Role.SALESPERSON))
        assert client.get(f"/payments/{number}").status_code == 404


def test_one_by_hand_is_a_draft_until_it_is_activated(client: Client, billing: User) -> None:
    account = factories.account()
    policy = db.session.query(DunningPolicy).first()
    assert policy is not None
    path = f"/agreements/new/{account.number}"
    assert "A draft first" in client.get(path).text
    form = {
        "form_key": "n1",
        "lines-0-description": "Support",
        "lines-0-quantity": "2",
        "lines-0-unit_price": "45.50",
        "lines-0-tax_rate": "19",
        "lines-1-description": "",
        "lines-3-description": "Insurance",
        "lines-3-quantity": "1",
        "lines-3-unit_price": "10",
        "lines-3-tax_rate": "0",
        "contact_id": str(account.contacts[0].id),
        "policy_id": str(policy.id),
        "every": "2",
        "frequency": "monthly",
        "starts_on": "2027-02-01",
        "collection": "invoice",
        "proration": "none",
        "consent_by": "Maria Keller",
        "consent_how": "by letter",
        "consent_text": "We pay for support.",
    }
    missing = client.post(path, data=form | {"consent_text": "", "every": "0"})
    assert missing.status_code == 422 and "Support" in missing.text and "Write down what" in missing.text
    half = client.post(path, data=form | {"lines-3-unit_price": ""})
    assert half.status_code == 422 and "Insurance" in half.text and "Enter a price" in half.text
    empty = client.post(path, data={name: value for name, value in form.items() if not name.startswith("lines-")})
    assert empty.status_code == 422 and "Say what is paid for." in empty.text
    made = client.post(path, data=form)
    assert made.status_code == 303
    found = db.session.query(PaymentAgreement).one()
    assert found.status is A.DRAFT and plans.days(found)[:2] == [date(2027, 2, 1), date(2027, 4, 1)]
    shown = client.get(made.location).text
    assert "Not live: It is a draft" in shown
    assert "€118.29" in shown and "Insurance" in shown
    assert (found.contact_id, found.dunning_policy_id) == (account.contacts[0].id, policy.id)
    path = f"/agreements/{found.number}/activation"
    with time_machine.travel("2027-02-20 10:00:00+00:00", tick=False):
        client.sign_in(billing)
        asked = client.get(path).text
        assert "Its first day, 1 Feb 2027, has gone by" in asked and 'value="2027-02-20"' in asked
        late = client.post(path, data={"first_on": "2027-02-19"})
        assert late.status_code == 422 and "lies in the past" in late.text and 'value="2027-02-19"' in late.text
    client.sign_in(billing)
    assert client.post(path).status_code == 303
    assert "Live: the next payment" in client.get(made.location).text


def test_salespeople_see_their_own_and_change_nothing(client: Client, row: PaymentAgreement) -> None:
    client.sign_in(factories.user(Role.SALESPERSON))
    assert client.get(f"/agreements/{row.number}").status_code == 404
    assert row.number not in client.get("/agreements/").text
    mine = factories.user(Role.SALESPERSON)
    with transaction() as session:
        session.get_one(PaymentAgreement, row.id).owner_id = mine.id
    client.sign_in(mine)
    shown = client.get(f"/agreements/{row.number}").text
    assert row.number in shown and "Cancel agreement" not in shown
    assert client.post(f"/agreements/{row.number}/pause", data={"because": "x"}).status_code == 403


def test_the_list_filters_and_pages_by_key(client: Client, billing: User, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [plans.by_hand() for _ in range(5)]
    monkeypatch.setattr(listing, "PAGE", 2)
    first = client.get("/agreements/").text
    assert rows[4].number in first and rows[2].number not in first
    second = client.get(f"/agreements/?before={rows[3].id}").text
    assert rows[2].number in second and rows[4].number not in second and "after=" in second
    assert rows[0].number in client.get(f"/agreements/?q={rows[0].number.lower()}").text
    assert "No agreement matches" in client.get("/agreements/?status=paused").text
    assert client.get("/agreements/?status=nonsense&before=x").status_code == 200


def test_list_and_page_cost_the_same_however_much_there_is(
    client: Client, billing: User, row: PaymentAgreement
) -> None:
    def cost(path: str) -> int:
        with counted() as statements:
            assert client.get(path).status_code == 200
        return len(statements)

    few = cost("/agreements/"), cost(f"/agreements/{row.number}")
    for _ in range(4):
        plans.by_hand(card=True)
    with time_machine.travel("2027-06-30 10:00:00+00:00", tick=False):
        charging.run()
        client.sign_in(billing)
        many = cost("/agreements/"), cost(f"/agreements/{row.number}")
    assert many == few and few[0] <= 6 and few[1] <= 11
