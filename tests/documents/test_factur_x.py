"""Electronic invoices: valid by the profile's own schema, to the cent what the paper says, inside the very PDF."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest
from facturx import xml_check_xsd
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import select

from app import settings
from app.commands.post import papers
from app.commands.receivables import credit_notes, invoices, offline
from app.db import db, transaction
from app.documents import factur_x, rendering
from app.models import Account, Actor, CreditReason, Document, Invoice, InvoiceKind, PaymentOrder, SalesOrder
from app.models.account import TaxStatus
from app.money import Money
from tests import factories, ledgers
from tests.commands.collecting import switch
from tests.documents import schematron
from tests.factories import line

RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"


@pytest.fixture(autouse=True)
def on(app: Flask) -> None:
    factories.company(tax_id="DE 811 234 567")
    switch(settings.FACTUR_X, True)


def issued(*lines: dict[str, Any], customer: Account | None = None, **facts: Any) -> Invoice:
    order = factories.order(customer=customer, lines=list(lines) or None, **facts)
    with transaction() as session:
        row = invoices.on_terms(session.get_one(SalesOrder, order.id), by=Actor.of(order.owner))
    assert row is not None
    return row


def document(row: Invoice) -> Document:
    with transaction() as session:
        return papers.invoice(session.get_one(Invoice, row.id))


def xml_of(paper: Document) -> ElementTree.Element:
    """Valid, or this fails."""
    body = factur_x.xml(paper.kind, paper.data)
    assert xml_check_xsd(body, flavor="factur-x", level="en16931")
    assert schematron.complaints(body) == []
    return ElementTree.fromstring(body)


def said(root: ElementTree.Element, path: str) -> list[str]:
    return [e.text or "" for e in root.iterfind(".//" + "/".join(RAM + part for part in path.split("/")))]


def sums(root: ElementTree.Element) -> dict[str, str]:
    """The totals as they stand, and that all of it adds up, rate by rate and line by line."""
    total = root.find(f".//{RAM}SpecifiedTradeSettlementHeaderMonetarySummation")
    assert total is not None
    found = {e.tag.removeprefix(RAM): e.text or "" for e in total}
    exact = {name: Decimal(text) for name, text in found.items()}
    lines = said(root, "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount")
    assert sum(map(Decimal, lines)) == exact["LineTotalAmount"] == exact["TaxBasisTotalAmount"]
    settlement = "ApplicableHeaderTradeSettlement/ApplicableTradeTax"
    assert sum(map(Decimal, said(root, f"{settlement}/BasisAmount"))) == exact["TaxBasisTotalAmount"]
    assert sum(map(Decimal, said(root, f"{settlement}/CalculatedAmount"))) == exact["TaxTotalAmount"]
    assert exact["TaxBasisTotalAmount"] + exact["TaxTotalAmount"] == exact["GrandTotalAmount"]
    prepaid = exact.get("TotalPrepaidAmount", Decimal(0))
    assert exact["GrandTotalAmount"] - prepaid == exact["DuePayableAmount"]
    return found


def test_a_plain_invoice_says_who_what_and_how_much(app: Flask) -> None:
    row = issued(line(1, quantity=Decimal(3), unit_price=Decimal("99.995"), discount_percent=Decimal(10)))
    root = xml_of(document(row))
    assert sums(root)["GrandTotalAmount"] == str(Money(row.gross, "EUR").major)
    assert row.number in said(root, "ID")
    assert said(root, "TypeCode")[0] == "380"
    assert said(root, "SellerTradeParty/SpecifiedTaxRegistration/ID") == ["DE811234567"]
    assert said(root, "BuyerTradeParty/PostalTradeAddress/CountryID") == ["DE"]
    assert said(root, "SpecifiedTradeAllowanceCharge/Reason") == ["Discount of 10 %"]
    assert said(root, "NetPriceProductTradePrice/ChargeAmount") == ["99.995"]
    assert said(root, "SpecifiedTradeAllowanceCharge/ActualAmount") == ["30.00"]


@pytest.mark.parametrize("included", [False, True])
def test_two_rates_add_up_rate_by_rate_even_where_prices_include_tax(app: Flask, included: bool) -> None:
    lines = [line(n, tax_rate=Decimal(19 if n % 2 else 7), unit_price=Decimal("33.33")) for n in range(1, 6)]
    root = xml_of(document(issued(*lines, prices_include_tax=included)))
    assert sums(root)["GrandTotalAmount"] == ("166.65" if included else "190.32")
    taxes = "ApplicableHeaderTradeSettlement/ApplicableTradeTax"
    assert said(root, f"{taxes}/RateApplicablePercent") == ["19", "7"]
    assert said(root, f"{taxes}/CategoryCode") == ["S", "S"]


@pytest.mark.parametrize("included", [False, True])
def test_a_final_invoice_deducts_its_deposits_with_their_tax_and_states_none_of_it_again(
    app: Flask, included: bool
) -> None:
    lines = [line(n, tax_rate=Decimal(19 if n % 2 else 7), unit_price=Decimal("33.33")) for n in range(1, 6)]
    order, clerk = factories.order(lines=lines, prices_include_tax=included), ledgers.clerk()
    first, second = (deposit(order, minor) for minor in (3_001, 4_999))
    facts = {"reason": CreditReason.PRICE, "note": "", "form_key": ledgers.key(), "by": clerk}
    note = credit_notes.for_amount(first.id, amount=Money(1_000, "EUR"), **facts)
    with transaction() as session:
        row = invoices.on_terms(session.get_one(SalesOrder, order.id), by=Actor.of(order.owner))
    assert row is not None and row.kind is InvoiceKind.FINAL
    root = xml_of(document(row))
    assert sums(root)["DuePayableAmount"] == str(Money(row.gross, "EUR").major)
    taxes = "ApplicableHeaderTradeSettlement/ApplicableTradeTax"
    own = [Money(t["tax"], "EUR").major for t in row.tax_by_rate]
    assert [Decimal(text) for text in said(root, f"{taxes}/CalculatedAmount")] == own
    referenced = "ApplicableHeaderTradeSettlement/InvoiceReferencedDocument/IssuerAssignedID"
    assert said(root, referenced) == [first.number, note.number, second.number]
    assert said(root, "SpecifiedLineTradeDelivery/BilledQuantity")[5:] == ["-1", "-1", "1", "1", "-1", "-1"]
    assert all(Decimal(text) >= 0 for text in said(root, "NetPriceProductTradePrice/ChargeAmount"))
    by_rate: dict[str, Decimal] = defaultdict(Decimal)
    amounts = said(root, "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount")
    rates = said(root, "SpecifiedLineTradeSettlement/ApplicableTradeTax/RateApplicablePercent")
    for rate, amount in zip(rates, amounts, strict=True):
        by_rate[rate] += Decimal(amount)
    bases = map(Decimal, said(root, f"{taxes}/BasisAmount"))
    assert by_rate == dict(zip(said(root, f"{taxes}/RateApplicablePercent"), bases, strict=True))
    assert said(xml_of(document(first)), "TypeCode")[0] == "386"


def deposit(order: SalesOrder, minor: int) -> Invoice:
    asked = PaymentOrder(amount=minor, currency=order.currency)
    with transaction() as session:
        held = session.get_one(SalesOrder, order.id)
        row = invoices.for_payment(held, asked, by=Actor.of(held.owner))
    assert row is not None and row.kind is InvoiceKind.DEPOSIT
    return row


@pytest.mark.parametrize(
    ("status", "category", "reason"),
    [(TaxStatus.REVERSE_CHARGE, "AE", "Reverse charge"), (TaxStatus.EXEMPT, "E", "Exempt from tax")],
)
def test_no_tax_has_its_category_and_reason(app: Flask, status: TaxStatus, category: str, reason: str) -> None:
    customer = factories.account(tax_status=status, tax_id="ATU12345678")
    root = xml_of(document(issued(line(1, tax_rate=Decimal(0)), customer=customer)))
    assert sums(root)["TaxTotalAmount"] == "0.00"
    assert said(root, "ApplicableTradeTax/CategoryCode") == [category] * 2
    assert said(root, "ApplicableTradeTax/ExemptionReason") == [reason]
    assert said(root, "BuyerTradeParty/SpecifiedTaxRegistration/ID") == ["ATU12345678"]


def test_what_is_paid_and_credited_leaves_what_is_due_and_the_note_names_its_invoice(app: Flask) -> None:
    row, clerk = issued(line(1)), ledgers.clerk()
    offline.for_invoice(row.id, ledgers.came(5_000), form_key=ledgers.key(), by=clerk)
    assert sums(xml_of(document(row))) | {"DuePayableAmount": "69.00"} == sums(xml_of(document(row)))
    facts = {"reason": CreditReason.PRICE, "note": "Too dear", "form_key": ledgers.key(), "by": clerk}
    note = credit_notes.for_amount(row.id, amount=Money(2_000, "EUR"), **facts)
    found = sums(xml_of(document(row)))
    assert (found["TotalPrepaidAmount"], found["DuePayableAmount"]) == ("70.00", "49.00")
    paper = db.session.scalars(select(Document).where(Document.kind == "credit_note")).one()
    root = xml_of(paper)
    assert said(root, "TypeCode")[0] == "381"
    assert said(root, "InvoiceReferencedDocument/IssuerAssignedID") == [row.number]
    assert sums(root)["DuePayableAmount"] == str(Money(note.gross, "EUR").major) == "20.00"


def test_yen_have_no_decimals_and_three_are_more_than_the_standard_takes(app: Flask) -> None:
    yen = factories.account(currency="JPY")
    root = xml_of(document(issued(line(1, unit_price=Decimal("1200.5"), quantity=Decimal(3)), customer=yen)))
    assert (sums(root)["TaxBasisTotalAmount"], sums(root)["GrandTotalAmount"]) == ("3602", "4286")
    dinar = factories.account(currency="KWD")
    assert "electronic" not in document(issued(line(1), customer=dinar)).data


def test_the_pdf_carries_it_and_stays_tagged_and_the_same_to_the_byte(app: Flask) -> None:
    paper = document(issued(line(1)))
    kind, data, identifier = paper.kind, paper.data, paper.content_hash.encode()[:32]
    db.session.rollback()
    rendering.render(paper.id)
    body = db.session.scalar(select(Document.body).where(Document.id == paper.id))
    db.session.rollback()
    assert body is not None
    pdf = PdfReader(io.BytesIO(body))
    assert pdf.attachments["factur-x.xml"] == [factur_x.xml(kind, data)]
    root = pdf.trailer["/Root"]
    assert root["/StructTreeRoot"]["/K"] and root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en"
    file = root["/AF"][0].get_object()
    assert (file["/AFRelationship"], file["/EF"]["/F"]["/Subtype"]) == ("/Alternative", "/text/xml")
    about = ElementTree.fromstring(root["/Metadata"].get_data().partition(b"?>\n")[2].rpartition(b"\n<?")[0])
    facts = {key.rpartition("}")[2]: text for e in about.iter() for key, text in [(e.tag, e.text), *e.attrib.items()]}
    assert (facts["ConformanceLevel"], facts["DocumentFileName"]) == ("EN 16931", "factur-x.xml")
    assert b'pdfaid:part="3"' in root["/Metadata"].get_data() and b'pdfuaid:part="1"' in root["/Metadata"].get_data()
    assert rendering.to_pdf(rendering.page(kind, data), identifier, factur_x.xml(kind, data))[0] == body


def test_what_is_not_valid_is_not_kept_and_says_why(app: Flask) -> None:
    row = issued(line(1))
    with transaction() as session:
        paper = papers.invoice(session.get_one(Invoice, row.id))
        paper.data = paper.data | {"currency": "DEM"}
    db.session.rollback()
    with pytest.raises(ValueError, match="DEM"):
        rendering.render(paper.id)
    db.session.expire_all()
    assert (paper.rendered_at, (paper.error or "")[:37]) == (None, "The electronic invoice is not valid. ")


def test_what_is_missing_makes_it_a_plain_invoice(app: Flask) -> None:
    abroad = factories.account(tax_status=TaxStatus.REVERSE_CHARGE, tax_id="12345")
    assert "electronic" not in document(issued(line(1, tax_rate=Decimal(0)), customer=abroad)).data
    switch(settings.FACTUR_X, False)
    assert "electronic" not in document(issued(line(1))).data


def test_the_rules_refuse_a_sum_that_does_not_add_up(app: Flask) -> None:
    """So that their silence about all the others says something."""
    paper = document(issued(line(1)))
    body = factur_x.xml(paper.kind, paper.data)
    wrong = re.sub(rb"(<ram:GrandTotalAmount>)[^<]+", rb"\g<1>1.00", body)
    assert wrong != body and xml_check_xsd(wrong, flavor="factur-x", level="en16931")
    assert any("BR-CO-15" in said for said in schematron.complaints(wrong))
