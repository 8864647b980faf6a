"""The AR doctor: each break is named, repaired by its button once, and leaves the evidence before and after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from app import clock
from app.access import Role
from app.commands.payments import collection, given_back, post_processing
from app.commands.post import papers
from app.commands.receivables import allocations, doctor, invoices, offline, receipts
from app.db import db, transaction
from app.errors import Refusal
from app.models import Allocation, Audit, History, Invoice, PaymentOrder, Receipt, ReceiptKind, Transaction, User
from app.money import Money
from app.queries import invariants
from app.queries.receivables import cases, diagnosis
from app.queries.receivables.diagnosis import Repair
from app.states.invoice import EDGES, TOWARDS, InvoiceStatus, Standing, derive
from tests import factories, ledgers
from tests.commands import moving
from tests.commands.collecting import CARD, booked, request
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture
def clerk(app: Flask) -> User:
    return factories.user(Role.AR)


def pay(by: User, **facts: Any) -> PaymentOrder:
    order = factories.order(owner=by, **facts)
    first = collection.prepare_first(order.id, by=by)
    collection.collect(first.id, pay_with=CARD, form_key=f"key-{order.id}", by=by)
    return first


def break_step(patch: pytest.MonkeyPatch, by: User, where: Any, name: str) -> Transaction:
    """A payment whose post-processing dies where `name` of `where` is called."""

    def dies(*args: Any, **facts: Any) -> None:
        raise OSError("the disk is full")

    with patch.context() as broken:
        broken.setattr(where, name, dies)
        pay(by)
    return proof()


def proof() -> Transaction:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Transaction)).one()


def named(row: Transaction | None = None) -> tuple[int, str] | None:
    db.session.rollback()
    case = cases.of_transaction(row or proof())
    found = diagnosis.first(diagnosis.of(case))
    return (found.step, found.why) if found is not None else None


def counts() -> tuple[int, ...]:
    db.session.rollback()
    rows = (Receipt, Allocation, Invoice, Audit, History)
    return tuple(db.session.scalar(select(func.count()).select_from(row)) or 0 for row in rows)


def books() -> list[str]:
    """What the books say against themselves; those of the scripted gateway are not kept."""
    return [x for x in invariants.broken(grace=timedelta(0)) if not x.startswith("25")]


def changes_nothing(repair: Callable[[], bool]) -> bool:
    before = counts()
    return not repair() and counts() == before


def test_a_payment_that_arrived_whole_has_nothing_to_repair(gateway: ScriptedGateway, clerk: User) -> None:
    pay(clerk)
    row = proof()
    assert named(row) is None
    for wanted in (Repair.RECEIPT, Repair.ALLOCATION, Repair.RETRY):
        assert changes_nothing(lambda wanted=wanted: doctor.repair(row.id, wanted, by=clerk))


def test_an_unknown_outcome_is_named_and_asked_about(gateway: ScriptedGateway, clerk: User) -> None:
    gateway.answers = ["ok but lost"]
    number = pay(clerk).id
    db.session.rollback()
    case = cases.of([number]).cases[0]
    found = diagnosis.first(diagnosis.of(case))
    assert found is not None and (found.step, found.why, found.repair) == (1, "unknown", Repair.QUESTION)
    assert case.payment_order is not None
    collection.ask_gateway(case.payment_order.attempt_id, by=clerk)
    assert named() is None


def test_a_missing_receipt_is_made_then_allocated_then_the_rest_is_done(
    gateway: ScriptedGateway, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = break_step(monkeypatch, clerk, receipts, "for_transaction")
    seen = []
    for wanted in (Repair.RECEIPT, Repair.ALLOCATION, Repair.RETRY):
        seen.append(named(row))
        assert doctor.repair(row.id, wanted, by=clerk)
        assert changes_nothing(lambda wanted=wanted: doctor.repair(row.id, wanted, by=clerk))
    assert seen == [(2, "no_receipt"), (3, "not_invoiced"), (5, "failed")]
    assert named(row) is None
    assert books() == []


def test_money_that_pays_nothing_is_allocated_to_its_invoice(
    gateway: ScriptedGateway, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = break_step(monkeypatch, clerk, invoices, "for_payment")
    assert named(row) == (3, "not_invoiced")
    assert doctor.repair(row.id, Repair.ALLOCATION, by=clerk)
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.PAID
    kept = db.session.scalars(select(Audit).where(Audit.action == "receivables.allocation")).one()
    assert (kept.before["allocated"], kept.after["allocated"]) == ("0.00 EUR", "410.55 EUR")
    assert (kept.before["invoice"], kept.after["status"], kept.after["balance"]) == (None, "paid", "0.00 EUR")
    told = db.session.scalars(select(History).where(History.event == "repaired")).one()
    assert (told.data["before"]["allocated"]["minor"], told.data["after"]["allocated"]["minor"]) == (0, 41_055)
    assert named(row) == (5, "failed")


def test_an_invoice_that_disagrees_with_its_allocations_is_recomputed(gateway: ScriptedGateway, clerk: User) -> None:
    pay(clerk)
    with transaction() as session:
        session.execute(text("UPDATE invoice SET status = 'issued'"))
    assert named() == (4, "apart")
    invoice_id = db.session.scalars(select(Invoice.id)).one()
    assert doctor.recompute(invoice_id, by=clerk)
    assert changes_nothing(lambda: doctor.recompute(invoice_id, by=clerk))
    assert named() is None
    assert books() == []


def test_an_allocation_that_was_lost_is_made_again(gateway: ScriptedGateway, clerk: User) -> None:
    """The invoice still claims to be paid: its next move starts from what its allocations say."""
    pay(clerk)
    with transaction() as session:
        session.execute(text("DROP TRIGGER append_only_allocation_delete"))
        session.execute(text("DELETE FROM allocation"))
    assert named() == (3, "unallocated")
    assert doctor.repair(proof().id, Repair.ALLOCATION, by=clerk)
    assert named() is None
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.PAID


def test_more_allocated_than_there_is_is_for_people(gateway: ScriptedGateway, clerk: User) -> None:
    pay(clerk)
    with transaction() as session:
        session.execute(text("DROP TRIGGER append_only_allocation_update"))
        session.execute(text("UPDATE allocation SET amount = amount + 1"))
    assert named() == (4, "overdrawn")
    with pytest.raises(Refusal, match="over_allocated"):
        doctor.recompute(db.session.scalars(select(Invoice.id)).one(), by=clerk)


def test_a_step_that_fails_again_says_so_and_what_it_did_stands(
    gateway: ScriptedGateway, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = break_step(monkeypatch, clerk, papers, "receipt")
    assert named(row) == (5, "failed")

    def dies(*args: Any, **facts: Any) -> None:
        raise OSError("still full")

    with monkeypatch.context() as broken:
        broken.setattr(papers, "receipt", dies)
        with pytest.raises(Refusal, match="still_failing"):
            doctor.repair(row.id, Repair.RETRY, by=clerk)
    assert named(row) == (5, "failed")
    assert doctor.repair(row.id, Repair.RETRY, by=clerk)
    assert named(row) is None
    kept = db.session.scalars(select(Audit).where(Audit.action == "receivables.retry").order_by(Audit.id)).all()
    assert [(x.before["processing"], x.after["processing"]) for x in kept] == [(None, None), (None, "done")]


def test_a_row_of_what_follows_that_was_lost_is_made_again(gateway: ScriptedGateway, clerk: User) -> None:
    pay(clerk)
    with transaction() as session:
        session.execute(text("DELETE FROM post_processing"))
    assert named() == (5, "unfinished")
    assert doctor.repair(proof().id, Repair.RETRY, by=clerk)
    assert named() is None


def test_what_follows_money_without_a_gateway_is_done_by_its_button(
    app: Flask, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = ledgers.invoice()

    def dies(*args: Any, **facts: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(papers, "invoice", dies)
        money = offline.for_invoice(bill.id, ledgers.came(), form_key="wire", by=clerk)
        assert _whys(bill.id)[2:] == ["not_followed", "no_invoice", "failed"]
        with pytest.raises(Refusal, match="still_failing"):
            doctor.follow(money.id, by=clerk)
    assert doctor.follow(money.id, by=clerk)
    assert changes_nothing(lambda: doctor.follow(money.id, by=clerk))
    assert _whys(bill.id)[2:] == ["allocated", "agrees", "clean"]
    told = db.session.scalars(select(History).where(History.event == "repaired").order_by(History.id.desc())).first()
    assert told is not None and told.entity == "invoice"
    assert [told.data[at]["allocated"]["minor"] for at in ("before", "after")] == [0, 11_900]
    assert invariants.broken(grace=timedelta(0)) == []


def _whys(invoice_id: int) -> list[str]:
    db.session.rollback()
    return [f.why for f in diagnosis.of(cases.of([], invoice_ids=[invoice_id]).cases[0])]


def test_money_that_came_too_late_waits_for_people(
    gateway: ScriptedGateway, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = break_step(monkeypatch, clerk, invoices, "for_payment")
    with transaction() as session:
        session.execute(text("UPDATE sales_order SET edition = edition + 1"))
    assert doctor.repair(row.id, Repair.RETRY, by=clerk)
    assert named(row) == (3, "late")
    assert changes_nothing(lambda: doctor.repair(row.id, Repair.ALLOCATION, by=clerk))


def test_money_on_account_is_for_people_until_it_was_paid_out(app: Flask, clerk: User) -> None:
    bill, today = ledgers.invoice(), clock.today(factories.ZONE)
    money = offline.for_invoice(bill.id, ledgers.came(12_000), form_key="wire", by=clerk)
    assert _third(bill.id) == ("for_people", 100)
    facts: dict[str, Any] = {"kind": ReceiptKind.WIRE, "reference": "Out", "on": today, "because": "Too much"}
    allocations.pay_out(money.id, amount=Money(100, "EUR"), form_key="out", by=clerk, **facts)
    assert _third(bill.id) == ("allocated", 0)


def _third(invoice_id: int) -> tuple[str, int]:
    db.session.rollback()
    case = cases.of([], invoice_ids=[invoice_id]).cases[0]
    return diagnosis.of(case)[2].why, case.free.minor


def test_what_was_recorded_by_hand_needs_no_transaction(gateway: ScriptedGateway, clerk: User) -> None:
    """A receipt of money that no gateway moved: step 1 and 5 have nothing to ask, the others do."""
    invoice = factories.invoice(factories.order())
    with transaction() as session:
        row = Receipt(number="RC-1", account_id=invoice.account_id, amount=11_900, currency="EUR")
        session.add(row)
        session.flush()
        session.add(Allocation(receipt_id=row.id, invoice_id=invoice.id, amount=11_900))
    db.session.rollback()
    case = cases.of([], invoice_ids=[invoice.id]).cases[0]
    found = diagnosis.first(diagnosis.of(case))
    assert [f.why for f in diagnosis.of(case)] == ["recorded", "receipt", "allocated", "apart", "nothing_follows"]
    assert found is not None and found.bill is not None
    assert doctor.recompute(found.bill.id, by=clerk)
    assert diagnosis.first(diagnosis.of(cases.of([], invoice_ids=[invoice.id]).cases[0])) is None


@pytest.mark.parametrize("role", [Role.SALESPERSON, Role.BILLING, Role.READ_ONLY])
def test_who_only_looks_repairs_nothing(gateway: ScriptedGateway, clerk: User, role: Role) -> None:
    pay(clerk)
    row, looker = proof(), factories.user(role)
    for repair in (
        lambda: doctor.repair(row.id, Repair.RECEIPT, by=looker),
        lambda: doctor.repair(row.id, Repair.RETRY, by=looker),
        lambda: doctor.recompute(db.session.scalars(select(Invoice.id)).one(), by=looker),
    ):
        with pytest.raises(Refusal, match="not_permitted"):
            repair()


LAST = {InvoiceStatus.DRAFT, InvoiceStatus.CREDITED, InvoiceStatus.WRITTEN_OFF}


@pytest.mark.parametrize("at", [s for s in InvoiceStatus if s not in LAST])
@pytest.mark.parametrize("paid", [0, 40, 100])
def test_an_issued_invoice_can_move_to_wherever_it_must_be(at: InvoiceStatus, paid: int) -> None:
    must = derive(Standing(100, allocated=paid))
    moves = {to for (start, event), to in EDGES.items() if start is at and event in TOWARDS[must]}
    assert must is at or moves == {must}


def refund_of(row: Transaction) -> Transaction:
    db.session.rollback()
    return db.session.scalars(select(Transaction).where(Transaction.parent_id == row.id)).one()


def test_a_refund_that_took_nothing_back_is_finished_by_its_own_step(
    app: Flask, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*args: Any, **facts: Any) -> None:
        raise OSError("the disk is full")

    row = moving.paid(factories.user(Role.ADMIN))
    with monkeypatch.context() as broken:
        broken.setattr(given_back, "refunded", dies)
        moving.refund(row, 10_055, clerk)
    back = refund_of(row)
    assert named(back) == (2, "no_receipt")
    assert changes_nothing(lambda: doctor.repair(back.id, Repair.RECEIPT, by=clerk))
    assert doctor.repair(back.id, Repair.RETRY, by=clerk)
    assert (named(back), named(row)) == (None, None)
    assert invariants.broken(grace=timedelta(0)) == []


def test_what_was_given_back_in_part_is_allocated_by_people_alone(
    app: Flask, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt alone shows more than is left, and its own step would allocate all of that."""
    with monkeypatch.context() as patched:
        patched.setattr(invoices, "for_payment", lambda *args, **facts: None)
        row = moving.paid(factories.user(Role.ADMIN))
    moving.refund(row, 10_055, clerk)
    assert named(row) == (3, "for_people")
    assert changes_nothing(lambda: doctor.repair(row.id, Repair.ALLOCATION, by=clerk))
    moving.refund(row, 31_000, clerk)
    assert named(row) is None


def test_money_for_an_order_whose_invoices_are_open_is_found_from_the_invoice_and_allocated(
    gateway: ScriptedGateway, clerk: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = booked(clerk)
    rates = [{"rate": "19", "base": 31_050, "tax": 5_899}]
    invoice = factories.invoice(order, net=31_050, tax=5_899, gross=36_949, tax_by_rate=rates)
    row = request(order, clerk, minor=36_949)
    with monkeypatch.context() as broken:
        broken.setattr(post_processing, "_open_invoices", lambda *_: [])  # as it was once
        collection.collect(row.id, pay_with=CARD, form_key="rest", by=clerk)
    client.sign_in(clerk)
    page = client.get(f"/invoices/{invoice.number}/doctor").text
    assert row.number in page and "invoices of its order are still open" in page and "Allocate it" in page
    paid = db.session.scalars(select(Transaction).where(Transaction.payment_order_id == row.id)).one()
    assert named(paid) == (3, "invoices_open")
    assert doctor.repair(paid.id, Repair.ALLOCATION, by=clerk)
    assert (named(paid), ledgers.standing(invoice)) == (None, ("paid", 0))
    assert changes_nothing(lambda: doctor.repair(paid.id, Repair.ALLOCATION, by=clerk))
