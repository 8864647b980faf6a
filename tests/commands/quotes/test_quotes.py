"""Quotes from draft to approval and on to the next version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask
from msgspec.structs import replace
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.quotes import quote_content, quotes
from app.commands.quotes.quote_content import InstalmentContent, InvalidContent, QuoteContent
from app.db import db, transaction
from app.errors import Refusal, StaleVersion
from app.models import Account, Due, History, Product, Quote, TaxRate, TaxStatus
from app.states.quote import QuoteStatus
from tests import factories
from tests.commands import quoting


def refused(code: str, act: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    assert caught.value.code == code
    return caught.value


def events(quote: Quote) -> list[str]:
    query = select(History.event).where(History.entity == "quote", History.entity_id == quote.id).order_by(History.id)
    return list(db.session.scalars(query))


def quote_sku(content: QuoteContent, index: int) -> str:
    return db.session.get_one(Product, content.lines[index].product_id).sku


def change_account(customer: Account, **facts: Any) -> None:
    with transaction() as session:
        row = session.get_one(Account, customer.id)
        for name, value in facts.items():
            setattr(row, name, value)


def test_a_draft_is_numbered_priced_and_taxed(app: Flask) -> None:
    seller, _ = quoting.people()
    quote = quotes.create(quoting.content(), by=seller)
    assert (quote.number, quote.version, quote.status) == ("Q-2001", 1, QuoteStatus.DRAFT)
    assert quote.owner_id == seller.id
    totals = quote.totals()
    assert (totals.net.minor, totals.tax.minor, totals.gross.minor) == (44500, 8455, 52955)
    assert [(x.position, x.tax_rate) for x in quote.lines] == [(1, 19), (2, 19)]
    assert events(quote) == ["created"]


@pytest.mark.parametrize("status", [TaxStatus.EXEMPT, TaxStatus.REVERSE_CHARGE])
def test_exempt_and_reverse_charge_customers_pay_no_tax(app: Flask, status: TaxStatus) -> None:
    seller, _ = quoting.people()
    customer = factories.account(tax_status=status)
    quote = quotes.create(quoting.content(customer), by=seller)
    assert quote.totals().tax.minor == 0


def test_the_tax_rate_is_that_of_the_start_date(app: Flask) -> None:
    seller, _ = quoting.people()
    code = factories.tax_code()
    with transaction() as session:
        session.add(TaxRate(tax_code_id=code.id, valid_from=date(2027, 1, 1), rate=Decimal(21)))
    before = quotes.create(quoting.content(start_date=date(2026, 12, 31)), by=seller)
    after = quotes.create(quoting.content(start_date=date(2027, 1, 1)), by=seller)
    assert [x.tax_rate for x in before.lines] == [19, 19]
    assert [x.tax_rate for x in after.lines] == [21, 21]


def test_what_cannot_be_saved_is_said_field_by_field(app: Flask) -> None:
    seller, _ = quoting.people()
    good, stranger = quoting.content(), factories.account()
    product = good.lines[0].product_id
    bad = replace(
        good,
        contact_id=stranger.billing_contact_id,
        term_months=0,
        lines=(
            quoting.line(product, "0", "1.00001", discount_percent=Decimal(101)),
            quoting.line(999999, "1", "1"),
        ),
        instalments=(InstalmentContent(), InstalmentContent(percent=Decimal(100), due=Due.DATE)),
    )
    with pytest.raises(InvalidContent) as caught:
        quotes.create(bad, by=seller)
    assert [p.field for p in caught.value.problems] == [
        "contact_id",
        "term_months",
        "lines-0-quantity",
        "lines-0-unit_price",
        "lines-0-discount_percent",
        "lines-1-product_id",
        "instalments-0-percent",
        "instalments-1-due_date",
    ]
    assert db.session.scalar(select(Quote.id)) is None


def test_an_edit_replaces_the_content_and_remembers_what_changed(app: Flask) -> None:
    seller, _ = quoting.people()
    first = quoting.content()
    quote = quotes.create(first, by=seller)
    second = replace(first, notes="Deliver to the back door", lines=first.lines[:1])
    quotes.edit(quote.id, second, edition=1, by=seller)
    assert quote.edition == 2
    assert quote_content.read(quote) == second
    row = db.session.scalars(select(History).where(History.event == "edited")).one()
    assert [(c["what"], c["before"], c["after"][:9]) for c in row.data["changes"]] == [
        ("Notes", "", "Deliver t"),
        ("Line 2", f"{quote_sku(first, 1)} A thing: 10 × 24.5", ""),
    ]


def test_an_edit_that_changes_nothing_leaves_no_trace(app: Flask) -> None:
    seller, _ = quoting.people()
    first = quoting.content()
    quote = quotes.create(first, by=seller)
    quotes.edit(quote.id, first, edition=1, by=seller)
    assert quote.edition == 1
    assert events(quote) == ["created"]


def test_a_stale_edit_is_refused(app: Flask) -> None:
    seller, _ = quoting.people()
    first = quoting.content()
    quote = quotes.create(first, by=seller)
    quotes.edit(quote.id, replace(first, notes="mine"), edition=1, by=seller)
    with pytest.raises(StaleVersion) as caught:
        quotes.edit(quote.id, replace(first, notes="theirs"), edition=1, by=seller)
    assert caught.value.current == 2
    assert quote.notes == "mine"


def test_approval_records_who_when_and_what(app: Flask) -> None:
    seller, manager = quoting.people()
    with time_machine.travel("2026-11-21T10:00:00Z", tick=False):
        quote = quotes.create(quoting.content(), by=seller)
        quotes.submit(quote.id, by=seller, edition=1)
        quotes.approve(quote.id, by=manager, edition=1)
        assert (quote.status, quote.approved_by_id, quote.approved_at) == (
            QuoteStatus.APPROVED,
            manager.id,
            clock.now(),
        )
    assert quote.content_hash == quote.commercial_hash()
    assert events(quote) == ["created", "submit", "approve"]


def test_the_hash_follows_the_commercial_content_and_nothing_else(app: Flask) -> None:
    seller, _ = quoting.people()
    first = quoting.content()
    quote = quotes.create(first, by=seller)
    before = quote.commercial_hash()
    quotes.edit(quote.id, replace(first, notes="internal"), edition=1, by=seller)
    assert quote.commercial_hash() == before
    dearer = replace(first.lines[0], unit_price=Decimal("100.01"))
    quotes.edit(quote.id, replace(first, lines=(dearer, first.lines[1])), edition=2, by=seller)
    assert quote.commercial_hash() != before


def test_the_hash_is_the_same_when_read_back(app: Flask) -> None:
    seller, manager = quoting.people()
    quote_id = quoting.approved(seller, manager).id
    db.session.expire_all()
    quote = db.session.get_one(Quote, quote_id)
    assert quote.content_hash == quote.commercial_hash()


def test_nobody_approves_what_they_submitted(app: Flask) -> None:
    admin = factories.user(Role.ADMIN)
    quote = quotes.create(quoting.content(), by=admin)
    quotes.submit(quote.id, by=admin)
    refused("own_submission", lambda: quotes.approve(quote.id, by=admin))
    assert quote.status is QuoteStatus.SUBMITTED


def test_salespeople_do_not_approve(app: Flask) -> None:
    seller, other = quoting.people()[0], factories.user(Role.SALESPERSON)
    quote = quotes.create(quoting.content(), by=seller)
    quotes.submit(quote.id, by=seller)
    refused("not_permitted", lambda: quotes.approve(quote.id, by=other))


def test_only_a_draft_is_edited(app: Flask) -> None:
    seller, manager = quoting.people()
    quote = quoting.approved(seller, manager)
    before = quote.commercial_hash()
    refused("not_draft", lambda: quotes.edit(quote.id, quoting.content(), edition=1, by=seller))
    assert quote.commercial_hash() == before


def test_a_withdrawn_quote_is_a_draft_again(app: Flask) -> None:
    seller, manager = quoting.people()
    quote = quotes.create(quoting.content(), by=seller)
    quotes.submit(quote.id, by=seller)
    quotes.withdraw(quote.id, by=seller)
    assert quote.status is QuoteStatus.DRAFT
    refused("not_submitted", lambda: quotes.approve(quote.id, by=manager))


def test_a_rejection_needs_a_reason(app: Flask) -> None:
    seller, manager = quoting.people()
    quote = quotes.create(quoting.content(), by=seller)
    quotes.submit(quote.id, by=seller)
    refused("reason_missing", lambda: quotes.reject(quote.id, reason="  ", by=manager))
    quotes.reject(quote.id, reason="The discount is too deep", by=manager)
    assert quote.status is QuoteStatus.REJECTED
    row = db.session.scalars(select(History).where(History.event == "reject")).one()
    assert row.because == "The discount is too deep"


def test_a_quote_without_lines_or_with_a_wrong_plan_is_not_submitted(app: Flask) -> None:
    seller, _ = quoting.people()
    empty = quotes.create(quoting.content(lines=(), instalments=()), by=seller)
    refused("empty", lambda: quotes.submit(empty.id, by=seller))
    short = quotes.create(quoting.content(instalments=(InstalmentContent(percent=Decimal(90)),)), by=seller)
    refusal = refused("plan_mismatch", lambda: quotes.submit(short.id, by=seller))
    assert "€476.60" in refusal.sentence and "€529.55" in refusal.sentence


def test_a_hold_blocks_approval(app: Flask) -> None:
    seller, manager = quoting.people()
    customer = factories.account()
    quote = quotes.create(quoting.content(customer), by=seller)
    quotes.submit(quote.id, by=seller)
    change_account(customer, hold_reason="Two invoices overdue")
    refusal = refused("not_ready", lambda: quotes.approve(quote.id, by=manager))
    assert "Two invoices overdue" in refusal.sentence


def test_revising_makes_the_next_version_and_its_approval_supersedes(app: Flask) -> None:
    seller, manager = quoting.people()
    first = quoting.approved(seller, manager)
    second = quotes.revise(first.id, by=seller)
    assert (second.number, second.version, second.status) == (first.number, 2, QuoteStatus.DRAFT)
    assert quote_content.read(second) == quote_content.read(first)
    assert first.status is QuoteStatus.APPROVED
    refused("not_latest", lambda: quotes.revise(first.id, by=seller))
    quotes.submit(second.id, by=seller)
    quotes.approve(second.id, by=manager)
    assert (first.status, second.status) == (QuoteStatus.SUPERSEDED, QuoteStatus.APPROVED)
    assert first.content_hash != second.content_hash


def test_a_revision_can_be_discarded_but_the_first_version_cannot(app: Flask) -> None:
    seller, manager = quoting.people()
    first = quoting.approved(seller, manager)
    second = quotes.revise(first.id, by=seller)
    assert quotes.discard(second.id, by=seller).id == first.id
    assert events(first)[-2:] == ["revised", "revision_discarded"]
    assert quotes.revise(first.id, by=seller).version == 2
    draft = quotes.create(quoting.content(), by=seller)
    refused("first_version", lambda: quotes.discard(draft.id, by=seller))


def test_a_quote_expires_by_the_companys_calendar_with_or_without_the_job(app: Flask) -> None:
    """The seller is in Berlin (UTC+1 in winter): its 22 December begins at 23:00 UTC on the 21st."""
    seller, manager = quoting.people()
    with time_machine.travel("2026-11-21T10:00:00Z", tick=False):
        quote = quoting.approved(seller, manager, expires_on=date(2026, 12, 21))
    with time_machine.travel("2026-12-21T22:59:00Z", tick=False):
        assert quote.status_on(clock.today(factories.ZONE)) is QuoteStatus.APPROVED
        assert quotes.expire_due() == 0
    with time_machine.travel("2026-12-21T23:01:00Z", tick=False):
        assert quote.status_on(clock.today(factories.ZONE)) is QuoteStatus.EXPIRED
        assert quotes.expire_due() == 1
        assert quotes.expire_due() == 0
        assert quote.status is QuoteStatus.EXPIRED
        renewed = quotes.revise(quote.id, by=seller)
        assert renewed.expires_on == date(2026, 12, 22) + timedelta(days=quotes.VALID_DAYS)


def test_an_expired_quote_is_not_approved(app: Flask) -> None:
    seller, manager = quoting.people()
    with time_machine.travel("2026-11-21T10:00:00Z", tick=False):
        quote = quotes.create(quoting.content(expires_on=date(2026, 11, 30)), by=seller)
        quotes.submit(quote.id, by=seller)
    with time_machine.travel("2026-12-01T10:00:00Z", tick=False):
        refused("expired", lambda: quotes.approve(quote.id, by=manager))


def test_numbers_brought_along_are_passed_over(app: Flask) -> None:
    seller, _ = quoting.people()
    quotes.create(quoting.content(), by=seller, number="Q-2001")
    assert quotes.create(quoting.content(), by=seller).number == "Q-2002"
