"""The seal on signed orders: over every byte, of a PDF that stays tagged, once; what is said where there is none."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfReader
from sqlalchemy import select

from app.commands.orders import approvals, signing
from app.config import Seal
from app.db import db
from app.documents import rendering, sealing
from app.models import Document
from tests import factories


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a self-signed certificate is made in, once."""
    return tmp_path_factory.mktemp("sealing") / "seal"


@pytest.fixture
def sealed(app: Flask, pair: Path) -> Seal:
    app.config["SEAL"] = Seal(pair / "certificate.pem", pair / "key.pem", self_signed=True)
    return app.config["SEAL"]


def signed_order() -> Document:
    seller = factories.user(factories.Role.SALES_MANAGER)
    approval = approvals.submit(factories.order(owner=seller).id, by=seller)
    seen = {"sha256": approval.snapshot.sha256, "edition": approval.snapshot.edition}
    signing.sign(approval.id, factories.hand(approval), **seen)
    return db.session.scalars(select(Document).where(Document.kind == "signed_order")).one()


def rendered(document: Document) -> bytes:
    db.session.rollback()
    rendering.render(document.id)
    body = db.session.scalar(select(Document.body).where(Document.id == document.id))
    assert body is not None
    return body


def verdict(pdf: bytes, seal: Seal) -> Any:
    """pyHanko's own, trusting our certificate alone."""
    trusted = ValidationContext(trust_roots=[load_cert_from_pemder(str(seal.certificate))], allow_fetching=False)
    found = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    assert len(found) == 1
    return validate_pdf_signature(found[0], trusted)


def test_a_sealed_order_is_intact_to_its_last_byte_and_stays_tagged(sealed: Seal) -> None:
    document = signed_order()
    pdf = rendered(document)
    status = verdict(pdf, sealed)
    assert status.intact and status.valid and status.trusted and status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.docmdp_ok
    seal = PdfFileReader(io.BytesIO(pdf)).embedded_signatures[0]
    assert seal.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert seal.docmdp_level is MDPPerm.NO_CHANGES
    reader = PdfReader(io.BytesIO(pdf))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/StructTreeRoot"]["/K"] and root["/Lang"] == "en"
    assert b"pdfuaid:part" in root["/Metadata"].get_data()
    assert "sealed by a self-signed certificate" in " ".join(reader.pages[-1].extract_text().split())
    assert rendered(document) == pdf


def test_a_changed_byte_breaks_the_seal(sealed: Seal) -> None:
    pdf = rendered(signed_order())
    at = pdf.index(b"endstream") - 20
    changed = pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]
    assert not verdict(changed, sealed).intact
    assert verdict(pdf + b"\n% more\n", sealed).coverage.name != "ENTIRE_FILE"


def test_without_a_certificate_the_page_says_so_and_the_bytes_are_the_same_each_time(app: Flask) -> None:
    document = signed_order()
    html, identifier = rendering.page("signed_order", document.data), document.content_hash.encode()[:32]
    pdf = rendered(document)
    assert "This document is not sealed" in " ".join(PdfReader(io.BytesIO(pdf)).pages[-1].extract_text().split())
    assert PdfFileReader(io.BytesIO(pdf)).embedded_signatures == []
    db.session.rollback()
    assert rendering.to_pdf(html, identifier)[0] == pdf


def test_what_says_it_is_sealed_waits_for_its_seal(app: Flask, sealed: Seal) -> None:
    document = signed_order()
    app.config["SEAL"] = None
    with pytest.raises(sealing.Unusable):
        rendered(document)
    db.session.expire_all()
    assert document.rendered_at is None
    assert "no certificate is set up" in (document.error or "")
    app.config["SEAL"] = sealed
    assert verdict(rendered(document), sealed).intact
    db.session.expire_all()
    assert document.error is None


def test_of_two_workers_that_make_a_certificate_one_s_is_kept_whole(sealed: Seal) -> None:
    rendered(signed_order())
    before = sealed.certificate.read_bytes(), sealed.key.read_bytes()
    sealing._make(sealed.certificate.parent)
    assert (sealed.certificate.read_bytes(), sealed.key.read_bytes()) == before
    assert [p.name for p in sealed.certificate.parent.parent.iterdir()] == ["seal"]
    assert sealed.key.stat().st_mode & 0o077 == 0


def test_the_check_says_what_is_wrong_in_words(app: Flask, sealed: Seal, tmp_path: Path) -> None:
    check = app.test_cli_runner()
    assert "self-signed" in check.invoke(args=["seal", "check"]).output
    foreign = tmp_path / "foreign.pem"
    key = generate_private_key(SECP256R1())
    foreign.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for given, words in (
        (None, "go out without a seal"),
        (Seal(sealed.certificate, foreign), "do not belong together"),
        (Seal(tmp_path / "nothing.pem", sealed.key), "COUNTERSIGN_SEAL_CERTIFICATE names no file"),
        (Seal(sealed.certificate, sealed.certificate), "COUNTERSIGN_SEAL_KEY names no file"),
    ):
        app.config["SEAL"] = given
        answer = check.invoke(args=["seal", "check"])
        assert answer.exit_code == 1
        assert words in answer.output
