"""Invoices and credit notes as data: Factur-X 1.0 in the EN 16931 profile, inside the PDF (PDF/A-3).

Runs in worker processes only. The keys are EN 16931's own business terms; every amount is the paper's, none is computed
anew. https://fnfe-mpe.org/factur-x/
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..models.deduction import Deduction
from ..money import Money, TaxTotal, round_half_up
from . import views
from .lines import Line
from .views import CreditedLine, CreditNotePaper, InvoicePaper, Party

NAME = "factur-x.xml"
PROFILE, GUIDELINE = "en16931", "urn:cen.eu:en16931:2017"
INVOICE, CREDIT_NOTE, PREPAYMENT = "380", "381", "386"  # UNTDID 1001
PIECE = "C62"  # UN/ECE recommendation 20: one
DISCOUNT = "95"  # UNTDID 5189
DESCRIPTION = Path(__file__).resolve().parent.parent / "templates" / "documents" / "factur_x.xmp"
# The paper's attachment bears no time of its own: the same content gives the same bytes.
NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)

Lines = Sequence[Line | CreditedLine]


def xml(kind: str, content: dict[str, Any]) -> bytes:
    """The document's content as CII XML, valid against the profile's schema, or it raises."""
    from facturx.generate_xml import generate_cii_xml

    facts = content["electronic"]
    terms = _invoice(views.invoice(content), facts) if kind == "invoice" else _credit(views.credit_note(content), facts)
    body: bytes = generate_cii_xml(terms, level=PROFILE, check_xsd=True, check_schematron=False)
    return body


def attach(paper: Any, body: bytes) -> None:
    """Put the XML into a rendered document, and say so in its metadata."""
    from weasyprint import Attachment

    metadata, plain = paper.metadata, paper.metadata.generate_rdf_metadata
    about = DESCRIPTION.read_bytes() + b"</rdf:RDF>"
    metadata.generate_rdf_metadata = lambda *facts: plain(*facts).replace(b"</rdf:RDF>", about)
    metadata.attachments.append(
        Attachment(
            file_obj=io.BytesIO(body),
            name=NAME,
            description="Factur-X",
            relationship="Alternative",
            created=NO_TIME,
            modified=NO_TIME,
        )
    )


def _invoice(paper: InvoicePaper, facts: dict[str, Any]) -> dict[str, Any]:
    """A final invoice deducts its deposits by lines below zero, one for each tax rate of each of them, and names them
    as preceding invoices (BG-3). So its tax by rate (BG-23) is what it bills itself: each deposit invoice has stated
    its own tax, and stating it again would owe it twice (Article 203 of Directive 2006/112/EC). The prepaid amount
    (BT-113) has no tax; it takes what was paid off what is due, and would leave all of the order's tax here.
    Allowances of the document (BG-20) would give the same sums, but say that the goods have become cheaper.
    """
    before = paper.paid + paper.credited
    nets = _nets(paper.lines, paper.whole.by_rate, facts["prices_include_tax"])
    lines = [
        _line(n, line, net, facts["tax_status"]) for n, (line, net) in enumerate(zip(paper.lines, nets, strict=True), 1)
    ]
    lines += [_deducted(n, x, facts["tax_status"]) for n, x in enumerate(paper.deductions, len(lines) + 1)]
    notes = [{"BT-22": f"{_amount(paper.credited)} {paper.currency} of it was credited."}] if paper.credited else []
    terms = _document(paper, facts, PREPAYMENT if paper.kind == "deposit" else INVOICE, lines, notes)
    terms |= {"BG-3": _deposits(paper.deductions)} if paper.deductions else {}
    terms |= {"BT-9": paper.due_date, "BT-72": paper.supply_date, "BT-115": _amount(paper.gross - before)}
    return terms | ({"BT-113": _amount(before)} if before else {})


def _deducted(n: int, x: Deduction, status: str) -> dict[str, Any]:
    """A price is never below zero (BR-27), so the quantity is."""
    what = "Credit note" if x.credit else "Deposit invoice"
    sign, base = ("-1", x.tax.base) if x.tax.base.minor >= 0 else ("1", -x.tax.base)
    return {
        "BT-126": str(n),
        "BT-153": f"{what} {x.number} of {x.on.isoformat()}",
        "BT-129": sign,
        "BT-130": PIECE,
        "BT-146": _amount(base),
        "BT-131": _amount(-x.tax.base),
        "BT-151": _category(x.tax.rate, status)[0],
        "BT-152": _plain(x.tax.rate),
    }


def _deposits(deductions: Sequence[Deduction]) -> list[dict[str, Any]]:
    """Each document once."""
    return [{"BT-25": number, "BT-26": on} for number, on in dict.fromkeys((x.number, x.on) for x in deductions)]


def _credit(paper: CreditNotePaper, facts: dict[str, Any]) -> dict[str, Any]:
    nets = _nets(paper.lines, paper.tax_by_rate, facts["prices_include_tax"])
    lines = [
        _line_facts(n, line, net, facts["tax_status"]) | _priced_whole(net, Decimal(1))
        for n, (line, net) in enumerate(zip(paper.lines, nets, strict=True), 1)
    ]
    reason = f"{paper.reason}: {paper.text}" if paper.text else paper.reason
    terms = _document(paper, facts, CREDIT_NOTE, lines, [{"BT-22": reason}])
    return terms | {
        "BG-3": [{"BT-25": paper.invoice, "BT-26": paper.invoiced_on}],
        "BT-72": date.fromisoformat(facts["supplied_on"]),
        "BT-20": "Nothing is to be paid: the amount stands to the customer's credit.",
        "BT-115": _amount(paper.gross),
    }


def _document(
    paper: InvoicePaper | CreditNotePaper,
    facts: dict[str, Any],
    code: str,
    lines: list[dict[str, Any]],
    notes: list[dict[str, str]],
) -> dict[str, Any]:
    return {
        "BT-1": paper.number,
        "BT-2": paper.issued_on,
        "BT-3": code,
        "BT-5": paper.currency,
        "BT-14": paper.order_number or None,
        "BT-24": GUIDELINE,
        "BG-1": [*notes, *([{"BT-22": paper.note}] if paper.note else [])],
        "BG-4": _party(paper.seller, facts["seller"]) | {"contacts": [_contact(paper.seller)]},
        "BG-7": _party(paper.customer, facts["customer"]),
        "BG-23": [_tax(tax, facts["tax_status"]) for tax in paper.tax_by_rate],
        "BG-25": lines,
        "BT-106": _amount(paper.net),
        "BT-109": _amount(paper.net),
        "BT-110": _amount(paper.tax),
        "BT-112": _amount(paper.gross),
    }


def _party(party: Party, place: dict[str, str]) -> dict[str, Any]:
    return {
        "name": party.name,
        "vat_identifier": place["tax_id"] or None,
        "addr_l1": place["street"],
        "postcode": place["postcode"],
        "city": place["city"],
        "country_code": place["country"],
    }


def _contact(party: Party) -> dict[str, Any]:
    return {"name": party.name, "phone": party.phone, "email": party.email}


def _tax(tax: TaxTotal, status: str) -> dict[str, Any]:
    category, reason, code = _category(tax.rate, status)
    return {
        "BT-116": _amount(tax.base),
        "BT-117": _amount(tax.tax),
        "BT-118": category,
        "BT-119": _plain(tax.rate),
        "BT-120": reason,
        "BT-121": code,
    }


def _category(rate: Decimal, status: str) -> tuple[str, str | None, str | None]:
    """UNTDID 5305, the reason in words and its VATEX code."""
    if rate:
        return "S", None, None
    if status == "reverse_charge":
        return "AE", "Reverse charge", "VATEX-EU-AE"
    if status == "exempt":
        return "E", "Exempt from tax", None
    return "Z", None, None


def _nets(lines: Lines, taxes: Sequence[TaxTotal], included: bool) -> list[Money]:
    """Each line without its tax, so that the lines of a rate add up to that rate's base (BR-S-08)."""
    nets = {n: line.amount for n, line in enumerate(lines)}
    for tax in taxes:
        own = [n for n, line in enumerate(lines) if line.tax_rate == tax.rate]
        weights = [nets[n].minor for n in own]
        if sum(weights) and (included or sum(weights) != tax.base.minor):
            nets |= dict(zip(own, tax.base.allocate(weights), strict=True))
    return list(nets.values())


def _line(n: int, line: Line, net: Money, status: str) -> dict[str, Any]:
    whole = Money(round_half_up((line.quantity * line.unit_price) * _units(net)), net.currency)
    facts = _line_facts(n, line, net, status)
    if net != line.amount or whole.minor < net.minor:
        return facts | _priced_whole(net, line.quantity)
    off = whole - net
    reason = f"Discount of {_plain(line.discount_percent)} %"
    discount = [{"amount": _amount(off), "reason_code": DISCOUNT, "reason": reason}] if off else []
    return facts | {"BT-129": _plain(line.quantity), "BT-146": _plain(line.unit_price), "BG-27": discount}


def _line_facts(n: int, line: Line | CreditedLine, net: Money, status: str) -> dict[str, Any]:
    return {
        "BT-126": str(n),
        "BT-153": line.description,
        "BT-155": line.sku or None,
        "BT-130": PIECE,
        "BT-131": _amount(net),
        "BT-151": _category(line.tax_rate, status)[0],
        "BT-152": _plain(line.tax_rate),
    }


def _priced_whole(net: Money, quantity: Decimal) -> dict[str, Any]:
    """The price for all of it at once, where a piece's price without tax has no end."""
    return {"BT-129": _plain(quantity), "BT-149": _plain(quantity), "BT-146": _amount(net)}


def _units(money: Money) -> int:
    return int(Decimal(1) / abs(Money(1, money.currency).major))


def _amount(money: Money) -> str:
    return format(money.major, "f")


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")
