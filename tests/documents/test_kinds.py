"""Every kind of document, rendered from frozen content: its words, tags and letters, and that nothing is cut."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, g
from pypdf import PdfReader

from app.documents import KINDS as REQUESTED
from app.documents import rendering
from app.navigation import remember
from tests.conftest import make_app
from tests.documents.samples import ARABIC, HEBREW, KINDS, LONG, Sample
from tests.documents.test_documents import text_of

IDENTIFIER = b"x" * 16
MONEY = re.compile(r"€\d[\d,]*\.\d\d")
FORTY, LONG_NAMES = Sample(lines=40), Sample(lines=3, customer=LONG, product=LONG)
PAGES = {"receipt": 1, "payment_order": 2, "statement": 2, "order": 4, "signed_order": 5}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return make_app("sqlite://", tmp_path_factory.mktemp("instance"))


@pytest.fixture(autouse=True)
def nobody_s_company(product: Flask) -> Iterator[None]:
    """Without a database: a paper is its content."""
    with product.test_request_context():
        remember(None)
        g.zone = ZoneInfo("Europe/Berlin")
        yield


@cache
def printed(kind: str, sample: Sample) -> bytes:
    body, pages = rendering.to_pdf(rendering.page(kind, sample.content(kind)), IDENTIFIER)
    assert pages == len(PdfReader(io.BytesIO(body)).pages)
    return body


def read(kind: str, sample: Sample) -> PdfReader:
    return PdfReader(io.BytesIO(printed(kind, sample)))


def fonts_of(pdf: PdfReader) -> set[str]:
    """Of the first page, each of them embedded."""
    found = set()
    for reference in pdf.pages[0]["/Resources"]["/Font"].values():
        font = reference.get_object()
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert any(name.startswith("/FontFile") for name in descriptor)
        found.add(str(font["/BaseFont"]).partition("+")[2])
    return found


def right_edge(pdf: PdfReader) -> float:
    """The furthest point of the page at which a figure or word begins."""
    edges: list[float] = []

    def note(text: str, matrix: list[float], text_matrix: list[float], *rest: object) -> None:
        if text.strip():
            edges.append(text_matrix[4] * matrix[0] + matrix[4])

    for page in pdf.pages:
        page.extract_text(visitor_text=note)
    return max(edges)


def test_every_kind_has_a_sample() -> None:
    assert set(KINDS) == set(rendering.VIEWS) == REQUESTED | {"evidence_index"}


@pytest.mark.parametrize("kind", KINDS)
def test_forty_lines_are_all_there_tagged_and_under_a_repeated_head(kind: str) -> None:
    pdf = read(kind, FORTY)
    root = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en" and root["/StructTreeRoot"]["/K"]
    assert pdf.metadata is not None and pdf.metadata.title
    assert len(pdf.pages) == PAGES.get(kind, 3)
    words = text_of(pdf)
    assert f"Page {len(pdf.pages)} of {len(pdf.pages)}" in words and "Northfield Clinics" in words
    if kind == "receipt":
        return
    named = {"statement": "INV-{:05}", "evidence_index": "INV-{:05}"}.get(kind, "Bedside terminal {}")
    assert all(named.format(n) in words for n in range(1, 41))
    head = {"statement": "Balance", "evidence_index": "Bytes"}.get(kind, "Amount")
    assert all(head in page.extract_text() for page in pdf.pages[:2])


def test_four_hundred_lines_cost_pages_and_nothing_else() -> None:
    pdf = read("credit_note", Sample(lines=400))
    last = pdf.pages[-1].extract_text()
    assert 20 <= len(pdf.pages) <= 26
    assert "Bedside terminal 400" in last and "Credited" in last  # no sum stands alone on its page
    assert all("Amount" in page.extract_text() for page in pdf.pages)


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_without_a_space_is_broken_and_pushes_no_figure_off_the_paper(kind: str) -> None:
    pdf = read(kind, LONG_NAMES)
    words = text_of(pdf)
    assert LONG in words.replace("\n", "")
    assert right_edge(pdf) < float(pdf.pages[0].mediabox.width) - 18 / 25.4 * 72
    assert kind == "evidence_index" or MONEY.search(words)


@pytest.mark.parametrize("name", [HEBREW, ARABIC, "Łódzka Opieka Ζωή Клиника"])
def test_names_in_other_letters_are_printed_with_the_glyphs_of_a_machine_that_has_dejavu_alone(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    pdf = read("payment_order", Sample(customer=name))
    assert fonts_of(pdf) == {"Inter", "Inter-Medium", "Inter-Semi-Bold", "DejaVu-Sans-Bold"}
    assert "notdef" not in caplog.text
    assert not Counter(name.replace(" ", "")) - Counter(text_of(pdf))


def test_a_letter_without_a_glyph_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    assert read("payment_order", Sample(customer="Northfield \u2fe0")) and "notdef" in caplog.text


def test_a_name_of_both_directions_is_set_apart_from_the_sentence_round_it() -> None:
    words = text_of(read("receipt", Sample(customer="מרפאות Northfield בעמ")))
    assert "בעמ Northfield מרפאות" in words


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("draft", "no offer yet"),
        ("submitted", "Not approved yet: this is no offer."),
        ("rejected", "Rejected: this is no offer."),
        ("expired", "this offer ended on 31 Dec 2026"),
        ("superseded", "a later version took the place"),
        ("converted", "this quote became order SO-1001"),
        ("approved", None),
    ],
)
def test_a_quote_says_plainly_what_it_is_worth(status: str, said: str | None) -> None:
    html = rendering.page("quote", Sample().content("quote") | {"status": status, "order": "SO-1001"})
    assert said in html if said else 'class="standing"' not in html


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"status": "requested"}, None),
        ({"status": "declined"}, None),
        ({"status": "part_paid"}, "Paid in part: €2,500.00 is still to be paid."),
        ({"status": "paid", "due": 0}, "Paid in full. Thank you."),
        ({"status": "confirming"}, "Please do not pay a second time."),
        ({"status": "authorized", "authorized": 5000}, "€50.00 is authorized and not charged yet."),
        ({"status": "refunded", "refunded": 5000}, "What was paid was refunded."),
        ({"status": "cancelled", "cancelled": True, "due": 0}, "nothing is to be paid with it any more"),
    ],
)
def test_a_payment_order_says_what_came_of_it(facts: dict[str, object], said: str | None) -> None:
    html = rendering.page("payment_order", Sample().content("payment_order") | facts)
    assert said in html if said else 'class="standing' not in html


@pytest.mark.parametrize(
    ("currency", "price", "shown"), [("JPY", "1200", r"¥2,400\b(?!\.)"), ("KWD", "1.125", r"KWD.2\.250")]
)
@pytest.mark.parametrize("kind", KINDS)
def test_amounts_have_the_decimals_of_their_currency(kind: str, currency: str, price: str, shown: str) -> None:
    """Read off the page that the PDF is made of."""
    html = rendering.page(kind, Sample(currency=currency, unit_price=price).content(kind))
    assert kind in ("evidence_index", "receipt") or re.search(shown, html)
    assert not re.search(r"¥[\d,]+\.\d|KWD.[\d,]+\.\d\d(?!\d)", html)


def test_the_same_content_is_the_same_bytes() -> None:
    again = rendering.page("quote", FORTY.content("quote"))
    assert rendering.to_pdf(again, IDENTIFIER)[0] == printed("quote", FORTY)
