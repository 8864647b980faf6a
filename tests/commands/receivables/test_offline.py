"""Cheques, wires and cash: recorded once, counted as money, taken back when they bounce."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.access import Role
from app.commands.orders import approvals, order_edits
from app.commands.orders.order_edits import LineEdit
from app.commands.payments import collection, payment_links, payment_orders
from app.commands.payments.charges import Instrument
from app.commands.receivables import allocations, following_up, invoices, offline
from app.db import db
from app.errors import Refusal
from app.models import (
    Approval,
    CollectionMethod,
    Escalation,
    Invoice,
    OrderEmail,
    PaymentIntent,
    PaymentOrder,
    PostProcessing,
    Receipt,
    ReceiptKind,
    SalesOrder,
    Symptom,
    Team,
    User,
)
from app.money import Money
from app.queries import invariants, ledger
from app.queries.orders.facts import load
from app.queries.receivables import money as found_money
from app.states.intent import IntentStatus
from app.states.order import OrderStatus
from app.states.payment_order import PaymentStatus
from tests import factories, ledgers
from tests.commands import moving
from tests.commands.collecting import booked, fresh, request
from tests.gateways.scripted import ScriptedGateway
from tests.ledgers import came, key

TODAY = lambda: clock.today(factories.ZONE)  # noqa: E731


@pytest.fixture
def clerk(app: Flask) -> User:
    return ledgers.clerk()


@pytest.fixture
def asked(gateway: ScriptedGateway, clerk: User) -> PaymentOrder:
    """100.00 to come by wire, on an order that is booked."""
    owner = factories.user(Role.ADMIN)
    return request(booked(owner), owner, collection=CollectionMethod.OFFLINE)


def record(row: PaymentOrder, by: User, minor: int = 10_000, **facts: Any) -> Receipt:
    return offline.for_payment_order(row.id, came(minor, **facts), form_key=key(), by=by)


def status(row: PaymentOrder) -> PaymentStatus:
    db.session.rollback()
    order = db.session.get_one(SalesOrder, row.order_id)
    found = load(order.number, order.owner)
    return next(x.status for x in found.payment_orders if x.row.id == row.id)


def sound() -> bool:
    """The scripted gateway keeps no books, so rule 25 is not asked."""
    db.session.rollback()
    broken = [x for x in invariants.broken(grace=timedelta(0)) if not x.startswith("25:")]
    assert broken == []
    return True


def test_a_wire_pays_its_payment_order_and_all_that_follows_a_capture_follows(asked: PaymentOrder, clerk: User) -> None:
    receipt = record(asked, clerk)
    assert status(asked) is PaymentStatus.PAID
    invoice = db.session.get_one(Invoice, db.session.get_one(PaymentOrder, asked.id).invoice_id)
    assert (invoice.gross, ledgers.standing(invoice)) == (10_000, ("paid", 0))
    assert ledgers.unapplied(receipt) == 0
    mail = db.session.scalars(select(OrderEmail).where(OrderEmail.subject_id == receipt.id)).first()
    assert mail is not None and receipt.paid_with in mail.text and len(mail.attachments) == 2
    assert sound()


def test_a_part_waits_for_the_rest_and_both_pay_one_invoice(asked: PaymentOrder, clerk: User) -> None:
    first = record(asked, clerk, 4_000)
    assert (status(asked), ledgers.unapplied(first)) == (PaymentStatus.PART_PAID, 4_000)
    assert db.session.get_one(PaymentOrder, asked.id).invoice_id is None
    record(asked, clerk, 6_500)
    invoice = db.session.get_one(Invoice, fresh(asked).invoice_id)
    assert ledgers.allocations(invoice) == [4_000, 6_000]  # 5.00 above what was asked for stay unapplied
    assert sound()


def test_the_first_payment_by_wire_books_the_order(app: Flask, clerk: User) -> None:
    from app.commands.payments import first_payments
    from app.db import lock, transaction
    from app.models import SYSTEM

    order = factories.order(owner=factories.user(Role.ADMIN))
    with transaction():
        row = first_payments.open_first(lock(SalesOrder, order.id), by=SYSTEM)
    assert row is not None
    record(row, clerk, row.amount // 2)
    assert fresh(order).status is OrderStatus.DRAFT
    record(row, clerk, row.amount - row.amount // 2)
    assert fresh(order).status is OrderStatus.ACTIVATED
    assert sound()


def test_money_on_an_invoice_pays_it_and_what_is_above_stays(app: Flask, clerk: User) -> None:
    invoice = ledgers.invoice()
    receipt = offline.for_invoice(invoice.id, came(12_000), form_key=key(), by=clerk)
    assert ledgers.standing(invoice) == ("paid", 0)
    assert ledgers.unapplied(receipt) == 100


def test_the_same_form_twice_is_one_receipt(asked: PaymentOrder, clerk: User) -> None:
    once = came(10_000)
    found = {offline.for_payment_order(asked.id, once, form_key="k", by=clerk).id for _ in range(2)}
    assert len(found) == 1


def test_a_duplicate_is_refused_and_names_the_first(app: Flask, clerk: User) -> None:
    customer_id = factories.account().id
    first = ledgers.on_account(customer_id, clerk, reference="Cheque 77")
    with pytest.raises(Refusal) as refused:
        ledgers.on_account(customer_id, clerk, reference="CHEQUE 77")
    assert refused.value.code == "duplicate" and first.number in refused.value.sentence
    ledgers.on_account(customer_id, clerk, 11_901, reference="Cheque 77")
    ledgers.on_account(factories.account().id, clerk, reference="Cheque 77")


def test_a_bounced_cheque_is_owed_again_and_may_be_presented_again(asked: PaymentOrder, clerk: User) -> None:
    receipt = record(asked, clerk, kind=ReceiptKind.CHEQUE, reference="4711")
    invoice = db.session.get_one(Invoice, fresh(asked).invoice_id)
    gone = offline.reverse(receipt.id, because="No funds", on=TODAY(), form_key="b", by=clerk)
    again = offline.reverse(receipt.id, because="No funds", on=TODAY(), form_key="b", by=clerk)
    assert (gone.amount, gone.parent_id, again.id) == (-10_000, receipt.id, gone.id)
    assert ledgers.standing(invoice) == ("issued", 10_000)
    assert (status(asked), ledgers.unapplied(receipt)) == (PaymentStatus.REQUESTED, 0)
    with pytest.raises(Refusal, match="reversed"):
        offline.reverse(receipt.id, because="Again", on=TODAY(), form_key="c", by=clerk)
    assert sound()
    record(asked, clerk, kind=ReceiptKind.CHEQUE, reference="4711")
    assert ledgers.standing(invoice) == ("paid", 0)
    assert sound()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"minor": 0}, "not_positive"),
        ({"minor": 10**19, "currency": "KWD"}, "too_much"),
        ({"reference": " "}, "reference_missing"),
        ({"currency": "XXX"}, "wrong_currency"),
        ({"kind": ReceiptKind.GATEWAY}, "not_offline"),
        ({"received_on": "tomorrow"}, "day_ahead"),
    ],
)
def test_what_cannot_have_come_is_refused(app: Flask, clerk: User, changes: dict[str, Any], code: str) -> None:
    if "received_on" in changes:
        changes = {"received_on": TODAY() + timedelta(days=1)}
    with pytest.raises(Refusal) as refused:
        ledgers.on_account(factories.account().id, clerk, **changes)
    assert refused.value.code == code
    assert db.session.scalar(select(Receipt.id)) is None


def test_only_who_may_record_it_records_it(asked: PaymentOrder, gateway: ScriptedGateway) -> None:
    with pytest.raises(Refusal, match="not_permitted"):
        record(asked, factories.user(Role.SALES_MANAGER))


def test_a_paid_payment_order_takes_no_more(asked: PaymentOrder, clerk: User) -> None:
    record(asked, clerk)
    with pytest.raises(Refusal, match="paid"):
        record(asked, clerk)


@pytest.mark.parametrize(("minor", "end"), [(10_000, IntentStatus.PAID), (4_000, IntentStatus.REVOKED)])
def test_a_live_link_is_not_paid_a_second_time(
    gateway: ScriptedGateway, clerk: User, minor: int, end: IntentStatus
) -> None:
    owner = factories.user(Role.ADMIN)
    row = request(booked(owner), owner)
    payment_links.send(row.id, form_key="send", by=owner)
    record(row, clerk, minor)
    intent = db.session.scalars(select(PaymentIntent).where(PaymentIntent.payment_order_id == row.id)).one()
    assert intent.status is end


def test_what_fails_after_it_is_a_row_and_is_tried_again(
    asked: PaymentOrder, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(invoices, "for_payment", lambda *a, **k: 1 / 0)
        receipt = record(asked, clerk)
    row = db.session.scalars(select(PostProcessing).where(PostProcessing.receipt_id == receipt.id)).one()
    assert row.done_at is None and "ZeroDivisionError" in (row.error or "")
    assert status(asked) is PaymentStatus.PAID  # the money is there
    assert following_up.run(receipt.id)
    assert db.session.get_one(Invoice, fresh(asked).invoice_id).status.value == "paid"
    assert sound()


@pytest.mark.parametrize("what", ["payment order", "invoice", "account"])
def test_what_bounced_before_anything_followed_is_thanked_for_by_no_mail(
    asked: PaymentOrder, clerk: User, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    bill = ledgers.invoice()
    facts: dict[str, Any] = {"form_key": key(), "by": clerk}
    with monkeypatch.context() as dead:
        dead.setattr(following_up, "run", lambda receipt_id: False)
        if what == "payment order":
            receipt = record(asked, clerk)
        elif what == "invoice":
            receipt = offline.for_invoice(bill.id, came(), **facts)
        else:
            receipt = offline.for_account(bill.account_id, came(), **facts)
    offline.reverse(receipt.id, because="No funds", on=TODAY(), form_key=key(), by=clerk)
    assert following_up.run(receipt.id)
    assert db.session.scalar(select(OrderEmail.id).where(OrderEmail.subject_id == receipt.id)) is None
    assert ledgers.standing(bill) == ("issued", 11_900)
    assert sound()


def test_money_does_not_bounce_before_it_came(app: Flask, clerk: User) -> None:
    receipt = ledgers.on_account(factories.account().id, clerk)
    with pytest.raises(Refusal, match="day_before"):
        offline.reverse(receipt.id, because="x", on=TODAY() - timedelta(days=1), form_key=key(), by=clerk)


def test_figures_tell_offline_money_from_what_a_gateway_holds(asked: PaymentOrder, clerk: User) -> None:
    record(asked, clerk)
    found = ledger.figures([asked.id])[asked.id]
    assert (found.captured, found.authorized, found.refunded, found.balance) == (10_000, 0, 0, 0)


def edited(order: SalesOrder, quantity: int, by: User) -> None:
    line = fresh(order).lines[0]
    edit = LineEdit(
        quantity=Decimal(quantity),
        unit_price=line.unit_price,
        discount_percent=line.discount_percent,
        description=line.description,
        routing=line.routing,
        activation_date=line.activation_date,
        line_id=line.id,
    )
    order_edits.edit_lines(order.id, [edit], edition=fresh(order).edition, by=by)


def part_paid(clerk: User, minor: int = 10_000) -> tuple[SalesOrder, PaymentOrder, User]:
    """A part of the first payment, 410.55, came by wire."""
    boss = factories.user(Role.ADMIN)
    order = factories.order(owner=boss)
    first = collection.prepare_first(order.id, by=boss)
    offline.for_payment_order(first.id, came(minor), form_key=key(), by=clerk)
    return order, first, boss


def test_an_edit_ends_what_asks_for_the_rest_of_a_first_payment_that_came_in_part(app: Flask, clerk: User) -> None:
    order, first, boss = part_paid(clerk)
    edited(order, 3, boss)
    with pytest.raises(Refusal, match="stale_terms"):
        collection.collect(first.id, pay_with=Instrument(alias="sbx_card_visa_1231"), form_key=key(), by=boss)
    assert invariants.broken(grace=timedelta(0)) == []


def test_what_came_in_part_counts_when_the_first_payment_is_asked_for_anew(app: Flask, clerk: User) -> None:
    order, first, boss = part_paid(clerk)
    edited(order, 3, boss)
    whole = fresh(order).totals().gross
    facts = load(order.number, boss)
    assert facts.rest_at_signature.minor == whole.minor - 10_000
    assert facts.unapplied is not None and facts.unapplied.waits
    again = collection.prepare_first(order.id, by=boss)
    assert (again.id, again.amount, [line.amount for line in again.lines]) == (first.id, whole.minor, [whole.minor])
    attempt = collection.collect_first(
        order.id, pay_with=moving.card(), form_key=key(), by=boss, seen=facts.rest_at_signature
    )
    assert attempt.amount == whole.minor - 10_000
    invoice = db.session.scalars(select(Invoice)).one()
    assert (fresh(order).status, ledgers.standing(invoice)) == (OrderStatus.ACTIVATED, ("paid", 0))
    assert ledgers.allocations(invoice) == [10_000, whole.minor - 10_000]
    assert sound()


def test_a_part_that_is_all_that_is_due_now_is_not_asked_for_twice(app: Flask, clerk: User) -> None:
    order, first, boss = part_paid(clerk, 41_000)
    edited(order, 1, boss)
    with pytest.raises(Refusal, match="covered"):
        collection.prepare_first(order.id, by=boss)
    assert [x.code for x in collection.first_blocks(fresh(order))] == ["covered"]
    assert (fresh(first).status, fresh(first).edition) == ("open", 1)
    assert sound()


def test_an_edit_that_makes_less_of_an_order_lowers_what_asks_for_the_rest_of_a_part(app: Flask, clerk: User) -> None:
    boss = factories.user(Role.ADMIN)
    order = factories.order(owner=boss, deposit_percent="10")
    row = request(order, boss, minor=36_949)
    offline.for_payment_order(row.id, came(10_000), form_key=key(), by=clerk)
    edited(order, 1, boss)
    whole = fresh(order).totals().gross.minor
    assert whole < 36_949
    assert ledger.figures([row.id])[row.id].balance == whole - 10_000
    assert payment_orders.left_to_request(fresh(order)).minor == 0
    assert sound()


def test_a_part_that_was_paid_out_does_not_count(app: Flask, clerk: User) -> None:
    order, first, boss = part_paid(clerk)
    money = db.session.scalars(select(Receipt)).one()
    facts = {"kind": ReceiptKind.WIRE, "reference": "B", "on": TODAY(), "because": "Wrong", "form_key": key()}
    allocations.pay_out(money.id, amount=Money(10_000, "EUR"), by=boss, **facts)  # type: ignore[arg-type]
    edited(order, 3, boss)
    again = collection.prepare_first(order.id, by=boss)
    assert (again.id > first.id, again.money) == (True, fresh(order).totals().gross)


def test_the_customer_signs_for_the_rest(app: Flask, clerk: User) -> None:
    order, _first, boss = part_paid(clerk)
    edited(order, 3, boss)
    approvals.submit(order.id, message="", form_key=key(), by=boss)
    approval = db.session.scalars(select(Approval)).one()
    intent = db.session.scalars(select(PaymentIntent).where(PaymentIntent.status == IntentStatus.LIVE)).one()
    assert approvals.view(approval).due_now == intent.money == fresh(order).totals().gross - Money(10_000, "EUR")


def bounced_after_pay_out(clerk: User) -> Receipt:
    """A cheque over 119.00 that paid 50.00 of an invoice and of which 30.00 were paid out bounces."""
    boss, invoice = factories.user(Role.ADMIN), ledgers.invoice()
    money = ledgers.on_account(invoice.account_id, clerk, 11_900, kind=ReceiptKind.CHEQUE)
    allocations.apply(money.id, invoice.id, amount=Money(5_000, "EUR"), form_key=key(), by=clerk)
    facts = {"kind": ReceiptKind.WIRE, "reference": "B", "on": TODAY(), "because": "Too much", "form_key": key()}
    allocations.pay_out(money.id, amount=Money(3_000, "EUR"), by=boss, **facts)  # type: ignore[arg-type]
    offline.reverse(money.id, because="No funds", on=TODAY(), form_key=key(), by=clerk)
    assert ledgers.standing(invoice) == ("issued", 11_900)
    return money


def escalation() -> Escalation:
    return db.session.scalars(select(Escalation).where(Escalation.symptom == Symptom.OVERDRAWN)).one()


def test_a_cheque_that_bounces_after_a_part_was_paid_out_leaves_that_owed_and_said(app: Flask, clerk: User) -> None:
    money = bounced_after_pay_out(clerk)
    assert ledgers.unapplied(money) == -3_000
    (row,) = found_money.unapplied(found_money.Filter(), factories.ZONE).rows
    assert (row.number, row.unapplied.minor) == (money.number, -3_000)
    told = escalation()
    assert (told.status, told.team, told.context["owed"]) == ("open", Team.FINANCE, 3_000)
    assert sound()
    with pytest.raises(Refusal, match="more_than_unapplied"):
        invoice = db.session.scalars(select(Invoice)).one()
        allocations.apply(money.id, invoice.id, amount=Money(1, "EUR"), form_key=key(), by=clerk)


def test_what_was_paid_out_of_a_bounced_cheque_comes_back_and_no_more(app: Flask, clerk: User) -> None:
    money = bounced_after_pay_out(clerk)
    with pytest.raises(Refusal, match="more_than_owed"):
        offline.returned(money.id, came(3_001), form_key=key(), by=clerk)
    once = came(1_000)
    same = {offline.returned(money.id, once, form_key="r", by=clerk).id for _ in range(2)}
    assert (len(same), ledgers.unapplied(money), escalation().status) == (1, -2_000, "open")
    offline.returned(money.id, came(2_000), form_key=key(), by=clerk)
    assert (ledgers.unapplied(money), escalation().status) == (0, "resolved")
    with pytest.raises(Refusal, match="nothing_owed"):
        offline.returned(money.id, came(1), form_key=key(), by=clerk)
    assert sound()


def test_a_payment_that_bounced_after_it_was_paid_out_is_asked_for_again(asked: PaymentOrder, clerk: User) -> None:
    receipt = record(asked, clerk, 4_000, kind=ReceiptKind.CHEQUE)
    facts = {"kind": ReceiptKind.WIRE, "reference": "B", "on": TODAY(), "because": "x", "form_key": key()}
    boss = factories.user(Role.ADMIN)
    allocations.pay_out(receipt.id, amount=Money(3_000, "EUR"), by=boss, **facts)  # type: ignore[arg-type]
    offline.reverse(receipt.id, because="No funds", on=TODAY(), form_key=key(), by=clerk)
    assert status(asked) is PaymentStatus.REQUESTED
    offline.returned(receipt.id, came(3_000), form_key=key(), by=clerk)
    found = ledger.figures([asked.id])[asked.id]
    assert (found.captured, found.refunded, found.balance) == (0, 0, 10_000)
    back = db.session.scalars(select(Receipt).order_by(Receipt.id.desc())).first()
    mails = db.session.execute(select(OrderEmail.kind, OrderEmail.subject_id).order_by(OrderEmail.id.desc()).limit(2))
    assert back is not None and {tuple(x) for x in mails} == {("receipt", back.id), ("order_paid", back.id)}
    assert sound()
