"""Processor events: found by what is known of them, shown without secrets, replayed and set aside."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock, jobs
from app.access import Role
from app.commands.payments import notices
from app.db import db, end_read
from app.models import Audit, Escalation, Gateway, NoticeWork, PaymentOrder, StagedJob, Transaction
from app.queries import events
from app.states.escalation import EscalationStatus
from app.states.notice import NoticeStatus
from tests import factories, moves, waiting
from tests.commands import moving
from tests.commands.payments.test_notices import take_in
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway
from tests.statements import counted

LIST = "/operations/events/"
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def browser(app: Flask, client: Client) -> Client:
    return client.sign_in(waiting.operator(name="Sven Holm"))


def status(event_id: int) -> NoticeStatus:
    db.session.expire_all()
    return db.session.scalars(select(NoticeWork.status).where(NoticeWork.event_id == event_id)).one()


def number_of(charge: Transaction) -> str:
    return db.session.get_one(PaymentOrder, charge.payment_order_id).number


def test_the_list_is_filtered_by_what_the_address_says(browser: Client) -> None:
    charge = moving.paid()
    number = number_of(charge)
    row = waiting.unmatched(event_id="evt_known", subject_id=charge.provider_id)
    today, before = clock.now().date(), clock.now().date() - timedelta(days=2)
    for query, found in {
        "": True,
        "gateway=sandbox": True,
        "gateway=other": False,
        "state=unmatched": True,
        "state=done": False,
        "state=nonsense": True,
        "type=charge.": True,
        "type=refund": False,
        "q=evt_known": True,
        f"q={charge.provider_id}": True,
        f"q={number}": True,
        "q=PO-0": False,
        f"first={before}&last={today + timedelta(days=1)}": True,
        f"last={before}": False,
        "first=nonsense": True,
        "before=1": False,
        "gateway=sandbox&state=unmatched&q=evt_known": True,
    }.items():
        answer = browser.get(f"{LIST}?{query}")
        assert answer.status_code == 200 and (f"{LIST}{row.id}" in answer.text) is found, query


def test_empty_and_nothing_matches_are_two_things(browser: Client) -> None:
    factories.company()
    assert "No events yet" in browser.get(LIST).text
    assert "No event matches" in browser.get(f"{LIST}?state=done").text


def test_the_list_is_paged_by_key_and_asks_as_much_for_many_as_for_one(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PAGE", 2)
    rows = [waiting.event()]
    browser.get(LIST)
    with counted() as one:
        browser.get(LIST)
    rows += [waiting.event() for _ in range(4)]
    with counted() as many:
        page = browser.get(f"{LIST}?gateway=sandbox").text
    assert len(one) == len(many) == 4
    assert "gateway=sandbox&amp;before=4" in page and rows[4].event_id in page and rows[2].event_id not in page
    assert rows[2].event_id in browser.get(f"{LIST}?before=4").text
    assert rows[3].event_id in browser.get(f"{LIST}?after=3").text


def test_one_shows_its_payload_without_secrets_its_hash_and_its_payment(
    browser: Client, gateway: ScriptedGateway
) -> None:
    factories.company()
    take_in(data={"client_secret": "pi_1_secret_2", "card": "4242 4242 4242 4242"}, subject_id="ch-9")
    page = browser.get(f"{LIST}1").text
    assert "secret_2" not in page and "4242 4242" not in page and page.count("withheld") >= 2
    assert notices.sha256(b"") not in page and "SHA-256" in page and "none of ours" in page


def test_one_leads_to_the_payment_and_to_others_about_the_same(browser: Client) -> None:
    charge = moving.paid()
    first = waiting.event(subject_id=charge.provider_id)
    second = waiting.event(subject_id=charge.provider_id, type="charge.updated")
    page = browser.get(f"{LIST}{first.id}").text
    assert f"/payments/{number_of(charge)}" in page
    assert f"{LIST}{second.id}" in page and "charge.updated" in page
    assert browser.get(f"{LIST}99").status_code == 404


def test_one_that_failed_is_replayed_in_place(
    browser: Client, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.company()
    with monkeypatch.context() as broken:
        broken.setitem(notices.HEARERS, notices.Subject.CHARGE, lambda event: 1 / 0)
        take_in(subject_id="ch-1")
        jobs.run_due()
    page = browser.get(f"{LIST}1").text
    assert "ZeroDivisionError" in page and "Tries that failed" in page
    part = browser.post(f"{LIST}1/replay", headers=FRAGMENT)
    assert part.text.startswith('<section id="panel-event"') and "Being worked on" in part.text
    assert "every 4s" in part.text  # it asks for itself again until there is an end
    again = browser.post(f"{LIST}1/replay", headers=FRAGMENT)
    assert again.status_code == 409 and "being worked on already" in again.text
    assert db.session.scalars(select(Audit.action).where(Audit.action == "event.replay")).all() == ["event.replay"]


def test_one_about_other_money_is_set_aside_and_never_replayed(browser: Client, gateway: ScriptedGateway) -> None:
    factories.company()
    take_in(mode="live")
    page = browser.get(f"{LIST}1").text
    assert "Quarantined" in page and "Set aside" in page and f"{LIST}1/replay" not in page
    assert "Say why" in browser.post(f"{LIST}1/set-aside", data={"because": " "}).text
    answer = browser.post(f"{LIST}1/set-aside", data={"because": "The live key was used in a test."})
    assert answer.status_code == 303 and status(1) is NoticeStatus.IGNORED
    assert "The live key was used in a test." in browser.get(f"{LIST}1").text
    assert db.session.scalars(select(Escalation.status)).all() == [EscalationStatus.RESOLVED]
    late = browser.post(f"{LIST}1/set-aside", data={"because": "Again."})
    assert late.status_code == 409 and "Nobody needs to look" in late.text and "Again." in late.text
    assert browser.post(f"{LIST}1/replay").status_code == 409
    assert db.session.scalars(select(StagedJob.id).where(StagedJob.kind == "notices.work")).all() == []


def test_events_of_a_gateway_whose_mode_changed_are_judged_by_what_it_is_now(browser: Client) -> None:
    row = waiting.unmatched(mode="live")
    assert browser.post(f"{LIST}{row.id}/replay").status_code == 409
    assert db.session.scalars(select(Gateway.mode)).one() == "test"


def test_it_is_for_those_who_may_see_events(client: Client) -> None:
    row = waiting.unmatched()
    client.sign_in(factories.user(Role.AR))
    assert client.get(LIST).status_code == 403 and client.get(f"{LIST}{row.id}").status_code == 403
    client.sign_in(factories.user(Role.READ_ONLY, grants=["event.view"]))
    page = client.get(f"{LIST}{row.id}").text
    assert "Not ours" in page and f"{LIST}{row.id}/replay" not in page and "Set aside" not in page
    assert client.post(f"{LIST}{row.id}/replay").status_code == 403
    assert client.post(f"{LIST}{row.id}/set-aside", data={"because": "x"}).status_code == 403
    end_read()
    assert moves.first_gateway().key == "sandbox"
