"""Escalations: found by status and people, taken up by one, resolved with a sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.office import escalations as commands
from app.db import db
from app.models import Escalation, Symptom, Team, User
from app.queries import escalations
from app.states.escalation import EscalationStatus
from tests import factories, waiting
from tests.conftest import Client
from tests.statements import counted

LIST = "/operations/escalations/"
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def ines(app: Flask) -> User:
    return factories.user(Role.AR, name="Ines Laurent")


@pytest.fixture
def browser(client: Client, ines: User) -> Client:
    return client.sign_in(ines)


def fresh(row: Escalation) -> Escalation:
    db.session.expire_all()
    return db.session.get_one(Escalation, row.id)


def test_every_team_has_its_people() -> None:
    assert set(escalations.ROLES) == set(Team)


@pytest.mark.parametrize("symptom", Symptom)
def test_every_symptom_has_its_words(app: Flask, symptom: Symptom) -> None:
    with app.test_request_context():
        assert escalations.symptom(symptom) and escalations.team(commands.CARE[symptom][0])


def test_the_list_is_narrowed_to_a_team_and_to_oneself(browser: Client, ines: User) -> None:
    finance, sales = waiting.escalation(), waiting.escalation(Symptom.MISSING_CONTEXT)
    done = waiting.escalation(Symptom.DISPUTE_DUE)
    commands.acknowledge(finance.id, by=ines)
    commands.resolve(done.id, because="Answered.", by=ines)
    for query, found in {
        "": {finance, sales},
        "whose=team": {finance},
        "whose=mine": {finance},
        "status=open": {sales},
        "status=resolved": {done},
        "status=all": {finance, sales, done},
        "status=nonsense&whose=nonsense": {finance, sales},
        "whose=mine&status=open": set(),
    }.items():
        page = browser.get(f"{LIST}?{query}").text
        assert {row for row in (finance, sales, done) if f'href="{LIST}{row.id}"' in page} == found, query


def test_when_nothing_is_escalated_it_says_so(browser: Client) -> None:
    assert "Nothing is escalated" in browser.get(LIST).text


def test_one_shows_what_it_is_about_and_whether_it_is_late(browser: Client) -> None:
    row = waiting.escalation()
    page = browser.get(f"{LIST}{row.id}").text
    assert f"/orders/{row.subject_label}" in page and "12.00 EUR" in page and "nobody yet" in page
    assert "Late" not in page
    with time_machine.travel(clock.now() + timedelta(hours=9), tick=False):
        browser.sign_in(factories.user(Role.AR))
        assert "Late" in browser.get(f"{LIST}{row.id}").text and "Late" in browser.get(LIST).text


def test_every_kind_of_subject_leads_to_its_page(browser: Client, client: Client) -> None:
    event = waiting.unmatched()
    line = waiting.strange_line()
    client.sign_in(factories.user(Role.ADMIN))
    pages = [client.get(f"{LIST}{id}").text for id in db.session.scalars(select(Escalation.id).order_by(Escalation.id))]
    assert f"/operations/events/{event.id}" in pages[0]
    assert f"#exception-{line.id}" in pages[1]


def test_taking_it_up_answers_in_place_and_happens_once(browser: Client, ines: User) -> None:
    row = waiting.escalation()
    part = browser.post(f"{LIST}{row.id}/acknowledgement", headers=FRAGMENT)
    assert part.text.startswith('<section id="panel-escalation"') and "Ines Laurent" in part.text
    assert (fresh(row).status, fresh(row).owner_id) == (EscalationStatus.ACKNOWLEDGED, ines.id)
    late = browser.post(f"{LIST}{row.id}/acknowledgement", headers=FRAGMENT)
    assert late.status_code == 409 and "took this escalation up already" in late.text


def test_resolving_takes_a_sentence_and_it_can_be_opened_again(browser: Client) -> None:
    row = waiting.escalation()
    empty = browser.post(f"{LIST}{row.id}/resolution", data={"because": ""})
    assert empty.status_code == 422 and "Say it in a sentence" in empty.text
    assert browser.post(f"{LIST}{row.id}/resolution", data={"because": "Refunded by wire."}).status_code == 303
    assert "Refunded by wire." in browser.get(f"{LIST}{row.id}").text
    late = browser.post(f"{LIST}{row.id}/resolution", data={"because": "Mine!"})
    assert late.status_code == 409 and "resolved already" in late.text and "Mine!" in late.text
    assert browser.post(f"{LIST}{row.id}/reopening", data={"because": "The wire came back."}).status_code == 303
    assert fresh(row).status is EscalationStatus.OPEN


def test_it_asks_as_much_for_many_as_for_one(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escalations, "PAGE", 2)
    rows = [waiting.escalation()]
    browser.get(LIST)
    with counted() as one:
        browser.get(LIST)
    rows += [waiting.escalation() for _ in range(3)]
    with counted() as many:
        page = browser.get(LIST).text
    assert len(one) == len(many) == 2
    assert rows[3].subject_label in page and rows[0].subject_label not in page and "before=3" in page
    assert rows[0].subject_label in browser.get(f"{LIST}?before=3").text


def test_foreign_ones_are_not_found_and_nobody_comes_without_permission(client: Client) -> None:
    row = waiting.escalation()
    client.sign_in(factories.user(Role.SALESPERSON))
    assert client.get(LIST).status_code == 403
    client.sign_in(factories.user(Role.SALESPERSON, grants=["escalation.view", "escalation.resolve"]))
    assert row.subject_label not in client.get(f"{LIST}?status=all").text
    for path in ("", "/resolution", "/reopening"):
        assert client.get(f"{LIST}{row.id}{path}").status_code == 404
    assert client.post(f"{LIST}{row.id}/acknowledgement").status_code == 404
    client.sign_in(factories.user(Role.READ_ONLY, grants=["escalation.view"]))
    page = client.get(f"{LIST}{row.id}").text
    assert "Where it stands" in page and "Take it up" not in page and "Resolve" not in page
    assert client.post(f"{LIST}{row.id}/acknowledgement").status_code == 403
