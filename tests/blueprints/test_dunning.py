"""Recovery as people use it: the list with its figures, the agreement's panel, what is done about a story, policies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from flask import Flask

from app import links, settings
from app.access import Role
from app.commands.dunning import expiring
from app.commands.post import email_settings
from app.db import db, end_read, get, transaction
from app.mail.policy import Setting
from app.models import (
    Account,
    CardNotice,
    Contact,
    DunningPolicy,
    MethodRequest,
    PaymentAgreement,
    PaymentMethod,
    PaymentOrder,
    User,
)
from app.queries.dunning import listing
from app.states.agreement import AgreementStatus as A
from tests import factories, plans, stories
from tests.commands.collecting import switch
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway, every_account
from tests.statements import counted

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def gateway(app: Flask, monkeypatch: pytest.MonkeyPatch) -> ScriptedGateway:
    return every_account(monkeypatch)


@pytest.fixture(autouse=True)
def on_the_day(app: Flask) -> Iterator[None]:
    with time_machine.travel(stories.DUE + stories.timedelta(minutes=2), tick=False):
        yield


@pytest.fixture
def row(gateway: ScriptedGateway) -> PaymentAgreement:
    return stories.declined(gateway, "insufficient_funds")


@pytest.fixture
def ar(client: Client) -> User:
    user = factories.user(Role.AR)
    client.sign_in(user)
    return user


def case_url(row: PaymentAgreement, act: str) -> str:
    case_id = stories.case(row).id
    end_read()
    return f"/recovery/{case_id}/{act}"


def test_the_list_says_what_failed_what_was_tried_and_what_comes(
    client: Client, ar: User, row: PaymentAgreement, gateway: ScriptedGateway
) -> None:
    shown = client.get("/recovery/").text
    assert row.number in shown and "Not enough funds. The same card may work in a few days." in shown
    assert "1 time" in shown and "The card is charged again on 1 Mar 2027." in shown
    assert "Being recovered now" in shown and "€291.55" in shown and "Nothing yet" in shown
    assert row.number in client.get("/recovery/?q=" + row.number.lower()).text
    assert "No story matches" in client.get("/recovery/?kind=stop").text
    gateway.answers = ["ok"]
    assert client.post(case_url(row, "retry"), data={"form_key": "k1"}).status_code == 303
    assert stories.case(row).status == "recovered"
    ended = client.get("/recovery/?status=recovered&days=30").text
    assert row.number in ended and "Recovered in 30 days" in ended and "€291.55" in ended
    assert "Nothing is being recovered" in client.get("/recovery/").text


def test_the_periods_page_tells_of_the_mails_with_its_link(client: Client, ar: User, row: PaymentAgreement) -> None:
    (mail,) = stories.mails("payment_retry")
    asked = db.session.get_one(PaymentOrder, plans.payments(row)[0].payment_order_id).number
    told = client.get(f"/payments/{asked}").text
    assert "Dunning: charge declined" in told and "mailed once" in told
    assert stories.mails("dunning_notice") and "Notice: recurring payment declined" not in told


def test_the_list_pages_and_asks_the_same_however_long_it_is(
    client: Client, ar: User, row: PaymentAgreement, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(path: str) -> list[str]:
        with counted() as seen:
            assert client.get(path).status_code == 200
        return [x for x in seen if "dunning" in x]

    few = len(asked("/recovery/"))
    stories.declined(gateway, "stolen_card")
    assert len(asked("/recovery/")) == few == 3
    monkeypatch.setattr(listing, "PAGE", 1)
    first = client.get("/recovery/").text
    assert "before=" in first and "The card must not be charged again</td>" not in first
    assert "after=" in client.get(f"/recovery/?before={stories.case(row).id + 1}").text


def test_the_panel_tells_the_story_and_its_policy(client: Client, ar: User, row: PaymentAgreement) -> None:
    page = client.get(f"/agreements/{row.number}").text
    part = client.get(f"/agreements/{row.number}/dunning", headers=FRAGMENT).text
    for shown in (page, part):
        assert "charged Visa ending 4242" in shown and "told the customer of the decline" in shown
        assert "The policy ends on 10 Mar 2027." in shown and "Policy “Standard”, version 1." in shown
    other = plans.by_hand(customer=row.account)
    assert "No charge was declined" in client.get(f"/agreements/{other.number}").text
    path = f"/agreements/{row.number}/dunning-policy"
    assert "The standard policy, now “Standard”" in client.get(path).text
    assert client.post(path, data={"policy": "99"}).status_code == 422
    assert client.post(path, data={"policy": "1"}).status_code == 303
    assert plans.fresh(row).dunning_policy_id == 1


def test_stories_are_stopped_with_a_reason_and_asked_for_a_card(
    client: Client, ar: User, row: PaymentAgreement
) -> None:
    assert "Why" not in client.get(case_url(row, "card")).text
    assert client.post(case_url(row, "card"), data={"form_key": "k"}).status_code == 303
    assert len(stories.mails("card_needed")) == 1
    lost = client.post(case_url(row, "stop"), data={"because": " "})
    assert lost.status_code == 422 and "Say why." in lost.text
    assert client.post(case_url(row, "stop"), data={"because": "They wire it"}).status_code == 303
    assert stories.case(row).status == "stopped" and plans.fresh(row).status is A.PAST_DUE
    assert "over already" in client.post(case_url(row, "retry"), data={"form_key": "z"}).text


def test_salespeople_see_their_own_and_foreign_ids_are_not_there(
    client: Client, row: PaymentAgreement, gateway: ScriptedGateway
) -> None:
    client.sign_in(factories.user(Role.SALESPERSON))
    assert row.number not in client.get("/recovery/").text and "€291.55" not in client.get("/recovery/").text
    for act in ("retry", "card"):
        assert client.get(case_url(row, act)).status_code == 404
        assert client.post(case_url(row, act), data={"form_key": "k"}).status_code == 404
    assert client.get(f"/agreements/{row.number}/dunning").status_code == 404
    assert client.post(case_url(row, "stop"), data={"because": "x"}).status_code == 403
    client.sign_in(factories.user(Role.READ_ONLY))
    assert row.number in client.get("/recovery/").text
    assert client.post(case_url(row, "retry"), data={"form_key": "k"}).status_code == 403
    assert client.get("/admin/dunning").status_code == 403
    client.sign_in(factories.user(Role.AR))
    for path in ("/recovery/999/retry", "/recovery/999/card", "/recovery/999/stop"):
        assert client.get(path).status_code == 404


def policy(**changes: str) -> dict[str, str]:
    form = {"name": "Gentle", "past_due_after": "3", "ending": "leave", "version": "0"}
    for kind, action in (("retry_later", "retry"), ("authenticate", "authenticate"), ("new_method", "new_method")):
        form |= {f"{kind}_0_day": "2", f"{kind}_0_action": action, f"{kind}_0_customer": "y"}
        form |= {f"{kind}_1_day": "9", f"{kind}_1_action": "stop"}
    return form | {"stop_0_day": "0", "stop_0_action": "stop"} | changes


WRONG = [
    ({"name": " "}, "Give it a name."),
    ({"retry_later_0_day": "0"}, "at least a day"),
    ({"retry_later_1_day": "2"}, "on a later day than the one before"),
    ({"retry_later_0_day": "no"}, "Not a valid"),
    ({"retry_later_1_action": "retry"}, "The last step must be the end of the policy."),
    ({"new_method_0_customer": ""}, "This step is a mail to the customer."),
    ({"stop_0_action": "retry"}, "Choose what is done on this day."),
    ({"stop_0_day": ""}, "The last step must be the end of the policy."),
    ({"past_due_after": "99"}, "between 0 and 30"),
    ({"name": "Standard"}, "Another policy is called Standard."),
]


def test_policies_are_made_changed_and_made_standard(client: Client) -> None:
    client.sign_in(factories.user(Role.ADMIN))
    for wrong, words in WRONG:
        answer = client.post("/admin/dunning/new", data={k: v for k, v in policy(**wrong).items() if v})
        assert answer.status_code in (409, 422) and words in answer.text, wrong
        assert 'value="9"' in answer.text
    assert client.post("/admin/dunning/new", data=policy()).status_code == 303
    made = db.session.query(DunningPolicy).filter_by(name="Gentle").one()
    page = client.get(f"/admin/dunning/{made.id}").text
    assert "Gentle" in page and 'value="2"' in page
    assert client.post(f"/admin/dunning/{made.id}", data=policy(version="1")).status_code == 422  # nothing changed
    assert client.post(f"/admin/dunning/{made.id}", data=policy(version="1", name="Mild")).status_code == 303
    assert "Somebody else changed" in client.post(f"/admin/dunning/{made.id}", data=policy(version="1")).text
    assert client.post(f"/admin/dunning/{made.id}/standard").status_code == 303
    listed = client.get("/admin/dunning").text
    assert listed.index("Mild") < listed.index(">Standard</a>") and "Version 2" in listed
    assert client.get("/admin/dunning/99").status_code == 404


def test_an_expiring_card_is_told_of_once_and_the_new_one_is_taken(
    client: Client, ar: User, gateway: ScriptedGateway
) -> None:
    with time_machine.travel(stories.BEGIN, tick=False):
        row = plans.by_order()
    end_read()
    with transaction() as session:
        method = session.get_one(PaymentMethod, row.method_id)
        method.exp_year, method.exp_month = 2027, 1
    with time_machine.travel("2027-02-02 10:00:00+00:00", tick=False):
        client.sign_in(ar)
        switch(settings.CARD_NOTICE_DAYS, 20)
        assert expiring.run() == 0
        switch(settings.CARD_NOTICE_DAYS, 30)
        assert expiring.run() == 1 and expiring.run() == 0
        asked, told = stories.mails("card_expires"), stories.mails("card_expires_notice")
        assert len(asked) == len(told) == 1 and "expires in 01/2027, before the next payment" in asked[0].text
        assert asked[0].link_kind == "method" and f"/agreements/{row.number}" in told[0].text
        assert "The customer was asked for another card on 2 Feb 2027." in client.get(f"/agreements/{row.number}").text
        end_read()
        stories.give_card()
        assert plans.fresh(row).method_id != method.id and plans.fresh(row).version == 2
        assert "was asked for another card" not in client.get(f"/agreements/{row.number}").text
        assert expiring.run() == 0 and db.session.query(CardNotice).count() == 1


def test_two_agreements_on_a_card_that_expires_ask_for_one_card_once(client: Client, gateway: ScriptedGateway) -> None:
    with time_machine.travel(stories.BEGIN, tick=False):
        first = plans.by_order()
        second = plans.by_order(customer=get(Account, first.account_id))
    end_read()
    with transaction() as session:
        method = session.get_one(PaymentMethod, first.method_id)
        method.exp_year, method.exp_month = 2027, 1
        session.get_one(PaymentAgreement, second.id).method_id = method.id
        other = Contact(account_id=method.account_id, name="Jonas Weber", email="jonas@northfield.test")
        session.add(other)
        session.flush()
        session.get_one(PaymentAgreement, second.id).contact_id = other.id
    with time_machine.travel("2027-02-02 10:00:00+00:00", tick=False):
        assert expiring.notice(first.id) and not expiring.notice(second.id)
        assert db.session.query(MethodRequest).count() == len(stories.mails("card_expires")) == 1


def test_where_such_mails_are_off_the_owner_is_not_told_that_the_customer_was_asked(
    client: Client, gateway: ScriptedGateway
) -> None:
    with time_machine.travel(stories.BEGIN, tick=False):
        row = plans.by_order()
    end_read()
    with transaction() as session:
        method = session.get_one(PaymentMethod, row.method_id)
        method.exp_year, method.exp_month = 2027, 1
    with time_machine.travel("2027-02-02 10:00:00+00:00", tick=False):
        email_settings.save("card_expires", Setting(is_on=False), by=factories.user(Role.ADMIN))
        assert expiring.notice(row.id)
        (told,) = stories.mails("card_expires_notice")
        assert "told nothing" in told.text and not stories.mails("card_expires")


def test_the_page_where_a_card_is_added_says_that_it_is_charged_at_once(
    client: Client, gateway: ScriptedGateway
) -> None:
    row = stories.declined(gateway, "expired_card")
    path = links.url("method", stories.mails("card_needed")[0].link_public_id or "", 1)
    end_read()
    shown = client.get(path).text
    assert f"As soon as it is saved, it is charged €291.55 for {row.number}" in shown
    assert f"charge €291.55 for {row.number} to it now" in shown and "Nothing is charged now" not in shown
    gateway.answers = ["ok"]
    stories.give_card()
    assert "What was open is charged to it now" in client.get(path).text
