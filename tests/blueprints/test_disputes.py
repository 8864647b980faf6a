"""Disputes on their pages, and the evidence pack that speaks for a payment."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select

from app import jobs
from app.access import Role
from app.commands.payments import disputes
from app.db import db, end_read
from app.gateways.sandbox import disputes as sandbox
from app.models import Dispute, EvidencePack, Note, PaymentOrder, SalesOrder, Transaction, User
from tests import factories
from tests.blueprints.payments.conftest import key_in
from tests.commands import moving
from tests.conftest import Client
from tests.statements import counted


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN, name="Ada Cole")


@pytest.fixture
def office(client: Client, boss: User) -> Client:
    return client.sign_in(boss)


@pytest.fixture
def charge(boss: User) -> Transaction:
    return moving.paid(boss)


def opened(charge: Transaction) -> Dispute:
    facts = sandbox.open_one("sandbox", charge.provider_id)
    row = disputes.hear(charge.gateway_id, facts.provider_id)
    assert row is not None
    end_read()
    return row


def number(of: Transaction) -> str:
    return db.session.get_one(PaymentOrder, of.payment_order_id).number


def test_list_and_page_say_what_the_bank_wants_until_when(office: Client, charge: Transaction) -> None:
    assert "No disputes" in office.get("/disputes/").text
    row = opened(charge)
    assert row.number in office.get("/disputes/").text
    told = office.get(f"/disputes/{row.number}").text
    assert "The cardholder contests €410.55." in told
    for words in ("Answer the bank", "Taken by the bank", "Dispute fee", "Not answered"):
        assert words in told
    page = office.get(f"/payments/{number(charge)}").text
    assert "The customer&#39;s bank contests €410.55." in page and row.number in page


def test_the_answer_is_written_on_a_form_that_knows_already(office: Client, charge: Transaction) -> None:
    row = opened(charge)
    jobs.run_due(raising=False)
    asked = office.get(f"/disputes/{row.number}/answer").text
    assert "R-00001.pdf" in asked and "Maria Keller" in asked
    assert office.post(f"/disputes/{row.number}/answer", data={}).status_code == 422
    said = {"product_description": "Ten terminals", "files": ["receipt"]}
    assert office.post(f"/disputes/{row.number}/answer", data=said).status_code == 303
    told = office.get(f"/disputes/{row.number}").text
    assert "The answer is with the bank." in told and "Ten terminals" in told and "R-00001.pdf" in told
    again = office.post(f"/disputes/{row.number}/answer", data=said)
    assert again.status_code == 409


def test_accepting_names_the_consequence(office: Client, charge: Transaction) -> None:
    row = opened(charge)
    asked = office.get(f"/disputes/{row.number}/acceptance").text
    assert f"Accept dispute {row.number} over €410.55" in asked and "It cannot be undone." in asked
    assert office.post(f"/disputes/{row.number}/acceptance", data={"reason": "Right"}).status_code == 303
    assert "Accepted by us." in office.get(f"/disputes/{row.number}").text
    assert "Charged back" in office.get(f"/payments/{number(charge)}").text
    assert f">{row.number}</a>" in office.get("/receivables/receipts/R-00001").text


def test_a_letter_is_recorded_and_decided_by_hand(office: Client, charge: Transaction) -> None:
    where = f"/payments/{number(charge)}/transactions/{charge.id}/dispute"
    form = {"form_key": key_in(office.get(where).text), "amount": "410.55", "reason": "Not received"}
    assert office.post(where, data=form | {"reason": ""}).status_code == 422
    made = office.post(where, data=form | {"due_date": "2099-01-31"})
    assert made.status_code == 303 and made.location.startswith("/disputes/D-")
    assert "a letter" in office.get(made.location).text
    assert office.post(f"{made.location}/decision", data={"end": "won"}).status_code == 303
    told = office.get(made.location).text
    assert "Won: the bank gave back what it took." in told and "The bank opens it again" in told
    assert "The fee stays" not in told  # no letter spoke of one
    assert f'action="{made.location}/appeal"' in office.get(f"{made.location}/appeal").text
    assert office.post(f"{made.location}/appeal", data={"due_date": "2099-02-28"}).status_code == 303
    told = office.get(made.location).text
    assert "The decision over €410.55 is contested" in told and "Answer the bank" in told
    assert office.post(f"{made.location}/appeal").status_code == 409


def test_salespeople_see_their_own_and_answer_nothing(client: Client, charge: Transaction) -> None:
    row = opened(charge)
    client.sign_in(factories.user())
    assert client.get(f"/disputes/{row.number}").status_code == 404
    assert client.get(f"/disputes/{row.number}/answer").status_code == 403
    assert row.number not in client.get("/disputes/").text


def test_the_pages_cost_the_same_however_much_happened(office: Client, charge: Transaction) -> None:
    row = opened(charge)

    def cost(url: str) -> int:
        with counted() as seen:
            assert office.get(url).status_code == 200
        return len(seen)

    assert cost(f"/disputes/{row.number}") <= 9
    assert cost("/disputes/") <= 4


def test_a_pack_holds_everything_and_names_its_hashes(office: Client, charge: Transaction) -> None:
    row = opened(charge)
    order_id = db.session.scalars(select(SalesOrder.id)).one()
    author = db.session.scalars(select(User.id)).first()
    from app.db import transaction

    with transaction() as session:
        session.add(Note(order_id=order_id, author_id=author, body="Delivered on Monday", visible=True))
        session.add(Note(order_id=order_id, author_id=author, body="They are slow payers", visible=False))
    made = office.post(f"/disputes/{row.number}/evidence-packs")
    assert made.status_code == 303
    assert "The pack is being made." in office.get(made.location).text
    assert office.get(f"{made.location}/evidence-{row.number}.zip").status_code == 404
    for _ in range(3):
        jobs.run_due(raising=False)
    page = office.get(made.location).text
    assert "The pack is ready." in page and 'hx-trigger="every 2s"' not in page
    saved = office.get(f"{made.location}/evidence-{row.number}.zip")
    assert saved.mimetype == "application/zip"
    pack = db.session.scalars(select(EvidencePack)).one()
    assert hashlib.sha256(saved.data).hexdigest() == pack.sha256
    with zipfile.ZipFile(io.BytesIO(saved.data)) as files:
        inside = {name: files.read(name) for name in files.namelist()}
    assert {
        "0-index.pdf",
        "3-invoices/INV-00001.pdf",
        "4-receipts/R-00001.pdf",
        "6-transactions.csv",
        "6-tries.csv",
    } <= set(inside)
    assert b"Delivered on Monday" in inside["7-notes.txt"] and b"slow payers" not in inside["7-notes.txt"]
    assert b"dispute debit" in inside["6-transactions.csv"]
    index = "".join(p.extract_text() for p in PdfReader(io.BytesIO(inside["0-index.pdf"])).pages).replace("\n", "")
    for name, body in inside.items():
        if name != "0-index.pdf":
            assert hashlib.sha256(body).hexdigest() in index, name
    assert b"link.withheld.invalid" not in b"".join(v for k, v in inside.items() if k.startswith("5-mails"))


def test_a_foreign_pack_is_not_there(client: Client, boss: User, charge: Transaction) -> None:
    order = db.session.scalars(select(SalesOrder)).one()
    made = client.sign_in(boss).post(f"/orders/{order.number}/evidence-packs").location
    client.sign_in(factories.user())
    assert client.get(made).status_code == 404
    assert client.post(f"/orders/{order.number}/evidence-packs").status_code == 404
    assert client.post(f"/payments/{number(charge)}/evidence-packs").status_code == 404
