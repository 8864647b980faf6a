"""Notes and files on the customer's page: only what is marked for them, bound or added since; never by a dead link."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.commands.orders import approvals, order_papers, orders
from app.db import db
from app.models import Document, Note, OrderFile, User
from app.models.frozen import Shared, SharedFile, SharedNote
from app.queries.public import approval
from tests import factories
from tests.blueprints.public.customer import Customer, invited, order_of, signed
from tests.conftest import Client
from tests.statements import counted

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


def file_on(order_id: int, name: str, by: User, *, visible: bool = True) -> OrderFile:
    return order_papers.add_file(order_id, name, PNG, visible=visible, by=by)


def sent_with_papers(client: Client) -> Customer:
    """Sent with one note and one file for the customer; one of each is internal, one of each came later."""
    customer = invited(client)
    order = order_of(customer)
    orders.convert_to_draft(order.id, because="Papers", by=order.owner)
    for visible, words in ((True, "Use gate 2."), (False, "Sold too cheaply.")):
        order_papers.add_note(order.id, words, visible=visible, by=order.owner)
    file_on(order.id, "plan.png", order.owner)
    file_on(order.id, "margin.png", order.owner, visible=False)
    customer = Customer(client, approvals.submit(order.id, by=order.owner))
    order_papers.add_note(order.id, "Ring the bell.", visible=True, by=order.owner)
    file_on(order.id, "map.png", order.owner)
    return customer


def parts(page: str) -> tuple[str, str]:
    """What is bound, and what came later."""
    section = re.search(r'<section class="panel shared".*?</section>', page, re.DOTALL)
    assert section, "no notes and files on this page"
    bound, _, later = section.group().partition("Added since")
    return bound, later


@pytest.mark.parametrize("finished", [False, True])
def test_the_page_tells_what_is_bound_from_what_came_later(client: Client, finished: bool) -> None:
    customer = sent_with_papers(client)
    if finished:
        customer.sign()
        customer.pay()
    page = customer.get().text
    bound, later = parts(page)
    assert "Use gate 2." in bound and "plan.png" in bound and "Ring" not in bound
    assert "Ring the bell." in later and "map.png" in later and "gate" not in later
    assert "cheaply" not in page and "margin" not in page


def test_without_any_there_is_no_section(client: Client) -> None:
    customer = invited(client)
    order_papers.add_note(customer.approval.order_id, "Internal.", visible=False, by=order_of(customer).owner)
    assert "Notes and files" not in customer.get().text


def test_a_note_added_after_sending_leaves_the_signature_alone(client: Client) -> None:
    customer = invited(client)
    order_papers.add_note(customer.approval.order_id, "Ring.", visible=True, by=order_of(customer).owner)
    assert customer.sign().status_code == 303
    assert order_of(customer).edition == customer.approval.snapshot.edition


def test_a_file_is_saved_and_never_run(client: Client) -> None:
    customer = sent_with_papers(client)
    href = re.search(r'href="([^"]+/files/\d+)"', customer.get().text)
    assert href
    answer = client.get(href.group(1))
    assert answer.data == PNG and answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"] == "attachment; filename=plan.png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")


def test_files_of_others_and_internal_ones_are_not_there(client: Client) -> None:
    customer = invited(client)
    owner = order_of(customer).owner
    internal = file_on(customer.approval.order_id, "margin.png", owner, visible=False)
    foreign = file_on(factories.order(owner=owner).id, "plan.png", owner)
    for file_id in (internal.id, foreign.id, 99_999):
        answer = customer.get(f"/files/{file_id}")
        assert answer.status_code == 404 and PNG not in answer.data


def test_a_dead_link_gives_no_file(client: Client) -> None:
    customer = invited(client)
    order = order_of(customer)
    file = file_on(order.id, "plan.png", order.owner)
    assert customer.get(f"/files/{file.id}").status_code == 200
    orders.convert_to_draft(order.id, because="Changed", by=order.owner)
    for address in (f"{customer.url}/files/{file.id}", f"/approve/nothing/files/{file.id}"):
        answer = client.get(address)
        assert answer.status_code == 410 and PNG not in answer.data


def test_the_draft_s_preview_is_made_again_and_what_was_sent_is_left_alone(client: Client) -> None:
    def papers() -> int:
        return db.session.query(Document).filter_by(kind="order", subject_id=order.id).count()

    order = factories.order()
    order_papers.add_note(order.id, "Internal.", visible=False, by=order.owner)
    assert papers() == 0
    order_papers.add_note(order.id, "For you.", visible=True, by=order.owner)
    assert papers() == 1
    customer = signed(client)
    order = order_of(customer)
    before = papers()
    order_papers.add_note(order.id, "For you.", visible=True, by=order.owner)
    assert papers() == before


@pytest.mark.engines
def test_both_databases_tell_the_same(any_app: Flask) -> None:
    customer = sent_with_papers(any_app.test_client())  # type: ignore[arg-type]
    note, file = db.session.query(Note).order_by(Note.id.desc()).first(), db.session.query(OrderFile).all()[-1]
    with any_app.test_request_context():
        page = approval.by_link(customer.approval.public_id, customer.approval.generation)
    assert page is not None and note is not None
    assert page.since == Shared(
        notes=(SharedNote(note.id, order_of(customer).owner.name, note.created_at, "Ring the bell."),),
        files=(SharedFile(file.id, "map.png", file.size, file.sha256),),
    )


@pytest.mark.parametrize("stage", ["sign", "done"])
def test_statements_do_not_grow_with_notes_and_files(client: Client, stage: str) -> None:
    customer = sent_with_papers(client)
    if stage == "done":
        customer.sign()
        customer.pay()
    counts = []
    for _ in range(2):
        address = customer.url
        with counted() as statements:
            assert client.get(address).status_code == 200
        counts.append(len(statements))
        order = order_of(customer)
        for n in range(10):
            order_papers.add_note(order.id, f"Note {n}", visible=True, by=order.owner)
    assert counts[0] == counts[1]
    assert counts[1] <= 6, "\n\n".join(statements)
