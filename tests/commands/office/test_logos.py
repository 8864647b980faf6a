"""The logo: what is taken for a picture, what is not, and that papers keep theirs."""

from __future__ import annotations

import io

import pytest
from flask import Flask
from PIL import Image
from pypdf import PdfReader
from sqlalchemy import func, select

from app.access import Role
from app.commands.office import logos
from app.commands.post import papers
from app.db import db, end_read, transaction
from app.documents import rendering
from app.errors import Refusal
from app.models import Company, Document, Invoice, Logo, User
from tests import factories

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 4 4"'
CIRCLE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><circle cx="2" cy="2" r="2" fill="#0a0"/></svg>'


@pytest.fixture
def admin(app: Flask) -> User:
    factories.company()
    return factories.user(Role.ADMIN)


def png(wide: int = 40, high: int = 20) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (wide, high), "#0a6").save(file, "PNG")
    return file.getvalue()


def borne() -> str | None:
    db.session.rollback()
    return db.session.get_one(Company, 1).logo


@pytest.mark.parametrize(
    "inside",
    [
        "<path d='M0 0h4v4z'/>",
        "<linearGradient id='a'><stop offset='0'/></linearGradient><rect width='4' height='4' fill='url(#a)'/>",
        "<defs><path id='p' d='M0 0h4'/></defs><use xlink:href='#p'/>",
        "<style>.a{fill:#123456}</style><g class='a'><circle r='2'/></g>",
    ],
)
def test_a_drawing_is_taken(admin: User, inside: str) -> None:
    row = logos.write(f"{HEAD}>{inside}</svg>".encode(), by=admin)
    assert borne() == row.sha256 and row.mimetype == logos.SVG


def test_a_png_is_taken_and_the_same_once(admin: User) -> None:
    first, second = logos.write(png(), by=admin), logos.write(png(), by=admin)
    assert first.sha256 == second.sha256 == borne() and first.mimetype == logos.PNG
    assert db.session.scalar(select(func.count()).select_from(Logo)) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "no_picture"),
        (b"GIF89a", "no_picture"),
        (b"<html xmlns='http://www.w3.org/1999/xhtml'/>", "no_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no_picture"),  # how large?
        (f"{HEAD}><path".encode(), "no_picture"),
        (png()[:60], "no_picture"),
        (png(2001, 1), "picture_too_large"),
        (CIRCLE + b" " * logos.MOST_BYTES, "logo_too_large"),
        (f"{HEAD}><script>alert(1)</script></svg>".encode(), "picture_not_alone"),
        (f"{HEAD} onload='alert(1)'/>".encode(), "picture_not_alone"),
        (f"{HEAD}><foreignObject/></svg>".encode(), "picture_not_alone"),
        (f"{HEAD}><image href='https://evil.example/a.png'/></svg>".encode(), "picture_not_alone"),
        (f"{HEAD}><use xlink:href='https://evil.example/a.svg#a'/></svg>".encode(), "picture_not_alone"),
        (f"{HEAD}><rect fill='url(https://evil.example/a)'/></svg>".encode(), "picture_not_alone"),
        (f'{HEAD}><rect style="fill:url( &quot;//evil.example/a&quot;)"/></svg>'.encode(), "picture_not_alone"),
        (f"{HEAD}><style>@import 'https://evil.example/a.css';</style></svg>".encode(), "picture_not_alone"),
        (f"{HEAD}><style>a{{}}<!-- -->@import url(//evil.example/a);</style></svg>".encode(), "picture_not_alone"),
        (f"{HEAD}><b xmlns='http://www.w3.org/1999/xhtml'/></svg>".encode(), "picture_not_alone"),
        (f"{HEAD}><set attributeName='href' to='x'/></svg>".encode(), "picture_not_alone"),
        (f'<?xml-stylesheet href="https://evil.example/a.css"?>{HEAD}/>'.encode(), "picture_not_alone"),
        (f'<!DOCTYPE svg [<!ENTITY a "b">]>{HEAD}><text>&a;</text></svg>'.encode(), "picture_not_alone"),
    ],
)
def test_what_is_none_or_does_more_is_refused(admin: User, body: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        logos.write(body, by=admin)
    assert refused.value.code == code and borne() is None


def test_only_who_changes_settings_changes_it(app: Flask) -> None:
    factories.company()
    salesperson = factories.user(Role.SALESPERSON)
    for change in (lambda: logos.write(CIRCLE, by=salesperson), lambda: logos.take_off(by=salesperson)):
        with pytest.raises(Refusal):
            change()
    assert borne() is None


def test_a_paper_keeps_the_logo_it_was_made_with(admin: User) -> None:
    logos.write(png(), by=admin)
    invoice = factories.invoice(factories.order())
    first = paper(invoice)
    logos.take_off(by=admin)
    second = paper(invoice)
    assert [pictures(row) for row in (first, second)] == [1, 0] and first.id != second.id


def pictures(row: Document) -> int:
    page = rendering.page(row.kind, row.data)
    end_read()
    return len(PdfReader(io.BytesIO(rendering.to_pdf(page, b"x" * 32)[0])).pages[0].images)


def paper(invoice: Invoice) -> Document:
    with transaction() as session:
        return papers.invoice(session.get_one(Invoice, invoice.id))
