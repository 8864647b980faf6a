"""The list of orders: filters in the address, pages by key, few statements."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask import Flask

from app.access import Role
from app.db import db, transaction
from app.models import SalesOrder, User
from app.queries.orders import listing
from app.states.order import OrderStatus
from tests import factories
from tests.conftest import Client
from tests.statements import counted


@pytest.fixture
def manager(app: Flask) -> User:
    return factories.user(Role.SALES_MANAGER)


def shown(client: Client, address: str) -> list[str]:
    page = client.get(address)
    assert page.status_code == 200
    return re.findall(r"mono\">(SO-\d+)", page.text)


def follow(client: Client, address: str, rel: str) -> str | None:
    found = re.search(rf'href="([^"]+)" rel="{rel}"', client.get(address).text)
    return found.group(1).replace("&amp;", "&") if found else None


def test_it_filters_by_what_the_address_says(client: Client, manager: User) -> None:
    ann, acme = factories.user(name="Ann Seller"), factories.account(name="Acme Clinics")
    first = factories.order(owner=manager, status=OrderStatus.BOOKED)
    second = factories.order(owner=ann, customer=acme)
    with transaction():
        db.session.get_one(SalesOrder, second.id).tags = ["Überfällig", "vip"]
    client.sign_in(manager)
    assert shown(client, "/orders/") == [second.number, first.number]
    for address, found in {
        "?status=booked": [first],
        "?status=nonsense": [second, first],
        f"?owner={ann.id}": [second],
        "?tag=vip": [second],
        "?tag=Überfällig": [second],
        "?tag=v": [],
        "?q=acme": [second],
        f"?q={first.number.lower()}": [first],
        f"?q={second.quote_number}": [second],
        "?q=%25": [],
        "?status=draft&q=acme&tag=vip": [second],
    }.items():
        assert shown(client, f"/orders/{address}") == [o.number for o in found], address


def test_a_salesperson_lists_their_own(client: Client, app: Flask) -> None:
    ann = factories.user(Role.SALESPERSON)
    hers = factories.order(owner=ann)
    factories.order()
    assert shown(client.sign_in(ann), "/orders/") == [hers.number]


@pytest.mark.parametrize("sort", list(listing.SORTS))
def test_pages_are_walked_by_key_and_back(
    client: Client, manager: User, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)
    customers = [factories.account(name=name) for name in ("Beta", "Alpha", "Beta")]
    starts = [date(2027, 1, 1), None, date(2026, 12, 1)]
    made = [
        factories.order(owner=manager, customer=customers[n % 3], start_date=starts[n % 3]).number for n in range(8)
    ]
    client.sign_in(manager)
    address: str | None = f"/orders/?sort={sort}"
    pages = []
    while address:
        pages.append(shown(client, address))
        last, address = address, follow(client, address, "next")
    assert [len(p) for p in pages] == [3, 3, 2]
    assert sorted(sum(pages, [])) == made
    back = follow(client, last, "prev")
    assert back is not None and shown(client, back) == pages[1]
    back = follow(client, back, "prev")
    assert back is not None and shown(client, back) == pages[0]


def test_an_empty_list_says_how_orders_come_about(client: Client, manager: User) -> None:
    client.sign_in(manager)
    assert "An order comes from an approved quote" in client.get("/orders/").text
    assert "No order matches" in client.get("/orders/?q=nobody").text


def test_it_costs_the_same_however_long_it_is(client: Client, manager: User) -> None:
    client.sign_in(manager)
    counts = []
    for _ in range(2):
        factories.order(owner=manager)
        factories.order(owner=manager, lines=[factories.line(n) for n in range(1, 20)])
        with counted() as seen:
            client.get("/orders/")
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 6
