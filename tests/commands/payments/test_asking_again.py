"""What a refund or a lost dispute reopened is asked for again by a payment order of its own, and never twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock, jobs
from app.access import Role
from app.commands.payments import collection, disputes, movement_calls, payment_orders
from app.commands.receivables import allocations, offline
from app.db import db, end_read
from app.gateways.sandbox import disputes as sandbox_disputes
from app.gateways.sandbox import movements as sandbox_movements
from app.models import Invoice, Movement, PaymentOrder, ReceiptKind, SalesOrder, Transaction, User
from app.money import Money
from app.queries import ledger
from app.queries.orders.facts import load
from app.states.payment_order import PaymentOrderStatus
from tests import factories, ledgers
from tests.commands import moving
from tests.commands.collecting import fresh, request

pytestmark = pytest.mark.usefixtures("sound_books")


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


def contested(charge: Transaction) -> str:
    facts = sandbox_disputes.open_one("sandbox", charge.provider_id)
    disputes.hear(charge.gateway_id, facts.provider_id)
    return facts.provider_id


def charged_back(charge: Transaction, by: User) -> None:
    dispute = contested(charge)
    end_read()
    sandbox_disputes.decide("sandbox", dispute, won=False)
    disputes.hear(charge.gateway_id, dispute)


def refunded(charge: Transaction, by: User) -> None:
    moving.refund(charge, charge.amount, by)


def left(order: SalesOrder, by: User) -> int:
    """What may be asked for, which the order's page says as well."""
    found = payment_orders.left_to_request(fresh(order)).minor
    assert max(load(order.number, by).unrequested.minor, 0) == found
    end_read()
    return found


def of(charge: Transaction) -> tuple[SalesOrder, PaymentOrder, Invoice]:
    row = db.session.get_one(PaymentOrder, charge.payment_order_id)
    assert row.order is not None
    found = row.order, row, db.session.scalars(select(Invoice)).one()
    end_read()
    return found


@pytest.mark.parametrize("reopen", [refunded, charged_back])
def test_what_was_reopened_is_asked_for_once_more_and_pays_the_same_invoice(
    boss: User, reopen: Callable[[Transaction, User], None]
) -> None:
    charge = moving.paid(boss)
    order, old, invoice = of(charge)
    assert left(order, boss) == 0
    reopen(charge, boss)
    assert ledgers.standing(invoice)[1] == left(order, boss) == charge.amount
    again = request(order, boss, minor=charge.amount)
    assert (left(order, boss), ledger.figures([old.id])[old.id].balance) == (0, 0)
    collection.collect(again.id, pay_with=moving.card(), form_key="again", by=boss)
    assert (ledgers.standing(invoice), left(order, boss)) == (("paid", 0), 0)
    assert fresh(again).invoice_id == invoice.id


def test_what_a_credit_note_takes_off_or_a_bank_only_contests_is_not_asked_for_again(boss: User) -> None:
    charge = moving.paid(boss)
    order, _, invoice = of(charge)
    moving.refund(charge, 10_000, boss, credit_note=True)
    assert (ledgers.standing(invoice)[1], left(order, boss)) == (0, 0)
    contested(charge)
    assert left(order, boss) == 0


def test_a_refund_that_comes_back_ends_what_asked_for_it_again(boss: User) -> None:
    charge = moving.paid(boss)
    order, _, invoice = of(charge)
    row: Movement = moving.refund(charge, 10_000, boss)
    again = request(order, boss, minor=10_000)
    end_read()
    sandbox_movements.end_refund("sandbox", row.provider_id or "", error_code="account_closed")
    assert movement_calls.hear(charge.gateway_id, row.provider_id or "")
    jobs.run_due(raising=True)
    assert (ledgers.standing(invoice), fresh(again).status) == (("paid", 0), PaymentOrderStatus.CANCELLED)


def test_a_dispute_that_is_appealed_and_won_ends_what_asked_for_the_money_again(boss: User) -> None:
    charge = moving.paid(boss)
    order, _, invoice = of(charge)
    dispute = contested(charge)
    end_read()
    sandbox_disputes.decide("sandbox", dispute, won=False)
    disputes.hear(charge.gateway_id, dispute)
    again = request(order, boss, minor=charge.amount)
    end_read()
    sandbox_disputes.appeal("sandbox", dispute)
    disputes.hear(charge.gateway_id, dispute)
    sandbox_disputes.decide("sandbox", dispute, won=True)
    disputes.hear(charge.gateway_id, dispute)
    jobs.run_due(raising=True)
    assert (ledgers.standing(invoice), fresh(again).status) == (("paid", 0), PaymentOrderStatus.CANCELLED)


def test_a_cheque_that_bounces_once_it_was_paid_out_is_asked_for_once(boss: User) -> None:
    order, _, _ = of(moving.paid(boss, deposit_percent="10"))
    first = request(order, boss, minor=36_949)
    cheque = offline.for_payment_order(first.id, ledgers.came(36_949), form_key="cheque", by=boss)
    rest = db.session.get_one(PaymentOrder, first.id).invoice_id or 0
    facts = {"amount": Money(36_949, "EUR"), "because": "They want it back", "by": boss}
    allocations.take_off(cheque.id, rest, form_key="off", **facts)
    out = {"kind": ReceiptKind.WIRE, "reference": "OUT", "on": clock.today(factories.ZONE)}
    allocations.pay_out(cheque.id, form_key="out", **facts, **out)
    again = request(order, boss, minor=36_949, key="again")
    offline.reverse(cheque.id, because="No funds", on=clock.today(factories.ZONE), form_key="bounced", by=boss)
    assert fresh(again).status is PaymentOrderStatus.CANCELLED
    assert (ledger.figures([first.id])[first.id].balance, left(order, boss)) == (36_949, 0)
