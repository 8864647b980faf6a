"""The cards of an account as staff see them: the matrix, asking for a card, taking one off file, escalating one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock, jobs
from app.access import Role
from app.commands.routing import gateways
from app.db import db
from app.models import Account, CollectionMethod, Escalation, MethodRequest, OrderEmail, PaymentMethod
from app.states.gateway import GatewayEvent
from tests import factories, moves, plans
from tests.blueprints.public.customer import hidden
from tests.commands.collecting import fresh
from tests.conftest import Client
from tests.statements import counted


@pytest.fixture
def customer(app: Flask) -> Account:
    return factories.account(name="Northfield Clinics")


@pytest.fixture
def ray(app: Flask, client: Client) -> Client:
    return client.sign_in(factories.user(Role.AR))


def page(customer: Account) -> str:
    return f"/accounts/{customer.number}/coverage"


def test_the_matrix_has_a_cell_for_every_card_and_route(ray: Client, customer: Account) -> None:
    second = moves.gateway("harbour")
    moves.route(second.id, name="Harbour cards")
    until = clock.today(factories.ZONE) + timedelta(days=90)
    gateways.move(second.id, GatewayEvent.DEPRECATE, because="x", legacy_until=until, by=moves.admin())
    moves.card(customer, moves.first_gateway().id, second.id)
    moves.card(customer, second.id)
    moves.card(customer, exp_year=2020)
    text = ray.get(page(customer)).text
    for words in ("Ready", "Retokenization required", "New method required", "Legacy gateway"):
        assert words in text
    assert "it charges running agreements only, until" in text
    assert "Escalate for retokenization" in text and "Mail a link to add one" in text


def test_an_account_without_cards_is_told_what_to_do(ray: Client, customer: Account) -> None:
    text = ray.get(page(customer)).text
    assert "No card on file" in text and "Mail a link to add one" in text


def test_it_is_reached_from_account_order_and_collect_page(client: Client) -> None:
    boss = factories.user(Role.SALES_MANAGER)
    order = factories.order(owner=boss)
    customer = db.session.get_one(Account, order.account_id)
    client.sign_in(boss)
    for path in (f"/accounts/{customer.number}", f"/orders/{order.number}", f"/orders/{order.number}/collect"):
        assert f'href="{page(customer)}"' in client.get(path).text


def test_a_card_is_escalated_from_its_cell_once(ray: Client, customer: Account) -> None:
    card = moves.card(customer, moves.gateway().id)
    path, form = f"/accounts/{customer.number}/cards/{card.id}/escalation", {"route": moves.first_route().id}
    for _ in range(2):
        assert ray.post(path, data=form).status_code == 303
    assert db.session.query(Escalation).count() == 1
    assert "The payment admins have it." in ray.get(page(customer)).text


def test_the_default_is_chosen_and_a_card_taken_off_file(client: Client, customer: Account) -> None:
    boss = factories.user(Role.ADMIN)
    client.sign_in(boss)
    card = moves.card(customer)
    card_id = card.id
    assert client.post(f"/accounts/{customer.number}/cards/{card_id}/default").status_code == 303
    assert fresh(customer).default_method_id == card_id
    path = f"/accounts/{customer.number}/cards/{card_id}/detachment"
    row = plans.by_hand(customer, collection=CollectionMethod.SAVED_METHOD, method_id=card_id)
    asked = client.get(path).text
    assert "never charged again" in asked and f"It is the card of {row.number}:" in asked
    assert client.post(path, data={"reason": ""}).status_code == 422
    assert client.post(path, data={"reason": "The customer asked"}).status_code == 303
    assert "No card on file" in client.get(page(customer)).text
    jobs.run_due(raising=True)
    assert db.session.get_one(PaymentMethod, card_id, populate_existing=True).tokens[0].detached_at


def test_what_a_person_may_not_do_is_not_offered_and_refused(client: Client, customer: Account) -> None:
    card = moves.card(customer)
    client.sign_in(factories.user(Role.READ_ONLY))
    text = client.get(page(customer)).text
    assert "Take off file" not in text and "Ask for a card" not in text and "Make default" not in text
    for path in ("default", "detachment"):
        assert client.post(f"/accounts/{customer.number}/cards/{card.id}/{path}").status_code == 403
    assert client.get(f"/accounts/{customer.number}/card-requests/new").status_code == 403
    client.sign_in(factories.user(Role.FULFILLMENT_OPERATIONS))
    assert client.get(page(customer)).status_code == 403


def test_a_card_or_request_of_another_account_is_not_there(client: Client, customer: Account) -> None:
    client.sign_in(factories.user(Role.ADMIN))
    foreign, asked = moves.card(factories.account()), moves.asked(factories.account())
    for path in ("default", "escalation", "detachment"):
        assert client.post(f"/accounts/{customer.number}/cards/{foreign.id}/{path}").status_code == 404
    revocation = f"/accounts/{customer.number}/card-requests/{asked.id}/revocation"
    assert client.get(revocation).status_code == client.post(revocation).status_code == 404
    form = {"contact": asked.contact_id, "route": asked.route_id, "form_key": "k"}
    answer = client.post(f"/accounts/{customer.number}/card-requests/new", data=form)
    assert answer.status_code == 422 or asked.contact_id not in [
        x.contact_id for x in db.session.scalars(select(MethodRequest).where(MethodRequest.account_id == customer.id))
    ]
    assert client.get("/accounts/A-99999/coverage").status_code == 404


def test_asking_shows_everything_first_and_sends_once(ray: Client, customer: Account) -> None:
    path = f"/accounts/{customer.number}/card-requests/new"
    first = ray.get(path)
    assert "Please add a card for Northfield Clinics" in first.text and "Maria Keller" in first.text
    form = hidden(first)
    for _ in range(2):
        assert ray.post(path, data=form).headers["Location"] == page(customer)
    mail = db.session.scalars(select(OrderEmail)).one()
    assert mail.kind == "method_request"
    assert "Asked" in ray.get(page(customer)).text
    preview = ray.get(f"/accounts/{customer.number}/card-requests/mail")
    assert "link.withheld.invalid" in preview.text and "sandbox" in preview.headers["Content-Security-Policy"]


def test_what_stands_in_the_way_is_said_before_it_is_sent(ray: Client, customer: Account) -> None:
    gateways.move(moves.first_gateway().id, GatewayEvent.SUSPEND, because="x", by=moves.admin())
    path = f"/accounts/{customer.number}/card-requests/new"
    answer = ray.get(path)
    assert "Sandbox takes no new cards now." in answer.text and 'aria-disabled="true"' in answer.text
    assert ray.post(path, data=hidden(answer)).status_code == 409
    assert db.session.query(OrderEmail).count() == 0


def test_a_link_is_withdrawn_from_the_list(ray: Client, customer: Account) -> None:
    asked = moves.asked(customer)
    path = f"/accounts/{customer.number}/card-requests/{asked.id}/revocation"
    assert ray.post(path, data={"reason": "Wrong person"}).status_code == 303
    assert "Revoked" in ray.get(page(customer)).text


def test_the_page_costs_the_same_however_many_cards_and_routes(ray: Client, customer: Account) -> None:
    path = page(customer)

    def cost() -> int:
        with counted() as seen:
            assert ray.get(path).status_code == 200
        return len(seen)

    moves.card(customer)
    before = cost()
    for n in range(3):
        second = moves.gateway()
        moves.route(second.id, name=f"Route {n}")
        moves.card(customer, second.id)
    moves.asked(customer)
    assert cost() == before <= 9
