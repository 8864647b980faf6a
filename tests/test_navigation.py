"""The way around: each place for who may go there, rarer ones in menus, the first one after signing in."""

from __future__ import annotations

import pytest
from flask import Flask

from app.access import Role
from app.navigation import MENUS, PLACES
from tests import factories
from tests.conftest import Client


def shown(client: Client) -> str:
    page = client.get("/your-account").text
    return page[page.index('<nav id="nav"') : page.index("</nav>")]


def test_every_menu_is_in_one_piece_and_has_a_name() -> None:
    runs = [place.menu for n, place in enumerate(PLACES) if n == 0 or PLACES[n - 1].menu != place.menu]
    menus = [menu for menu in runs if menu]
    assert len(menus) == len(set(menus)) and set(menus) == set(MENUS)


@pytest.mark.parametrize(
    ("role", "menus"),
    [
        (Role.ADMIN, {"Finance", "Operations", "Demo"}),
        (Role.PAYMENT_OPERATIONS, {"Finance", "Operations", "Demo"}),
        (Role.AR, {"Finance", "Operations"}),
        (Role.SALESPERSON, set()),
    ],
)
def test_menus_are_there_for_whoever_has_more_than_one_place_in_them(
    app: Flask, client: Client, role: Role, menus: set[str]
) -> None:
    client.sign_in(factories.user(role))
    nav = shown(client)
    assert {name for name in MENUS.values() if f'aria-label="{name}"' in nav} == menus
    assert ("Escalations" in nav) is (role is not Role.SALESPERSON)
    assert ("Payment operations" in nav) is (role in (Role.ADMIN, Role.PAYMENT_OPERATIONS))


def test_where_one_is_is_said_of_the_place_and_of_its_menu(client: Client) -> None:
    client.sign_in(factories.user(Role.ADMIN))
    page = client.get("/operations/escalations/").text
    assert 'popovertarget="nav-operations" aria-haspopup="true" aria-current="true"' in page
    assert '<a class="menu-item" href="/operations/escalations/" aria-current="page">' in page
    assert page.count('aria-current="page"') == 1


def test_whoever_signs_in_lands_on_the_first_place_of_theirs(client: Client) -> None:
    client.sign_in(factories.user(Role.PAYMENT_OPERATIONS))
    assert client.get("/").location == "/orders/"
    client.sign_in(factories.user(roles=[], grants=["payment.operate"]))
    assert client.get("/").location == "/operations/payments/"
