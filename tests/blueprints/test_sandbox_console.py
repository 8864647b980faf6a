"""The sandbox's console as a page: what it shows, what its forms do, whom it is for, and that it can be absent."""

from __future__ import annotations

import pytest
from flask import Flask

from app.access import Role
from app.db import transaction
from app.gateways.base import Outcome
from app.gateways.sandbox import post
from app.gateways.sandbox.cards import CARDS
from app.models import Gateway
from app.queries import sandbox as queries
from tests import factories
from tests.conftest import Client, make_app
from tests.gateways.bench import Bench
from tests.gateways.benches import sandbox_bench
from tests.statements import counted

HOME = "/sandbox/console/sandbox"


@pytest.fixture
def bench(app: Flask, client: Client) -> Bench:
    client.sign_in(factories.user(Role.PAYMENT_ADMIN))
    with transaction() as session:
        session.add(Gateway(key="sandbox-us", kind="sandbox", name="Sandbox USA", currencies=["USD"]))
    app.extensions[post.EXTENSION] = lambda address, body, headers: 200
    return sandbox_bench()


def said(client: Client, path: str, **form: object) -> str:
    """What the page says after a form was sent from it."""
    answer = client.post(f"{HOME}{path}", data=form)
    assert answer.status_code == 303 and answer.location.startswith(HOME)
    return client.get(HOME).text


def shown(key: str = "sandbox") -> queries.Console:
    return queries.console(key)


def test_it_opens_at_the_first_gateway_and_leads_to_the_others(bench: Bench, client: Client) -> None:
    assert client.get("/sandbox/console/").location == HOME
    page = client.get(HOME).text
    assert "Sandbox USA" in page and 'href="/sandbox/console/sandbox-us"' in page
    for words in ("Nothing is armed", "No charges yet", "No refunds yet", "Nobody disputes", "No payouts yet"):
        assert words in page
    assert all(card.grouped in page for card in CARDS)
    assert client.get("/sandbox/console/nothing").status_code == 404


def test_without_a_sandbox_it_says_how_one_comes_about(app: Flask, client: Client) -> None:
    client.sign_in(factories.user(Role.ADMIN))
    with transaction() as session:
        session.query(Gateway).update({"kind": "stripe"})
    assert "No sandbox gateway yet" in client.get("/sandbox/console/").text


def test_the_next_call_is_armed_shown_and_taken_back(bench: Bench, client: Client) -> None:
    form = {"call": "charge", "outcome": "declined", "decline_code": "do_not_honor", "advice": ""}
    page = said(client, "/next-calls", **form, seconds="")
    assert "Armed" in page and "<code>do_not_honor</code>" in page
    (armed,) = shown().armed
    assert "Taken back" in said(client, f"/next-calls/{armed.id}/removal")
    assert shown().armed == ()
    assert "met it already" in said(client, f"/next-calls/{armed.id}/removal")


def test_an_armed_fault_strikes(bench: Bench, client: Client) -> None:
    said(client, "/next-calls", call="charge", outcome="too_many", decline_code="do_not_honor", advice="", seconds="8")
    assert bench.gateway.charge(bench.request()).message == "429 Too Many Requests"


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"call": "capture", "outcome": "declined"}, 409, "cannot be how a capture ends"),
        ({"call": "charge", "outcome": "nothing"}, 422, "Not a valid choice"),
        ({"call": "charge", "outcome": "slow", "seconds": "900"}, 422, "from 1 to 60"),
    ],
)
def test_what_cannot_be_armed_is_refused_beside_the_form(
    bench: Bench, client: Client, form: dict, status: int, words: str
) -> None:
    answer = client.post(f"{HOME}/next-calls", data={"decline_code": "do_not_honor", "advice": ""} | form)
    assert answer.status_code == status and words in answer.text
    assert shown().armed == ()


def test_the_switches(bench: Bench, client: Client) -> None:
    page = said(client, "/switch", to="down")
    assert "Taken down" in page and "Nothing reaches this gateway" in page and "Bring up" in page
    assert bench.gateway.charge(bench.request()).outcome is Outcome.UNKNOWN
    assert "Up again" in said(client, "/switch", to="up")
    assert "Events wait" in said(client, "/switch", to="silent")
    assert "Events wait" not in said(client, "/switch", to="speaking")
    assert "does not know" in said(client, "/switch", to="nowhere")


def test_a_charge_is_disputed_inquired_about_and_refunded_by_hand(bench: Bench, client: Client) -> None:
    charge, other = bench.paid(), bench.paid()
    assert "€123.45" in client.get(HOME).text
    refused = said(client, f"/charges/{charge.provider_id}", act="refund", amount="1,5")
    assert "This is no amount in EUR" in refused
    said(client, f"/charges/{charge.provider_id}", act="refund", amount="23.45")
    assert shown().charges[1].left.minor == 10000
    said(client, f"/charges/{charge.provider_id}", act="dispute")
    said(client, f"/charges/{other.provider_id}", act="inquire")
    inquiry, dispute = shown().disputes
    assert (inquiry.inquiry, dispute.inquiry, dispute.amount.minor) == (True, False, 10000)
    said(client, f"/disputes/{inquiry.ref}", act="escalate")
    said(client, f"/disputes/{inquiry.ref}", act="lose")
    said(client, f"/disputes/{dispute.ref}", act="win")
    assert [d.phase for d in shown().disputes] == ["lost", "won"]
    assert "No more than what is left" in said(client, f"/charges/{other.provider_id}", act="dispute")
    assert "argued once more" in said(client, f"/disputes/{inquiry.ref}", act="appeal")
    assert "the fee is given back" in said(client, f"/disputes/{inquiry.ref}", act="win_all")
    assert [d.phase for d in shown().disputes] == ["won", "won"]


def test_a_saved_card_is_renewed_or_removed_and_an_event_tells_of_it(bench: Bench, client: Client) -> None:
    kept = bench.gateway.save_card(bench.setup())
    assert kept.token and kept.card and "12/99" in client.get(HOME).text
    said(client, f"/saved-cards/{kept.token}", act="renew")
    renewed = bench.gateway.saved_card(kept.token)
    assert renewed is not None and renewed.exp_year > kept.card.exp_year
    said(client, f"/saved-cards/{kept.token}", act="remove")
    assert bench.gateway.saved_card(kept.token) is None and shown().saved == ()
    assert [event.type for event in shown().events[:2]] == ["method.detached", "method.automatically_updated"]
    assert "keeps no such card" in said(client, f"/saved-cards/{kept.token}", act="remove")


def test_a_pending_charge_is_settled_or_declined(bench: Bench, client: Client) -> None:
    for act in ("settle", "decline"):
        said(
            client, "/next-calls", call="charge", outcome="pending", decline_code="do_not_honor", advice="", seconds="8"
        )
        pending = bench.gateway.charge(bench.request())
        said(client, f"/charges/{pending.provider_id}", act=act)
    assert [c.state for c in shown().charges] == ["declined", "succeeded"]


def test_refunds_wait_arrive_and_fail(bench: Bench, client: Client) -> None:
    charge = bench.paid()
    for act in ("arrive", "fail"):
        bench.hold_refund()
        refund = bench.gateway.move(bench.movement("refund", charge, 100))
        said(client, f"/refunds/{refund.provider_id}", act=act)
    assert [(r.state, r.ours) for r in shown().refunds] == [("failed", True), ("succeeded", True)]


def test_what_came_in_is_paid_out_and_may_come_back(bench: Bench, client: Client) -> None:
    assert "Nothing has come in" in said(client, "/payouts")
    bench.paid()
    assert "The next one brings" in client.get(HOME).text
    assert "Paid out." in said(client, "/payouts")
    (payout,) = shown().payouts
    assert (payout.net.minor, payout.items) == (12345 - 210, 1)
    said(client, f"/payouts/{payout.ref}/failure")
    assert shown().payouts[0].state == "failed" and shown().balance == (payout.net,)


def test_an_event_is_sent_in_every_way(bench: Bench, client: Client) -> None:
    bench.paid()
    event = shown().events[0]
    for act in ("forge", "stale", "wrong-account", "wrong-mode", "send"):
        assert "Answered: 200." in said(client, f"/events/{event.id}", act=act)
    assert "Answered: 200, 200." in said(client, f"/events/{event.id}", act="twice")
    assert [d.manner for d in shown().events[0].deliveries] == [
        "forged",
        "stale",
        "wrong_account",
        "wrong_mode",
        "true",
        "true",
        "true",
    ]
    assert "in ten minutes" in said(client, f"/events/{event.id}", act="delay")
    bench.paid()
    assert "Answered: 200, 200." not in said(client, "/events", order="backwards")
    assert "taken already" in said(client, "/events", order="forwards")


def test_the_page_costs_as_much_however_much_happened(bench: Bench, client: Client) -> None:
    with counted() as few:
        client.get(HOME)
    for _ in range(4):
        charge = bench.paid()
        bench.gateway.move(bench.movement("refund", charge, 100))
        said(client, f"/charges/{charge.provider_id}", act="dispute")
    said(client, "/payouts")
    with counted() as many:
        client.get(HOME)
    assert len(many) == len(few) <= 15


@pytest.mark.parametrize("role", [Role.SALESPERSON, Role.AR, Role.READ_ONLY])
def test_it_is_for_those_who_run_payments(app: Flask, client: Client, role: Role) -> None:
    client.sign_in(factories.user(role))
    assert client.get(HOME).status_code == 403
    assert client.post(f"{HOME}/switch", data={"to": "down"}).status_code == 403
    assert "/sandbox/console" not in client.get("/account").text


def test_there_is_none_in_production_nor_where_the_sandbox_is_off(app: Flask, client: Client) -> None:
    where = (app.config["SQLALCHEMY_DATABASE_URI"], app.config["INSTANCE"])
    for off in ({"ENVIRONMENT": "production", "PRODUCTION": True}, {"SANDBOX": False}):
        assert "sandbox_console.show" not in make_app(*where, **off).view_functions
    client.sign_in(factories.user(Role.ADMIN))
    app.config["SANDBOX"] = False
    assert client.get(HOME).status_code == 404
