"""Whatever is sent to any address of the URL map: an answer in words, never a broken page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from app import links
from app.access import Role
from app.commands.orders import approvals
from app.db import db
from app.models import PaymentIntent, User
from tests import factories, plans, waiting
from tests.conftest import Client
from tests.house import posts, routes
from tests.ledgers import samples as receivables_of

pytestmark = pytest.mark.engines
PARTS = 2
# Each way of being hostile meets one of the databases, most the stricter one: all of it on both takes its time.
STRICTER = pytest.mark.parametrize("any_app", ["postgresql"], indirect=True)
SIMPLER = pytest.mark.parametrize("any_app", ["sqlite"], indirect=True)


@pytest.fixture
def admin(any_app: Flask) -> User:
    return factories.user(Role.ADMIN)


@pytest.fixture
def guest(any_app: Flask, admin: User) -> Client:
    any_app.config["PROPAGATE_EXCEPTIONS"] = True
    client: Client = any_app.test_client()  # type: ignore[assignment]
    return client.sign_in(admin)


@pytest.fixture
def samples(any_app: Flask, admin: User) -> dict[str, object]:
    draft = factories.order(owner=admin)
    approval = approvals.submit(factories.order(owner=admin).id, by=admin)
    intent = db.session.query(PaymentIntent).one()
    return {
        "orders.number": draft.number,
        "quotes.number": factories.quote(owner=admin).number,
        "accounts.number": factories.account().number,
        "agreements.number": plans.by_hand().number,
        "agreements.account": factories.account().number,
        "invoices.number": factories.invoice(factories.order(owner=admin)).number,
        "payments.number": intent.payment_order.number,
        "operations.event_id": waiting.event().id,
        "operations.escalation_id": waiting.escalation().id,
        "operations.queue": "charges",
        "operations.gateway": "sandbox",
        **receivables_of(admin),
        "approve.token": links.mint("approve", approval.public_id, approval.generation),
        "pay.token": links.mint("pay", intent.public_id, intent.generation),
        "token": "nothing-we-signed",
    }


def signing_in_again(guest: Client, admin: User) -> Callable[[], None]:
    admin_id = admin.id
    return lambda: guest.sign_in(db.session.get_one(User, admin_id)) and None


@SIMPLER
def test_no_form_breaks_by_what_all_its_fields_say(any_app: Flask, admin: User, guest: Client, samples) -> None:
    found = list(posts.forms(any_app, guest, samples))
    assert len(found) > 25, "the forms are not found any more"
    again = signing_in_again(guest, admin)
    assert [wrong for form in found for wrong in posts.broken_by_turns(guest, form, again)] == []


@STRICTER
@pytest.mark.parametrize("part", range(PARTS))
def test_no_field_of_any_form_breaks_its_page(any_app: Flask, admin: User, guest: Client, samples, part: int) -> None:
    found, again = list(posts.forms(any_app, guest, samples))[part::PARTS], signing_in_again(guest, admin)
    assert [wrong for form in found for wrong in posts.broken_by_fields(guest, form, again)] == []


@STRICTER
def test_no_address_that_takes_a_post_breaks(any_app: Flask, admin: User, guest: Client, samples) -> None:
    names = {name for form in posts.forms(any_app, guest, samples) for name in form.fields}
    again = signing_in_again(guest, admin)
    paths = [routes.build(rule, samples) for rule in posts.posts(any_app)]
    turns = enumerate(paths)
    assert [wrong for turn, path in turns for wrong in posts.broken_bare(guest, path, names, turn, again)] == []


@STRICTER
def test_no_address_breaks_by_what_stands_in_it(any_app: Flask, guest: Client, samples) -> None:
    assert list(posts.broken_by_address(any_app, guest, samples)) == []


def test_a_form_that_breaks_is_seen(any_app: Flask, guest: Client) -> None:
    form = posts.Form("/nowhere/\x00", {"name": posts.EMPTY})

    @any_app.post("/nowhere/<name>")
    def nowhere(name: str) -> str:
        raise ValueError(name)

    form.action = "/nowhere/here"
    assert len(list(posts.broken_by_fields(guest, form, lambda: None))) == 2
