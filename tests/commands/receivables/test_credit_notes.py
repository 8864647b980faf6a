"""Credit notes: their own series, the invoice's tax to the cent, and money that is unapplied cash afterwards."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app import clock
from app.access import Role
from app.commands.orders import orders
from app.commands.receivables import allocations, credit_notes, write_offs
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.gateways.sandbox import script
from app.gateways.sandbox.tables import Call
from app.models import (
    Account,
    Actor,
    Audit,
    CreditNote,
    CreditReason,
    Document,
    Invoice,
    InvoiceLine,
    OrderEmail,
    Receipt,
    SalesOrder,
    Transaction,
    User,
)
from app.money import Money, TaxTotal
from app.queries import invariants
from app.states.order import OrderStatus
from tests import factories, ledgers
from tests.commands import moving
from tests.documents.test_documents import rendered, text_of
from tests.ledgers import key


@pytest.fixture
def clerk(app: Flask) -> User:
    return ledgers.clerk()


def credit(row: Invoice, amounts: dict[int, int], by: User, **facts: object) -> CreditNote:
    wanted = {"reason": CreditReason.PRICE, "note": "Agreed discount", "form_key": key()} | facts
    return credit_notes.issue(row.id, amounts=amounts, by=by, **wanted)  # type: ignore[arg-type]


def credit_amount(row: Invoice, minor: int, by: User) -> CreditNote:
    money = Money(minor, row.currency)
    facts = {"reason": CreditReason.RETURN, "note": "", "form_key": key(), "by": by}
    return credit_notes.for_amount(row.id, amount=money, **facts)  # type: ignore[arg-type]


def first_line(row: Invoice) -> int:
    return db.session.scalars(
        select(InvoiceLine.id).where(InvoiceLine.invoice_id == row.id).order_by(InvoiceLine.position).limit(1)
    ).one()


def sound() -> bool:
    db.session.rollback()
    assert invariants.broken(grace=timedelta(0)) == []
    return True


def test_a_part_of_an_open_invoice_lowers_what_is_due(app: Flask, clerk: User) -> None:
    invoice = ledgers.invoice()
    line_id = first_line(invoice)
    note = credit(invoice, {line_id: 200}, clerk)
    assert (note.number, note.net, note.tax, note.gross, note.received) == ("CN-00001", 200, 38, 238, 0)
    assert ledgers.standing(invoice) == ("issued", 11_900 - 238)
    mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "credit_note")).one()
    paper = db.session.get_one(Document, mail.attachments[0])
    words = text_of(rendered(paper))
    assert "CN-00001" in words and (invoice.number or "") in words and "€2.38" in words
    assert db.session.scalar(select(func.count()).where(Audit.action == "credit_note.issue")) == 1
    assert sound()


@pytest.mark.parametrize(("minor", "code"), [(251, "more_than_line"), (-1, "more_than_line"), (0, "nothing_chosen")])
def test_a_line_is_credited_no_further_than_it_goes(app: Flask, clerk: User, minor: int, code: str) -> None:
    invoice = ledgers.invoice()
    with pytest.raises(Refusal) as refused:
        credit(invoice, {first_line(invoice): minor}, clerk)
    assert refused.value.code == code


def test_neither_a_line_of_another_invoice_nor_one_twice(app: Flask, clerk: User) -> None:
    invoice = ledgers.invoice()
    with pytest.raises(Refusal, match="foreign_line"):
        credit(invoice, {first_line(ledgers.invoice()): 1}, clerk)
    line_id = first_line(invoice)
    once = {credit(invoice, {line_id: 250}, clerk, form_key="k").id for _ in range(2)}
    assert len(once) == 1
    with pytest.raises(Refusal, match="more_than_line"):
        credit(invoice, {line_id: 1}, clerk)


def test_crediting_a_paid_invoice_leaves_its_money_unapplied_to_be_refunded(app: Flask) -> None:
    boss = factories.user(Role.ADMIN)
    charge = moving.paid(boss)
    money = db.session.scalars(select(Receipt).where(Receipt.transaction_id == charge.id)).one()
    invoice = db.session.scalars(select(Invoice)).one()
    note = credit_amount(invoice, invoice.gross, boss)
    assert (note.gross, note.tax, note.received) == (invoice.gross, invoice.tax, invoice.gross)
    assert ledgers.standing(invoice) == ("credited", 0)
    assert ledgers.unapplied(money) == invoice.gross
    assert sound()
    moving.refund(charge, charge.amount, boss)
    assert (ledgers.standing(invoice), ledgers.unapplied(money)) == (("credited", 0), 0)
    assert sound()
    with pytest.raises(Refusal, match="credited"):
        credit_amount(invoice, 1, boss)


def with_refund(charge: Transaction, minor: int, by: User) -> list[int]:
    """The credit notes that come of it."""
    before = db.session.scalar(select(func.max(CreditNote.id))) or 0
    end_read()
    moving.refund(charge, minor, by, key=key(), credit_note=True)
    found = list(db.session.scalars(select(CreditNote.gross).where(CreditNote.id > before)))
    end_read()
    return found


def test_a_refund_that_failed_credits_nothing_and_one_made_of_unapplied_cash_neither(app: Flask) -> None:
    boss = factories.user(Role.ADMIN)
    charge = moving.paid(boss)
    invoice = db.session.scalars(select(Invoice)).one()
    script.next_call(Call.REFUND, decline_code="insufficient_funds")
    assert with_refund(charge, 10_000, boss) == []
    assert with_refund(charge, 10_000, boss) == [10_000]
    credit_amount(invoice, 5_000, boss)
    assert with_refund(charge, 8_000, boss) == [3_000]
    assert ledgers.standing(invoice) == ("paid", 0)
    assert sound()


def test_a_refund_credits_each_invoice_with_what_it_took_from_it(app: Flask) -> None:
    boss = factories.user(Role.ADMIN)
    charge = moving.paid(boss)
    money = db.session.scalars(select(Receipt).where(Receipt.transaction_id == charge.id)).one()
    first = db.session.scalars(select(Invoice)).one()
    second = ledgers.invoice(db.session.get_one(Account, first.account_id))
    facts = {"because": "x", "form_key": key(), "by": boss}
    allocations.move(money.id, first.id, second.id, amount=Money(4_000, "EUR"), **facts)  # type: ignore[arg-type]
    other = ledgers.on_account(first.account_id, boss, 4_000)
    allocations.apply(other.id, first.id, amount=Money(4_000, "EUR"), form_key=key(), by=boss)
    assert with_refund(charge, 4_000, boss) == [4_000]
    assert with_refund(charge, 6_000, boss) == [6_000]
    assert (ledgers.standing(first), ledgers.standing(second)) == (("paid", 0), ("issued", 7_900))
    assert sound()


def mixed(customer: Account, *, included: bool) -> Invoice:
    """33.37 at 19 %, 11.11 and 5.55 at 7 %, 5.09 at 0 %."""
    lines = [(3337, 19), (1111, 7), (555, 7), (509, 0)]
    sums = {rate: sum(a for a, r in lines if r == rate) for rate in (19, 7, 0)}
    taxes = []
    for rate, amount in sums.items():
        exact = Decimal(amount * rate) / ((100 + rate) if included else 100)
        tax = int(exact.quantize(Decimal(1), rounding="ROUND_HALF_UP"))
        taxes.append({"rate": str(rate), "base": amount - tax if included else amount, "tax": tax})
    net, tax = sum(t["base"] for t in taxes), sum(t["tax"] for t in taxes)  # type: ignore[misc]
    facts = {"net": net, "tax": tax, "gross": net + tax, "tax_by_rate": taxes, "prices_include_tax": included}
    row = factories.invoice(factories.order(customer=customer), lines=0, **facts)
    with transaction() as session:
        session.get_one(Invoice, row.id).lines = [
            InvoiceLine(
                position=n,
                sku="",
                description=f"Line {n}",
                quantity=Decimal(1),
                unit_price=Decimal(amount) / 100,
                tax_rate=Decimal(rate),
                amount=amount,
            )
            for n, (amount, rate) in enumerate(lines, start=1)
        ]
    return row


@pytest.mark.parametrize("included", [False, True], ids=["net prices", "gross prices"])
@settings(max_examples=8)
@given(parts=st.lists(st.integers(1, 5_000), min_size=1, max_size=4))
def test_any_number_of_notes_adds_up_to_the_invoice_rate_by_rate(app: Flask, included: bool, parts: list[int]) -> None:
    clerk, invoice = ledgers.clerk(), mixed(factories.account(), included=included)
    for part in parts:
        if part % 3 == 0:  # of a line, instead of an amount
            line_id, rest = list(_lines_left(invoice).items())[part % 4]
            if rest:
                credit(invoice, {line_id: min(part, rest)}, clerk)
            continue
        left = invoice.gross - db.session.scalar(
            select(func.coalesce(func.sum(CreditNote.gross), 0)).where(CreditNote.invoice_id == invoice.id)
        )
        db.session.rollback()
        if left > part:
            assert credit_amount(invoice, part, clerk).gross == part
    by_line = {id: left for id, left in _lines_left(invoice).items() if left}
    if by_line:
        credit(invoice, by_line, clerk)
    db.session.expire_all()
    notes = db.session.scalars(select(CreditNote).where(CreditNote.invoice_id == invoice.id)).all()
    sums: dict[str, TaxTotal | list[int]] = {}
    for t in (t for note in notes for t in note.tax_by_rate):
        pair = sums.setdefault(t["rate"].removesuffix(".000"), [0, 0])
        pair[0] += t["base"]  # type: ignore[index,operator]
        pair[1] += t["tax"]  # type: ignore[index,operator]
        assert t["tax"] >= 0 and t["base"] >= 0
    fresh = db.session.get_one(Invoice, invoice.id)
    assert sums == {t["rate"]: [t["base"], t["tax"]] for t in fresh.tax_by_rate}
    assert ledgers.standing(invoice) == ("credited", 0)


def _lines_left(invoice: Invoice) -> dict[int, int]:
    done = credit_notes.credited_of(invoice.id)
    lines = db.session.execute(
        select(InvoiceLine.id, InvoiceLine.amount).where(InvoiceLine.invoice_id == invoice.id)
    ).all()
    db.session.rollback()
    return {id: amount - done.get(id, 0) for id, amount in lines}


def test_cancelling_an_order_credits_what_was_invoiced_of_it(app: Flask) -> None:
    boss = factories.user(Role.ADMIN)
    charge = moving.paid(boss, deposit_percent="10", start_date=clock.today(factories.ZONE) + timedelta(days=30))
    invoice = db.session.scalars(select(Invoice)).one()
    order_id = invoice.order_id
    moving.refund(charge, charge.amount, boss)
    seller = factories.user(Role.SALES_MANAGER)
    with pytest.raises(Refusal, match="invoiced"):
        orders.cancel(order_id or 0, because="Not needed", by=seller)
    orders.cancel(order_id or 0, because="Not needed", by=boss)
    assert db.session.get_one(SalesOrder, order_id).status is OrderStatus.CANCELLED
    assert ledgers.standing(invoice) == ("credited", 0)
    note = db.session.scalars(select(CreditNote)).one()
    assert (note.reason, note.gross, note.received) == (CreditReason.CANCELLATION, invoice.gross, 0)
    assert sound()


def test_what_is_written_off_is_owed_no_more_and_says_why(app: Flask, clerk: User) -> None:
    invoice = ledgers.invoice()
    credit(invoice, {first_line(invoice): 200}, clerk)
    row = write_offs.write_off(invoice.id, because="Insolvent", form_key="w", by=clerk)
    assert write_offs.write_off(invoice.id, because="Insolvent", form_key="w", by=clerk).id == row.id
    assert (row.amount, ledgers.standing(invoice)) == (11_900 - 238, ("written_off", 0))
    noted = db.session.scalars(select(Audit).where(Audit.action == "invoice.write_off")).one()
    assert noted.after["reason"] == "Insolvent"
    with pytest.raises(Refusal, match="not_open"):
        write_offs.write_off(invoice.id, because="Again", form_key="x", by=clerk)
    assert sound()


def test_what_is_written_off_is_not_credited_as_well(app: Flask, clerk: User) -> None:
    invoice = ledgers.invoice()
    money = ledgers.on_account(invoice.account_id, clerk, 6_000)
    allocations.apply(money.id, invoice.id, amount=Money(6_000, "EUR"), form_key=key(), by=clerk)
    write_offs.write_off(invoice.id, because="Insolvent", form_key=key(), by=clerk)
    with pytest.raises(Refusal, match="written_off"):
        credit_amount(invoice, 6_001, clerk)
    assert credit_amount(invoice, 6_000, clerk).received == 6_000
    assert ledgers.standing(invoice) == ("written_off", 0)
    with transaction():
        assert credit_notes.cancel(db.session.get_one(Invoice, invoice.id), note="x", by=Actor.of(clerk)) is None
    assert sound()


@pytest.mark.parametrize("what", ["credit", "write off"])
def test_only_who_may_takes_an_invoice_back(app: Flask, what: str) -> None:
    invoice, stranger = ledgers.invoice(), factories.user(Role.SALES_MANAGER)
    with pytest.raises(Refusal, match="not_permitted"):
        if what == "credit":
            credit(invoice, {first_line(invoice): 1}, stranger)
        else:
            write_offs.write_off(invoice.id, because="x", form_key="x", by=stranger)


def test_a_write_off_is_taken_back_by_a_row_of_its_own(app: Flask, clerk: User) -> None:
    invoice = ledgers.invoice()
    money = ledgers.on_account(invoice.account_id, clerk, 1_900)
    allocations.apply(money.id, invoice.id, amount=Money(1_900, "EUR"), form_key=key(), by=clerk)
    first = write_offs.write_off(invoice.id, because="Insolvent", form_key=key(), by=clerk)
    back = write_offs.take_back(first.id, because="They pay after all", form_key="b", by=clerk)
    assert write_offs.take_back(first.id, because="They pay after all", form_key="b", by=clerk).id == back.id
    assert (back.amount, back.reverses_id, ledgers.standing(invoice)) == (-10_000, first.id, ("part_paid", 10_000))
    noted = db.session.scalars(select(Audit).where(Audit.action == "invoice.write_off_taken_back")).one()
    assert noted.after["reason"] == "They pay after all"
    for id in (first.id, back.id):
        with pytest.raises(Refusal, match="taken_back"):
            write_offs.take_back(id, because="Again", form_key=key(), by=clerk)
    again = write_offs.write_off(invoice.id, because="No, they do not", form_key=key(), by=clerk)
    assert (again.amount, ledgers.standing(invoice)) == (10_000, ("written_off", 0))
    assert sound()


def test_a_write_off_is_not_taken_back_without_a_reason_or_by_who_may_not(app: Flask, clerk: User) -> None:
    first = write_offs.write_off(ledgers.invoice().id, because="Insolvent", form_key=key(), by=clerk)
    with pytest.raises(Refusal, match="reason_missing"):
        write_offs.take_back(first.id, because=" ", form_key=key(), by=clerk)
    with pytest.raises(Refusal, match="not_permitted"):
        write_offs.take_back(first.id, because="x", form_key=key(), by=factories.user(Role.BILLING))
