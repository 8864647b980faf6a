"""One amount everywhere: pages, gateway, evidence, papers and mails, in currencies of 0, 2 and 3 decimals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from app import jobs
from app.access import Role
from app.commands.payments import movements
from app.db import db
from app.gateways.sandbox.tables import SandboxCharge, SandboxInstruction
from app.models import Document, Invoice, OrderEmail, Receipt, SalesOrder, Transaction
from app.money import Money
from tests import factories
from tests.blueprints.public.customer import invited
from tests.conftest import Client
from tests.documents.test_documents import rendered, text_of

PRICES = [
    # Currency, price of a terminal, price of one of ten licences, gross in minor units, as it is read.
    ("EUR", "100", "24.50", 41055, "€410.55"),
    ("USD", "100", "24.50", 41055, "US$410.55"),
    ("JPY", "12000", "2450", 43435, "JP¥43,435"),
    ("KWD", "100.125", "24.501", 410711, "KWD 410.711"),
]


def plain(said: str) -> str:
    """Without the spaces that keep a currency and its amount on one line."""
    return said.replace("\N{NO-BREAK SPACE}", " ").replace("&nbsp;", " ")


@pytest.mark.parametrize(("currency", "terminal", "licence", "minor", "read"), PRICES, ids=[p[0] for p in PRICES])
def test_from_the_page_to_the_gateway_to_the_paper(
    app: Flask, client: Client, currency: str, terminal: str, licence: str, minor: int, read: str
) -> None:
    owner = factories.user(Role.ADMIN)
    lines = [
        factories.line(1, unit_price=Decimal(terminal)),
        factories.licence(2, unit_price=Decimal(licence)),
    ]
    customer = invited(client, seller=owner, customer=factories.account(currency=currency), lines=lines)
    assert read in plain(customer.get().text)
    customer.sign()
    assert f"Pay {read}" in plain(customer.get("/pay").text)
    assert customer.pay().status_code == 303
    jobs.run_due(raising=True)

    charge = db.session.scalars(select(SandboxCharge)).one()
    evidence = db.session.scalars(select(Transaction)).one()
    receipt = db.session.scalars(select(Receipt)).one()
    invoice = db.session.scalars(select(Invoice)).one()
    said = {(row.amount, row.currency) for row in (charge, evidence, receipt)} | {(invoice.gross, invoice.currency)}
    assert said == {(minor, currency)}
    kinds = ("signed_order", "invoice", "receipt")
    papers = {kind: db.session.scalars(select(Document).where(Document.kind == kind)).first() for kind in kinds}
    for kind, paper in papers.items():
        assert paper is not None, kind
        assert read in plain(text_of(rendered(paper))), kind
    mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "receipt")).one()
    assert read in plain(mail.subject)
    number = db.session.scalars(select(SalesOrder.number)).one()
    assert read in plain(client.sign_in(owner).get(f"/orders/{number}").text)

    movements.refund(evidence.id, amount=Money(minor, currency), because="Returned", form_key="back", by=owner)
    given_back = db.session.scalars(select(SandboxInstruction)).one()
    assert given_back.amount == minor
    assert [row.amount for row in db.session.scalars(select(Receipt).order_by(Receipt.id))] == [minor, -minor]
