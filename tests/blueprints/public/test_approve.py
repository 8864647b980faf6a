"""The customer's page: reading, signing, giving back; and what it must never do."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from app import settings
from app.access import Role
from app.commands.orders import approvals
from app.db import db, lock, transaction
from app.formatting import money
from app.models import Approval, Note, SalesOrder, Setting, Signature
from app.models.frozen import read
from app.states.approval import ApprovalEvent, ApprovalStatus
from app.states.order import OrderStatus
from tests import factories
from tests.blueprints.public.customer import address, hidden, invited, order_of, signed
from tests.conftest import Client
from tests.statements import counted


def everything() -> dict[str, int]:
    """Rows by table."""
    names = [row[0] for row in db.session.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
    return {name: db.session.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in names}  # noqa: S608


def test_the_page_shows_the_very_figures_of_the_snapshot(client: Client) -> None:
    customer = invited(client, deposit_percent="10")
    frozen = read(customer.approval.snapshot.content)
    page = customer.get()
    assert page.status_code == 200
    for amount in (frozen.total, frozen.net, frozen.tax, frozen.due_now, frozen.later[0].amount):
        assert money(amount) in page.text
    assert "Sign and continue to payment" in page.text


def test_opening_it_writes_nothing_however_often(client: Client) -> None:
    customer = invited(client)
    before = everything()
    for _ in range(3):
        for path in ("", "/decline", "/request-change", "/pay", "/progress", "/forward"):
            assert customer.get(path).status_code in (200, 302, 303)
    assert everything() == before
    assert db.session.get_one(Approval, customer.approval.id).viewed_at is None


def test_the_address_stays_with_us(client: Client) -> None:
    for page in (invited(client).get(), client.get("/approve/nothing"), client.get("/pay/nothing")):
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"


def test_the_token_is_in_no_row_and_no_log(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    customer = invited(client)
    customer.post("/viewed")
    customer.sign()
    customer.pay()
    token = customer.url.rpartition("/")[2]
    signature = token.rpartition(".")[2]
    tables = [row[0] for row in db.session.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
    rows = "".join(str(db.session.execute(text(f'SELECT * FROM "{name}"')).all()) for name in tables)  # noqa: S608
    assert customer.approval.public_id in rows
    assert signature not in rows
    assert signature not in "".join(capfd.readouterr())


def test_viewing_is_a_post_of_our_own_script(client: Client) -> None:
    customer = invited(client)
    assert customer.post("/viewed").status_code == 204
    assert db.session.get_one(Approval, customer.approval.id).viewed_at is not None


def test_a_typed_signature_leads_on_to_the_payment(client: Client) -> None:
    customer = invited(client)
    answer = customer.sign()
    assert (answer.status_code, answer.location) == (303, customer.url)
    assert customer.get().location == f"{customer.url}/pay"
    row = db.session.scalars(select(Signature)).one()
    assert row.typed == "Maria Keller"
    assert "Northfield Clinics" in row.consent_text and "per month" in row.consent_text


def test_pressed_twice_or_in_two_tabs_it_is_one_signature(client: Client) -> None:
    customer = invited(client)
    form = {"kind": "typed", "name": "Maria", "email": "m@northfield.test", "consent": "y"}
    fields = hidden(customer.get())
    answers = [customer.post("/sign", **fields, **form) for _ in range(2)]
    assert [a.status_code for a in answers] == [303, 303]
    assert db.session.scalar(select(func.count(Signature.id))) == 1


def test_what_is_missing_is_said_beside_its_field_and_nothing_typed_is_lost(client: Client) -> None:
    answer = invited(client).sign(consent="", email="maria at home", title="Head of <everything>")
    assert answer.status_code == 422
    assert "Tick the box to accept the order." in answer.text
    assert "Enter an email address like name@company.com." in answer.text
    assert 'value="maria at home"' in answer.text and "Head of &lt;everything&gt;" in answer.text
    assert db.session.scalar(select(func.count(Signature.id))) == 0


def test_a_drawing_that_is_none_is_asked_for_again(client: Client) -> None:
    customer = invited(client)
    assert "Please sign in the box" in customer.sign(kind="drawn", image="").text
    assert "could not be read" in customer.sign(kind="drawn", image="data:image/png;base64,AAAA").text
    assert "could not be read" in customer.sign(kind="drawn", image="%%%").text


@pytest.mark.parametrize("seen", [{"sha256": "0" * 64}, {"edition": "9"}, {"sha256": ""}, {"edition": "x"}])
def test_a_stale_tab_is_shown_the_version_as_it_is_now(client: Client, seen: dict[str, str]) -> None:
    customer = invited(client)
    form = {"kind": "typed", "name": "Maria", "email": "m@northfield.test", "consent": "y"}
    answer = customer.post("/sign", **(hidden(customer.get()) | form | seen))
    assert answer.status_code == 409
    assert "This order has changed since you opened it." in answer.text
    assert db.session.scalar(select(func.count(Signature.id))) == 0


def test_an_old_tab_cannot_sign_what_was_sent_again(client: Client) -> None:
    seller = factories.user(Role.SALES_MANAGER)
    customer = invited(client, seller=seller)
    fields = hidden(customer.get()) | {"kind": "typed", "name": "M", "email": "m@northfield.test", "consent": "y"}
    customer.post("/request-change", words="One more, please")
    with transaction():
        order = lock(SalesOrder, customer.approval.order_id)
        order.lines[0].quantity += 1
        order.edition += 1
    again = approvals.submit(customer.approval.order_id, by=seller)
    answer = customer.post("/sign", **fields)
    assert (answer.status_code, answer.location) == (303, customer.url)
    assert "There is a newer version of this." in customer.get().text
    assert db.session.get_one(Approval, again.id).status is ApprovalStatus.PENDING


def test_the_second_time_it_says_what_changed(client: Client) -> None:
    seller = factories.user(Role.SALES_MANAGER)
    customer = invited(client, seller=seller)
    with transaction():
        lock(Approval, customer.approval.id).sent_at = customer.approval.created_at
    customer.post("/request-change", words="Three, please")
    with transaction():
        order = lock(SalesOrder, customer.approval.order_id)
        order.lines[0].quantity += 2
        order.edition += 1
    customer.approval = approvals.submit(customer.approval.order_id, by=seller)
    page = customer.get().text
    assert "What changed since you last saw it" in page
    assert "<del>1</del>" in page and "<ins>3</ins>" in page


def test_declining_needs_a_reason_and_ends_the_link(client: Client) -> None:
    customer = invited(client)
    assert customer.post("/decline", words=" ").status_code == 422
    assert customer.post("/decline", words="Too dear").status_code == 303
    page = customer.get()
    assert "You declined this order." in page.text
    assert order_of(customer).status is OrderStatus.DRAFT
    assert customer.sign().status_code == 303
    assert db.session.scalar(select(func.count(Signature.id))) == 0


def test_nothing_internal_reaches_the_page(client: Client) -> None:
    customer = invited(client)
    with transaction() as session:
        order = lock(SalesOrder, customer.approval.order_id)
        session.add(Note(order_id=order.id, author_id=order.owner_id, body="They always pay late"))
        order.tag("Difficult customer")
    assert "pay late" not in customer.get().text and "Difficult" not in customer.get().text


def test_the_switch_takes_the_payment_step_away_at_once(client: Client) -> None:
    customer = invited(client)
    with transaction() as session:
        session.merge(Setting(key=settings.SALESPEOPLE_PAYMENT.key, value=False))
    page = customer.get().text
    assert "Sign the order" in page and "continue to payment" not in page
    customer.sign()
    assert order_of(customer).status is OrderStatus.ACTIVATED
    assert "There is nothing to pay here." in customer.get().text


def test_somebody_else_pays(client: Client) -> None:
    customer = signed(client)
    assert customer.post("/forward", name="", email="no").status_code == 422
    assert "boss@northfield.test" in customer.post("/forward", name="Boss", email="boss@northfield.test").text


# Links that lead nowhere any more


def end(customer, event: ApprovalEvent) -> None:
    with transaction():
        approvals.close_live(lock(SalesOrder, customer.approval.order_id), event, by=approvals.SYSTEM)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (ApprovalEvent.REVOKE, "This link was withdrawn by the sender."),
        (ApprovalEvent.EXPIRE, "This link has expired."),
    ],
)
def test_a_dead_link_says_why_and_offers_a_new_one(client: Client, event: ApprovalEvent, words: str) -> None:
    customer = invited(client)
    end(customer, event)
    page = customer.get()
    assert page.status_code == 410
    assert words in page.text and "Ask for a new link" in page.text
    assert customer.sign().location == customer.url


def test_a_link_past_its_time_is_expired_before_any_job_says_so(client: Client) -> None:
    import time_machine

    customer = invited(client)
    with time_machine.travel(customer.approval.expires_at, tick=False):
        assert "This link has expired." in customer.get().text


def test_unknown_rotated_and_foreign_tokens_look_alike(client: Client, app: Flask) -> None:
    customer = invited(client)
    rotated = address("approve", customer.approval.public_id, 2)
    foreign = address("pay", customer.approval.public_id, 1).replace("/pay/", "/approve/")
    pages = [client.get(url) for url in (rotated, foreign, "/approve/nothing", "/approve/a.b.c")]
    assert {page.status_code for page in pages} == {410}
    assert all("This link does not work any more." in page.text for page in pages)
    assert all(customer.approval.order.number not in page.text for page in pages)


def test_dead_links_create_nothing(client: Client) -> None:
    invited(client)
    before = everything()
    for action in ("sign", "viewed", "decline", "request-change", "pay", "forward", "new-link"):
        assert client.post(f"/approve/nothing/{action}", data={"words": "x"}).status_code in (200, 204, 303)
    client.post("/pay/nothing", data={})
    client.post("/pay/nothing/new-link")
    client.post("/checkout/nothing/return")
    assert everything() == before


def test_asking_for_a_new_link_answers_all_alike(client: Client) -> None:
    customer = invited(client)
    end(customer, ApprovalEvent.REVOKE)
    known, unknown = customer.post("/new-link"), client.post("/approve/nothing/new-link")
    assert known.text.replace(customer.url, "") == unknown.text or known.status_code == unknown.status_code == 200
    assert "We have passed it on." in known.text


def test_an_unknown_token_asks_the_database_as_a_dead_one_does(client: Client) -> None:
    customer = invited(client)
    rotated = address("approve", customer.approval.public_id, 2)
    with counted() as dead:
        client.get(rotated)
    with counted() as unknown:
        client.get("/approve/nothing")
    assert len(dead) == len(unknown)


def test_an_order_paid_in_another_way_needs_no_signature(client: Client) -> None:
    from app.commands.payments import collection
    from app.commands.payments.charges import Instrument

    manager = factories.user(Role.SALES_MANAGER)
    customer = invited(client, seller=manager)
    first = collection.prepare_first(customer.approval.order_id, by=manager)
    card = Instrument(alias="sbx_card_visa_1230", label="Visa ending 4242")
    collection.collect(first.id, pay_with=card, form_key="k", by=manager)
    page = customer.get().text
    assert "Your order is confirmed." in page and "R-00001" in page


# Cost


@pytest.mark.parametrize("stage", ["sign", "pay", "done"])
def test_statements_do_not_grow_with_lines(client: Client, stage: str) -> None:
    counts = {}
    for n in (4, 40):
        lines = [factories.line(i) for i in range(1, n + 1)]
        customer = invited(client, lines=lines) if stage == "sign" else signed(client, lines=lines)
        if stage == "done":
            customer.pay()
        address = customer.url + ("/pay" if stage == "pay" else "")
        with counted() as statements:
            page = client.get(address)
        assert page.status_code == 200
        counts[n] = len(statements)
    assert counts[4] == counts[40]
    assert counts[40] <= 6, counts


def test_words_that_changed_while_they_were_read_are_not_signed(client: Client) -> None:
    customer = invited(client)
    shown = hidden(customer.get())
    with transaction() as session:
        session.merge(Setting(key=settings.SALESPEOPLE_PAYMENT.key, value=False))
    facts = {"kind": "typed", "name": "Maria Keller", "email": "m@northfield.test", "consent": "y"}
    answer = customer.post("/sign", **(shown | facts))
    assert answer.status_code == 409 and "has changed since you opened it" in answer.text
    assert "The card I pay with is saved" not in answer.text and 'value="m@northfield.test"' in answer.text
    assert db.session.scalars(select(Signature)).all() == []
    assert customer.post("/sign", **(hidden(answer) | facts)).status_code == 303
    assert "card" not in db.session.scalars(select(Signature)).one().consent_text
    assert db.session.scalars(select(Signature.consent_text)).one() in unescape(re.sub(r"</?strong>", "", answer.text))
