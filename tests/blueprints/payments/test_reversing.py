"""Capturing, voiding and refunding from the pages: named in the question, refused in words, seen afterwards."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app import settings
from app.access import Role
from app.commands.office.settings import turn
from app.db import db, end_read
from app.gateways.sandbox import script
from app.gateways.sandbox.cards import Fault
from app.gateways.sandbox.tables import Call
from app.models import Movement, PaymentOrder, Transaction, User
from tests import factories
from tests.blueprints.payments.conftest import FRAGMENT, key_in
from tests.commands import moving
from tests.conftest import Client
from tests.statements import counted


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN, name="Ada Cole")


@pytest.fixture
def office(client: Client, boss: User) -> Client:
    return client.sign_in(boss)


def number(of: Transaction) -> str:
    return db.session.get_one(PaymentOrder, of.payment_order_id).number


def address(of: Transaction, what: str) -> str:
    return f"/payments/{number(of)}/transactions/{of.id}/{what}"


def test_a_refund_is_asked_for_by_amount_and_reason_and_shown(office: Client, boss: User) -> None:
    charge = moving.paid(boss)
    page, where = f"/payments/{number(charge)}", address(charge, "refund")
    asked = office.get(where).text
    assert f"Refund up to €410.55 on {number(charge)}" in asked and 'value="410.55"' in asked
    form = {"form_key": key_in(asked), "amount": "60.00", "reason": "Returned terminal"}
    assert office.post(where, data=form | {"amount": "60,00"}).status_code == 422
    assert office.post(where, data=form | {"amount": "60.001"}).status_code == 422
    assert office.post(where, data=form | {"reason": ""}).status_code == 422
    over = office.post(where, data=form | {"amount": "410.56"})
    assert over.status_code == 422 and "Only €410.55 is not refunded" in over.text
    assert office.post(where, data=form).status_code == 303
    told = office.get(page).text
    for words in ("€60.00 is refunded.", "€350.55 is kept.", "Returned terminal", "Part refunded", "Captures, voids"):
        assert words in told
    assert "Refund up to €350.55" in office.get(where).text


def test_the_dialog_answers_htmx_in_place(office: Client, boss: User) -> None:
    charge = moving.paid(boss)
    asked = office.get(address(charge, "refund"), headers=FRAGMENT).text
    assert "<html" not in asked
    form = {"form_key": key_in(asked), "amount": "1.00", "reason": "x"}
    fresh = office.post(address(charge, "refund"), data=form, headers=FRAGMENT)
    assert fresh.status_code == 200 and 'id="payment-order"' in fresh.text


def test_a_hold_offers_capture_and_void(office: Client, boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    moving.capture_later()
    hold = moving.paid(boss)
    told = office.get(f"/payments/{number(hold)}").text
    for words in ("€410.55 is authorized.", "Authorized", "Capture", "Void the authorization", "Held until"):
        assert words in told
    asked = office.get(address(hold, "void")).text
    assert f"Void the authorization of €410.55 on {number(hold)}" in asked
    assert office.post(address(hold, "void"), data={"form_key": key_in(asked), "reason": ""}).status_code == 422
    asked = office.get(address(hold, "capture")).text
    done = office.post(address(hold, "capture"), data={"form_key": key_in(asked), "amount": "410.55"})
    assert done.status_code == 303
    late = office.post(address(hold, "void"), data={"form_key": "another", "reason": "Too late"})
    assert late.status_code == 409 and "is captured already" in late.text


def test_the_question_says_what_of_a_hold_is_still_due(office: Client, boss: User) -> None:
    moving.capture_later()
    hold = moving.paid(boss)
    moving.credit(hold, 6_000, boss)
    assert "Only €350.55 of it is still due." in office.get(f"/payments/{number(hold)}").text
    asked = office.get(address(hold, "capture")).text
    assert f"Capture up to €350.55 on {number(hold)}" in asked and 'value="350.55"' in asked
    assert "Of €410.55 held, €350.55 is still due; €60.00 is let go." in asked
    form = {"form_key": key_in(asked), "amount": "410.55"}
    refused = office.post(address(hold, "capture"), data=form)
    assert refused.status_code == 422 and "Only €350.55 of this payment is still due." in refused.text
    assert office.post(address(hold, "capture"), data=form | {"amount": "350.55"}).status_code == 303


def test_an_unknown_refund_refreshes_itself_and_is_asked_about(office: Client, boss: User) -> None:
    charge = moving.paid(boss)
    script.next_call(Call.REFUND, fault=Fault.TIMEOUT_AFTER)
    row = moving.refund(charge, 500, boss)
    end_read()
    told = office.get(f"/payments/{number(charge)}").text
    assert 'hx-trigger="every 4s"' in told and "Ask the gateway now" in told and "Confirming with the gateway" in told
    asked = office.post(f"/payments/{number(charge)}/movements/{row.id}/question")
    assert asked.status_code == 303
    assert "€5.00 is refunded." in office.get(f"/payments/{number(charge)}").text


def test_a_second_person_finds_it_in_the_queue(client: Client, boss: User) -> None:
    turn(settings.REFUND_SECOND_PERSON.key, True, by=boss)
    turn(settings.REFUND_LIMIT.key, 10_000, by=boss)
    charge = moving.paid(boss)
    row = moving.refund(charge, 40_000, boss)
    base = f"/payments/{number(charge)}/movements/{row.id}"
    own = client.sign_in(boss).get("/payments/refunds").text
    assert "You asked for it; somebody else decides." in own and f"{base}/approval" not in own
    assert client.post(f"{base}/approval").status_code == 409
    client.sign_in(factories.user(Role.AR, name="Bo Lind"))
    assert f"{base}/approval" in client.get("/payments/refunds").text
    assert "Ada Cole asked for it: Returned goods" in client.get(f"{base}/approval").text
    assert client.post(f"{base}/approval").status_code == 303
    told = client.get(f"/payments/{number(charge)}").text
    assert "decided by Bo Lind" in told and "€400.00 is refunded." in told
    assert "No refund waits" in client.get("/payments/refunds").text


def test_foreign_and_forbidden_ones_are_refused(client: Client, boss: User) -> None:
    charge, other = moving.paid(boss), moving.paid(boss)
    client.sign_in(factories.user(Role.PAYMENT_OPERATIONS))
    assert client.get(f"/payments/{number(charge)}/transactions/{other.id}/refund").status_code == 404
    assert client.get(f"/payments/{number(charge)}/movements/77/approval").status_code == 403
    assert client.post(f"/payments/{number(charge)}/movements/77/question").status_code == 404
    client.sign_in(factories.user())
    assert client.get(address(charge, "refund")).status_code == 403
    assert db.session.scalars(select(Movement.id)).all() == []


def test_the_order_page_offers_it_in_the_payment_panel_for_no_more_statements(office: Client, boss: User) -> None:
    charge = moving.paid(boss)
    order = db.session.get_one(PaymentOrder, charge.payment_order_id).order
    assert order is not None
    url = f"/orders/{order.number}"
    with counted() as before:
        told = office.get(url).text
    assert f"{number(charge)}/transactions/{charge.id}/refund" in told
    for n in range(3):
        moving.refund(charge, 100 + n, boss)
    with counted() as after:
        told = office.get(url).text
    assert len(after) == len(before)
    assert "Part refunded" in told and "asked the gateway for a refund of €1.00" in told


def test_the_page_costs_the_same_however_much_was_moved(office: Client, boss: User) -> None:
    charge = moving.paid(boss)
    moving.refund(charge, 99, boss)

    def cost() -> int:
        with counted() as seen:
            office.get(f"/payments/{number(charge)}")
        return len(seen)

    before = cost()
    for n in range(3):
        moving.refund(charge, 100 + n, boss)
    assert cost() == before <= 16
