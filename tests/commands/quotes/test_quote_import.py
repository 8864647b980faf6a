"""Quotes from files: all or nothing, every error where it stands, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app.access import Role
from app.commands.quotes import quote_content, quote_files, quotes
from app.commands.quotes.quote_files import Refused
from app.commands.quotes.quote_import import Imported, import_quotes
from app.config import ROOT
from app.db import db, transaction
from app.models import CollectionMethod, Due, History, Opportunity, Quote, User
from app.states.quote import QuoteStatus
from tests import factories

HEADER = (
    "number,account,contact,opportunity,start_date,expires_on,payment_plan,sku,quantity,unit_price,discount_percent"
)


@pytest.fixture(autouse=True)
def today() -> Any:
    with time_machine.travel("2026-11-21T10:00:00Z", tick=False):
        yield


@pytest.fixture
def dana(app: Flask) -> User:
    """With account A-0301, its contact and opportunity, and products T-1 and L-1."""
    person = factories.user(Role.SALESPERSON)
    customer = factories.account(number="A-0301")
    factories.product(sku="T-1", name="Terminal", unit_price=Decimal("612"))
    factories.product(sku="L-1", name="Licence", unit_price=Decimal("24.5"))
    factories.product(sku="U-1", name="Dollar thing", currency="USD")
    with transaction() as session:
        session.add(Opportunity(account_id=customer.id, name="Roll-out", owner_id=person.id))
    return person


def one(number: str = "Q-7001", **changes: Any) -> dict[str, Any]:
    line = {"sku": "T-1", "quantity": 2}
    return {"number": number, "account": "A-0301", "expires_on": "2026-12-31", "lines": [line]} | changes


def run(dana: User, *entries: dict[str, Any], **options: Any) -> list[Imported]:
    content = json.dumps(entries, default=str).encode()
    return import_quotes(quote_files.read(content), by=dana, source="quotes.json", **options)


def effects(done: list[Imported]) -> list[tuple[str, int, str]]:
    return [(x.number, x.version, str(x.effect)) for x in done]


def wrong(act: Callable[[], Any]) -> list[tuple[str, str]]:
    """Place and column of everything that was refused; nothing was written."""
    with pytest.raises(Refused) as caught:
        act()
    assert count() == 0
    return [(p.place, p.column) for p in caught.value.problems]


def count() -> int:
    return db.session.scalar(select(func.count(Quote.id))) or 0


def csv(dana: User, text: str | bytes) -> list[Imported]:
    content = text if isinstance(text, bytes) else text.encode()
    return import_quotes(quote_files.read(content), by=dana, source="quotes.csv")


def test_json_with_everything(dana: User) -> None:
    email = db.session.scalar(select(factories.Contact.email))
    plan = [{"percent": "30"}, {"percent": 70, "due": "date", "due_date": "2027-01-15", "collection": "offline"}]
    entry = one(contact=email, opportunity="Roll-out", start_date="2026-12-01", term_months=24, payment_plan=plan)
    entry |= {"billing_frequency": "monthly", "renewal": "auto", "payment_terms_days": 30, "notes": "Gate 2"}
    entry["lines"] = [{"sku": "L-1", "quantity": 2.5, "unit_price": "19.9", "discount_percent": 5, "description": "X"}]
    assert effects(run(dana, entry)) == [("Q-7001", 1, "new")]
    quote = db.session.scalars(select(Quote)).one()
    assert (quote.owner_id, quote.status, quote.term_months) == (dana.id, QuoteStatus.DRAFT, 24)
    assert [(x.description, x.quantity, x.unit_price) for x in quote.lines] == [("X", Decimal("2.5"), Decimal("19.9"))]
    assert [(x.percent, x.due, x.due_date) for x in quote.instalments] == [
        (30, Due.SIGNATURE, None),
        (70, Due.DATE, date(2027, 1, 15)),
    ]
    assert quote.instalments[1].collection is CollectionMethod.OFFLINE
    events = db.session.scalars(select(History.event).where(History.entity == "quote").order_by(History.id)).all()
    assert events == ["created", "imported"]


def test_what_is_left_out_comes_from_account_and_catalog(dana: User) -> None:
    run(dana, one())
    quote = db.session.scalars(select(Quote)).one()
    assert (quote.currency, quote.payment_terms_days) == ("EUR", 14)
    assert quote.billing_address_id is not None
    assert [(x.description, x.unit_price, x.tax_rate) for x in quote.lines] == [("Terminal", 612, 19)]
    assert [x.percent for x in quote.instalments] == [100]


def test_csv_with_a_byte_order_mark_semicolons_and_line_ends_of_windows(dana: User) -> None:
    text = HEADER.replace(",", ";") + "\r\n"
    text += "Q-7001;A-0301;;Roll-out;2026-12-01;2026-12-31;30% signature + 70% delivery;T-1;2;600.00;\r\n"
    text += "Q-7001;;;;;;;L-1;10;;5\r\n\r\n;;;;;;;;;;\r\n"
    text += 'Q-7002;A-0301;;;;2026-12-31;"1000.00 signature + 224.00 date 2027-03-01 offline";T-1;2;;\r\n'
    done = csv(dana, b"\xef\xbb\xbf" + text.encode())
    assert effects(done) == [("Q-7001", 1, "new"), ("Q-7002", 1, "new")]
    first, second = db.session.scalars(select(Quote).order_by(Quote.number)).all()
    assert [(x.sku, x.quantity, x.unit_price, x.discount_percent) for x in first.lines] == [
        ("T-1", 2, 600, 0),
        ("L-1", 10, Decimal("24.5"), 5),
    ]
    assert [(x.percent, x.due) for x in first.instalments] == [(30, Due.SIGNATURE), (70, Due.DELIVERY)]
    assert [(x.amount, x.due_date) for x in second.instalments] == [(100000, None), (22400, date(2027, 3, 1))]


def test_quoted_line_ends_do_not_shift_the_rows_of_errors(dana: User) -> None:
    text = "number,account,expires_on,notes,sku,quantity\n"
    text += 'Q-1,A-0301,2026-12-31,"two\nlines",T-1,1\nQ-2,A-0301,2026-12-31,,NOPE,1\n'
    assert wrong(lambda: csv(dana, text)) == [("row 4", "sku")]


@pytest.mark.parametrize(
    ("cell", "column"),
    [
        ('"2,5"', "quantity"),
        ('"1.234,50"', "unit_price"),
        ("NaN", "unit_price"),
        ("1e400000", "quantity"),
        ("0", "quantity"),
        ("-1", "unit_price"),
        ("101", "discount_percent"),
        ("0.00001", "unit_price"),
        ("two", "quantity"),
    ],
)
def test_each_wrong_number_is_refused_in_a_sentence(dana: User, cell: str, column: str) -> None:
    cells = {"quantity": "1", "unit_price": "1", "discount_percent": ""} | {column: cell}
    text = (
        f"{HEADER}\nQ-1,A-0301,,,,2026-12-31,,T-1,{cells['quantity']},{cells['unit_price']},{cells['discount_percent']}"
    )
    assert wrong(lambda: csv(dana, text)) == [("row 2", column)]


def test_a_decimal_comma_says_how_to_write_it(dana: User) -> None:
    text = HEADER.replace(",", ";") + "\nQ-1;A-0301;;;;2026-12-31;;T-1;1;24,50;"
    with pytest.raises(Refused, match="with a point and without thousands separators, such as 1234.50, not 24,50"):
        csv(dana, text)


def test_everything_wrong_is_said_at_once_and_nothing_is_written(dana: User) -> None:
    rows = [
        "Q-1,A-0301,,,,2026-12-31,,T-1,1,,",
        "Q-2,A-9999,,,,2026-12-31,,T-1,1,,",
        "Q-3,A-0301,nobody@x.test,Nothing,31.12.2026,,90%,T-1,1,,",
        "Q-4,A-0301,,,,2026-12-31,,U-1,,,",
        "Q-5,A-0301,,,,2026-12-31,,,1,,",
        "Q 6,A-0301,,,,2026-12-31,,T-1,1,,",
    ]
    assert wrong(lambda: csv(dana, "\n".join([HEADER, *rows]))) == [
        ("row 3", "account"),
        ("row 4", "expires_on"),
        ("row 4", "contact"),
        ("row 4", "opportunity"),
        ("row 4", "start_date"),
        ("row 4", "payment_plan"),
        ("row 5", "unit_price"),
        ("row 5", "quantity"),
        ("row 6", "sku"),
        ("row 7", "number"),
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        ("number,account\nQ-1,Ä".encode("latin-1"), "not UTF-8"),
        (b"number;account;price\n", "There is no such column"),
        (b"number,number,account,expires_on,sku,quantity\n", "stands twice"),
        (b"number,account\n", "sku: This column is missing"),
        (f"{HEADER}\n".encode() + b"Q-1,A,,,,,,,,,,,,\n", "more cells than there are columns"),
        (f"{HEADER}\n".encode() + b'Q-1,"A', "This is not CSV"),
        (f"{HEADER}\n".encode() + b",A-0301,,,,2026-12-31,,T-1,1,,\n", "Every row says which quote"),
        (f"{HEADER}\n".encode() + b"Q-1,A-1,,,,,,T-1,1,,\nQ-1,A-2,,,,,,T-1,1,,\n", "This differs from row 2"),
        (b"[{]", "line 1: This is not JSON"),
        (b'{"quotes": 3}', "There should be a list"),
        (b"[3]", "quote 1: This should be an object"),
        (b'[{"lines": {}}]', "quote 1, line: There should be a list of objects"),
        (b'[{"prize": 1}]', "quote 1, prize: There is no such field"),
        (b'[{"lines": [{"price": 1}]}]', "quote 1, line 1, price: There is no such field"),
        (b"[" + b" " * quote_files.MOST_BYTES + b"]", "larger than 10 MB"),
    ],
    ids=str,
)
def test_files_that_cannot_be_read_say_why(app: Flask, content: bytes, sentence: str) -> None:
    with pytest.raises(Refused) as caught:
        quote_files.read(content)
    assert sentence in str(caught.value)


def test_json_of_the_wrong_kinds(dana: User) -> None:
    entry = one(notes=3, term_months="2.5", renewal="perhaps", version=0, lines=[{"sku": 7, "quantity": True}])
    assert wrong(lambda: run(dana, entry)) == [
        ("quote 1", "version"),
        ("quote 1", "term_months"),
        ("quote 1", "renewal"),
        ("quote 1", "notes"),
        ("quote 1, line 1", "sku"),
        ("quote 1, line 1", "sku"),
        ("quote 1, line 1", "quantity"),
    ]


def test_what_the_editor_would_refuse_is_refused_where_it_stands(dana: User) -> None:
    entry = one(term_months=999, currency="XXQ")
    assert wrong(lambda: run(dana, entry)) == [("quote 1, line 1", "unit_price")]
    entry = one(term_months=999, payment_plan=[{"percent": 10, "amount": 5}, {"amount": "1.001"}])
    assert wrong(lambda: run(dana, entry)) == [("quote 1, payment_plan 2", "amount")]
    entry = one(term_months=999, payment_plan=[{"percent": 10, "amount": 5}])
    assert wrong(lambda: run(dana, entry)) == [("quote 1", "term_months"), ("quote 1, payment_plan 1", "percent")]


def test_importing_again_changes_nothing(dana: User) -> None:
    entries = (one(), one("Q-7002"))
    run(dana, *entries)
    rows = db.session.scalar(select(func.count(History.id)))
    assert effects(run(dana, *entries)) == [("Q-7001", 1, "unchanged"), ("Q-7002", 1, "unchanged")]
    assert db.session.scalar(select(func.count(History.id))) == rows


def test_a_dry_run_writes_nothing_and_says_the_same(dana: User) -> None:
    assert effects(run(dana, one(), dry_run=True)) == [("Q-7001", 1, "new")]
    assert count() == 0


def test_a_draft_is_changed(dana: User) -> None:
    run(dana, one())
    assert effects(run(dana, one(notes="New"))) == [("Q-7001", 1, "changed")]
    quote = db.session.scalars(select(Quote)).one()
    assert (quote.notes, quote.edition) == ("New", 2)


def test_a_decided_version_stays_and_other_content_makes_the_next(dana: User) -> None:
    run(dana, one())
    quote = db.session.scalars(select(Quote)).one()
    quotes.submit(quote.id, by=dana)
    with pytest.raises(Refused, match="waits for approval"):
        run(dana, one(notes="New"))
    quotes.approve(quote.id, by=factories.user(Role.SALES_MANAGER))
    before = quote_content.read(quote)
    assert effects(run(dana, one())) == [("Q-7001", 1, "unchanged")]
    assert effects(run(dana, one(notes="New"))) == [("Q-7001", 2, "new version")]
    assert effects(run(dana, one(notes="New"))) == [("Q-7001", 2, "unchanged")]
    assert effects(run(dana, one(notes="Newer", version=1))) == [("Q-7001", 2, "changed")]
    assert effects(run(dana, one(version=1))) == [("Q-7001", 1, "unchanged")]
    assert (quote_content.read(quote), quote.status) == (before, QuoteStatus.APPROVED)


def test_versions_follow_each_other(dana: User) -> None:
    assert effects(run(dana, one(version=3))) == [("Q-7001", 3, "new")]
    with pytest.raises(Refused, match="latest version of Q-7001 is 3"):
        run(dana, one(version=5))
    with pytest.raises(Refused, match="Version 3 of Q-7001 is still a draft"):
        run(dana, one(version=4, notes="New"))


def test_a_number_stands_once_and_keeps_its_account(dana: User) -> None:
    assert wrong(lambda: run(dana, one(), one())) == [("quote 2", "number")]
    run(dana, one())
    other = factories.account(number="A-0302")
    with pytest.raises(Refused, match="belongs to account A-0301"):
        run(dana, one(account=other.number))


def test_the_command_line(dana: User, app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "quotes.json"
    file.write_text(json.dumps({"quotes": [one()]}))
    runner = app.test_cli_runner()

    def call(*more: str, owner: str = dana.email) -> tuple[int, str]:
        done = runner.invoke(args=["quotes", "import", str(file), "--owner", owner, *more])
        return done.exit_code, done.output

    assert call("--dry-run") == (0, "Q-7001 version 1: new\n1 new\nDry run: nothing was written.\n")
    assert call() == (0, "Q-7001 version 1: new\n1 new\n")
    assert call() == (0, "Q-7001 version 1: unchanged\n1 unchanged\n")
    assert call(owner="x@x.test") == (1, "Error: Nobody with the address x@x.test works here.\n")
    file.write_text(json.dumps([one(account="A-9")]))
    assert call() == (1, "Error: Nothing was imported.\nquote 1, account: There is no account A-9.\n")
    reader = factories.user(Role.READ_ONLY)
    code, output = call(owner=reader.email)
    assert code == 1 and "Your role does not let you write and revise quotes." in output


def test_the_examples_of_the_manual_can_be_read(app: Flask) -> None:
    blocks = (ROOT / "docs" / "imports.md").read_text().split("```")[3::2]
    table, objects = blocks[0].strip(), blocks[1].removeprefix("json").strip()
    [first] = quote_files.read(table.encode())
    assert [line.get("sku") for line in first.lines] == ["BT-10", "CD-100"]
    [second] = quote_files.read(objects.encode())
    assert second.steps is not None and second.steps[0].get("percent") == 100
