"""Payment agreements on paper: each version, from the text that is kept of it."""

from __future__ import annotations

from datetime import date

from flask import Flask

from app.access import Role
from app.db import db
from app.models import AgreementVersion, Document
from tests import factories, plans
from tests.conftest import Client
from tests.documents.test_documents import rendered, text_of


def papers() -> list[Document]:
    return list(db.session.query(Document).filter_by(kind="agreement").order_by(Document.id))


def test_a_version_says_what_was_agreed_and_by_whom(app: Flask) -> None:
    row = plans.by_hand(ends_on=date(2027, 12, 31))
    version = db.session.query(AgreementVersion).one()
    pdf = rendered(papers()[0])
    words = text_of(pdf)
    assert pdf.metadata is not None and pdf.metadata.title == f"Payment agreement {row.number}"
    assert pdf.trailer["/Root"]["/MarkInfo"]["/Marked"]
    for what in (row.account.name, "monthly", "31 Dec 2027", "then it is over", row.consent_by, version.sha256):
        assert what in words, what
    assert row.consent_text.split(".")[0] in words.replace("\n", " ")


def test_only_who_sees_the_agreement_reads_its_paper_and_only_once_it_is_made(app: Flask, client: Client) -> None:
    row = plans.by_hand()
    address = f"/agreements/{row.number}/versions/1"
    client.sign_in(factories.user(Role.AR))
    assert client.get(address).status_code == 404 and address not in client.get(f"/agreements/{row.number}").text
    rendered(papers()[0])
    answer = client.get(address)
    assert answer.status_code == 200 and answer.data.startswith(b"%PDF") and answer.mimetype == "application/pdf"
    assert address in client.get(f"/agreements/{row.number}").text
    assert client.get(f"/agreements/{row.number}/versions/2").status_code == 404
    client.sign_in(factories.user(Role.SALESPERSON))
    assert client.get(address).status_code == 404
