"""Gateways, routes and their moves in the admin's browser."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app import jobs
from app.access import Role
from app.commands.routing import gateway_health
from app.db import db
from app.gateways.outcome import Outcome
from app.models import Gateway, Route, RouteMigration
from app.models.method import GatewayState
from tests import factories, moves
from tests.conftest import Client
from tests.statements import counted

FORM = {"name": "Clinics", "currency": "EUR", "account_group": "clinics", "order_kind": "recurring"}


@pytest.fixture
def admin(app: Flask, client: Client) -> Client:
    factories.company()
    return client.sign_in(moves.admin())


def test_only_payment_admins_come_in(client: Client) -> None:
    factories.company()
    client.sign_in(factories.user(Role.SALES_MANAGER))
    for path in ("/admin/gateways", "/admin/routes", "/admin/gateways/sandbox", "/admin/routes/cards/migration"):
        assert client.get(path).status_code == 403
    assert client.get("/admin/").status_code == 403


def test_a_gateway_is_added_edited_and_moved(admin: Client) -> None:
    new = {"key": "harbour", "kind": "sandbox", "mode": "test", "name": "Harbour Payments", "currencies": "eur, usd"}
    assert admin.post("/admin/gateways/new", data=new).headers["Location"] == "/admin/gateways/harbour"
    assert "Takes charges and new cards." in admin.get("/admin/gateways/harbour").text
    admin.post("/admin/gateways/harbour", data={"name": "Harbour", "currencies": "EUR"})
    move = {"event": "deprecate", "legacy_until": "2027-03-31", "because": "The contract ends"}
    assert admin.post("/admin/gateways/harbour/state", data=move).status_code == 303
    page = admin.get("/admin/gateways/harbour").text
    assert "until 31 Mar 2027" in page and "The contract ends" in page and "Deprecated" in page
    row = db.session.scalars(select(Gateway).where(Gateway.key == "harbour")).one()
    assert (row.name, row.currencies) == ("Harbour", ["EUR"])


def test_what_is_wrong_is_said_and_what_was_typed_stays(admin: Client) -> None:
    answer = admin.post("/admin/gateways/new", data={"key": "Big Key", "name": "Typed name"})
    assert answer.status_code == 422 and "Typed name" in answer.text and "Small letters" in answer.text
    answer = admin.post("/admin/gateways/sandbox/state", data={"event": "remove", "because": "Gone"})
    assert answer.status_code == 409 and "cannot be removed while routes go there: Cards" in answer.text
    assert admin.post("/admin/gateways/sandbox/state", data={"event": "suspend"}).status_code == 422


def test_a_silent_gateway_is_shown_with_its_error(admin: Client) -> None:
    row = moves.first_gateway()
    for _ in range(5):
        gateway_health.heard(row.id, Outcome.UNKNOWN, "connect timed out")
    page = admin.get("/admin/gateways/sandbox").text
    assert "Last error: connect timed out" in page and "Unavailable" in page
    assert "no answer since" in admin.get("/admin/gateways").text


def test_no_credential_is_asked_for_or_shown(admin: Client) -> None:
    for path in ("/admin/gateways", "/admin/gateways/new", "/admin/gateways/sandbox"):
        page = admin.get(path).text.casefold()
        assert "secret" not in page and 'type="password"' not in page


def test_a_foreign_key_is_not_there(admin: Client) -> None:
    for path in ("/admin/gateways/nowhere", "/admin/routes/nowhere", "/admin/route-migrations/99"):
        assert admin.get(path).status_code == 404
    for path in ("/admin/routes/nowhere/position", "/admin/routes/nowhere/active", "/admin/gateways/nowhere/check"):
        assert admin.post(path).status_code == 404


def test_a_route_is_added_with_all_it_asks_for(admin: Client) -> None:
    facts = {"key": "clinics", "amount_min": "100", "amount_max": "2500.50", "gateway_id": moves.first_gateway().id}
    answer = admin.post("/admin/routes/new", data=FORM | facts | {"descriptor": "BRIGHTWATER", "fallback_id": ""})
    assert answer.status_code == 303
    row = db.session.scalars(select(Route).where(Route.key == "clinics")).one()
    assert (row.amount_min, row.amount_max, row.position, row.account_group) == (10000, 250050, 2, "clinics")
    page = admin.get("/admin/routes").text
    assert "group clinics" in page and "recurring" in page and "€2,500.50" in page
    assert 'value="2500.5"' in admin.get("/admin/routes/clinics").text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"descriptor": "ABC"}, "5 to 22 characters"),
        ({"currency": "", "amount_min": "5"}, "needs a currency"),
        ({"amount_min": "5.005"}, "fewer decimals"),
        ({"currency": "CHF"}, "takes no CHF"),
    ],
)
def test_a_route_that_cannot_be_is_told_why(admin: Client, wrong: dict[str, str], words: str) -> None:
    whole = FORM | {"gateway_id": str(moves.first_gateway().id), "descriptor": "BRIGHTWATER"}
    answer = admin.post("/admin/routes/cards", data=whole | wrong)
    assert answer.status_code == 422 and words in answer.text


def test_routes_are_reordered_and_switched_by_plain_posts(admin: Client) -> None:
    moves.route(moves.first_gateway().id, name="Second")
    second = db.session.scalars(select(Route).order_by(Route.id.desc())).first()
    assert second is not None
    key = second.key
    assert admin.post(f"/admin/routes/{key}/position", data={"direction": "up"}).status_code == 303
    page = admin.get("/admin/routes").text
    assert page.index("Second</a>") < page.index("Cards</a>")
    admin.post(f"/admin/routes/{key}/active", data={"active": "off"})
    assert "Switch on" in admin.get("/admin/routes").text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("currency=EUR&amount=100", "“Cards” takes it, at Sandbox."),
        ("currency=CHF", "No route takes this charge."),
        ("currency=EUR&amount=abc", "This is no amount of that currency."),
    ],
)
def test_the_page_tells_which_route_would_take_a_charge(admin: Client, query: str, words: str) -> None:
    assert words in admin.get(f"/admin/routes?{query}").text


def test_the_tester_tells_of_a_closed_route(admin: Client) -> None:
    row = moves.first_gateway()
    for _ in range(5):
        gateway_health.heard(row.id, Outcome.UNKNOWN, "x")
    assert "matches, but cannot be used now" in admin.get("/admin/routes?currency=EUR").text


def test_a_migration_is_previewed_run_followed_and_taken_back(admin: Client) -> None:
    second = moves.gateway("harbour")
    moves.card(factories.account(name="Northfield"), moves.first_gateway().id, second.id)
    second_id = second.id
    page = admin.get(f"/admin/routes/cards/migration?to={second_id}").text
    assert "Northfield" in page and "On file with Harbour, too." in page
    answer = admin.post("/admin/routes/cards/migration", data={"to": second_id, "form_key": "k"})
    here = answer.headers["Location"]
    page = admin.get(here).text
    assert "every 4s" in page and "Running" in page
    jobs.run_due(raising=True)
    page = admin.get(here).text
    assert "every 4s" not in page and "The route goes to Harbour." in page
    assert admin.post(f"{here}/reversal").status_code == 303
    assert "Taken back" in admin.get(here).text
    assert admin.post(f"{here}/detachment").status_code == 409
    assert db.session.scalars(select(RouteMigration)).one().route.gateway.key == "sandbox"


def test_the_pages_cost_the_same_however_much_there_is(admin: Client) -> None:
    def cost(path: str) -> int:
        with counted() as seen:
            assert admin.get(path).status_code == 200
        return len(seen)

    paths = ("/admin/gateways", "/admin/routes", "/admin/gateways/sandbox")
    before = [cost(path) for path in paths]
    for n in range(4):
        moves.route(moves.gateway().id, name=f"Route {n}")
        moves.card(factories.account())
    assert [cost(path) for path in paths] == before
    assert max(before) <= 10
    assert moves.first_gateway().state is GatewayState.ACTIVE
