"""Adding a card behind the mailed link, against the sandbox: saved once, told truly, over when it is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.methods import method_requests, method_setups
from app.commands.routing import gateways
from app.db import db
from app.models import Account, MethodRequest, MethodSetup, PaymentMethod, Token
from app.states.gateway import GatewayEvent
from tests import factories, moves
from tests.blueprints.public.customer import CONFIRM, LOST_ANSWER, NO_FUNDS, VISA, address, hidden
from tests.commands.collecting import fresh
from tests.conftest import Client
from tests.statements import counted


@pytest.fixture
def asked(app: Flask) -> MethodRequest:
    return moves.asked(factories.account(name="Northfield Clinics"))


def at(asked: MethodRequest) -> str:
    return address("method", asked.public_id, asked.generation).replace("/method/", "/add-method/")


def save(client: Client, url: str, card: dict[str, str] = VISA, **changes: str):  # type: ignore[no-untyped-def]
    form = hidden(client.get(url)) | {"name": "Maria Keller", "consent": "y"} | card | changes
    return client.post(url, data=form)


def test_a_card_is_added_and_nothing_charged(client: Client, asked: MethodRequest) -> None:
    page = client.get(at(asked))
    assert page.status_code == 200 and "For Northfield Clinics" in page.text and "Nothing is charged now." in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer" and page.headers["Cache-Control"] == "no-store"
    assert save(client, at(asked)).headers["Location"] == at(asked)
    done = client.get(at(asked)).text
    assert "Your card is saved." in done and "Visa •••• 4242 is on file" in done
    method = db.session.scalars(select(PaymentMethod)).one()
    assert method.consent_text.startswith("Brightwater Health Systems may keep this card")
    assert fresh(db.session.get_one(Account, asked.account_id)).default_method_id == method.id
    token = db.session.scalars(select(Token.token)).one()
    assert token not in done


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"consent": ""}, "Tick the box"), ({"name": ""}, "name on the card"), ({"instrument": ""}, "Enter your card")],
)
def test_a_form_that_is_not_whole_saves_nothing(
    client: Client, asked: MethodRequest, changes: dict[str, str], words: str
) -> None:
    answer = save(client, at(asked), **changes)
    assert answer.status_code == 422 and words in answer.text
    assert db.session.query(MethodSetup).count() == 0


def test_one_press_is_one_save_and_a_late_tab_reads_that_it_is_done(client: Client, asked: MethodRequest) -> None:
    form = hidden(client.get(at(asked))) | {"name": "Maria Keller", "consent": "y"} | VISA
    other = hidden(client.get(at(asked))) | {"name": "Maria Keller", "consent": "y"} | VISA
    for sent in (form, form, other):
        assert client.post(at(asked), data=sent).headers["Location"] == at(asked)
    assert db.session.query(MethodSetup).count() == db.session.query(PaymentMethod).count() == 1


def test_a_declined_card_is_told_and_another_one_taken(client: Client, asked: MethodRequest) -> None:
    save(client, at(asked), NO_FUNDS)
    page = client.get(at(asked)).text
    assert "No card was saved." in page and "Use another card." in page
    save(client, at(asked))
    assert "Your card is saved." in client.get(at(asked)).text


def bank_of(client: Client, way: str) -> str:
    """The bank's own address, which our page on the way there goes on to; it is stored nowhere."""
    assert way.endswith("/bank")
    return client.get(way).headers["Refresh"].partition("url=")[2]


def test_the_banks_question_and_the_way_back(client: Client, asked: MethodRequest) -> None:
    bank = bank_of(client, save(client, at(asked), CONFIRM).headers["Location"])
    assert "/sandbox/3ds/" in bank
    page = client.get(at(asked)).text
    assert "Your bank wants you to confirm this card." in page and "Use another card instead" in page
    back = client.post(bank, data={"answer": "approve"}).headers["Location"].removeprefix("http://countersign.test")
    assert 'id="back-from-bank"' in client.get(back).text
    assert client.post(back).headers["Location"] == at(asked)
    assert "Your card is saved." in client.get(at(asked)).text


def test_a_browser_that_lost_its_session_learns_how_it_went_and_no_more(
    app: Flask, client: Client, asked: MethodRequest
) -> None:
    bank = bank_of(client, save(client, at(asked), CONFIRM).headers["Location"])
    back = client.post(bank, data={"answer": "approve"}).headers["Location"].removeprefix("http://countersign.test")
    stranger = app.test_client().post(back)
    assert "Your card is saved." in stranger.text and "Northfield" not in stranger.text and "4242" not in stranger.text
    assert "Back from your bank." in app.test_client().post("/card-saving/nothing/return").text


def test_a_lost_answer_waits_and_then_tells(client: Client, asked: MethodRequest) -> None:
    save(client, at(asked), LOST_ANSWER)
    page = client.get(at(asked)).text
    assert "Your card is being saved." in page
    fragment = {"HX-Request": "true", "HX-Request-Type": "partial"}
    assert client.get(f"{at(asked)}/progress", headers=fragment).status_code == 204
    method_setups.ask(db.session.scalars(select(MethodSetup.id)).one())
    assert client.get(f"{at(asked)}/progress", headers=fragment).headers["HX-Redirect"] == at(asked)
    assert "Your card is saved." in client.get(at(asked)).text


def test_links_that_are_over_say_so_and_take_nothing(client: Client, asked: MethodRequest) -> None:
    account = db.session.get_one(Account, asked.account_id)
    unknown = client.get("/add-method/nothing")
    assert unknown.status_code == 410
    with time_machine.travel(clock.now() + timedelta(days=31)):
        page = client.get(at(asked))
        assert page.status_code == 410 and "This link has expired." in page.text
        assert client.post(at(asked), data=VISA).status_code == 303
        assert client.post(f"{at(asked)}/new-link").status_code == 200
    assert db.session.query(MethodSetup).count() == 0
    assert account.default_method_id is None


def test_a_withdrawn_link_says_so(client: Client, asked: MethodRequest) -> None:
    method_requests.revoke(asked.id, because="x", by=factories.user(Role.AR))
    assert "This link was withdrawn by the sender." in client.get(at(asked)).text


def test_while_the_gateway_takes_no_cards_the_page_says_so(client: Client, asked: MethodRequest) -> None:
    gateways.move(moves.first_gateway().id, GatewayEvent.SUSPEND, because="x", by=moves.admin())
    page = client.get(at(asked)).text
    assert "No card can be saved at the moment." in page and "card-form" not in page
    assert client.post(at(asked), data=VISA).status_code == 303


def test_opening_costs_the_same_for_every_link(client: Client, asked: MethodRequest) -> None:
    with counted() as live:
        client.get(at(asked))
    with counted() as unknown:
        client.get("/add-method/nothing")
    assert len(unknown) <= len(live) <= 4


@pytest.mark.parametrize("field", ["instrument", "card_label"])
def test_a_card_number_itself_is_refused(client: Client, asked: MethodRequest, field: str) -> None:
    answer = save(client, at(asked), **{field: "4242 4242 4242 4242"})
    assert answer.status_code == 422
    assert db.session.query(MethodSetup).count() == 0
