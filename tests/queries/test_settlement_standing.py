"""Where a transaction's money stands, told beside it without a statement more."""

from __future__ import annotations

import pytest
from flask import Flask

from app.access import Role
from app.commands.settlement import matching
from app.db import db, end_read, transaction
from app.gateways.sandbox import disputes, payouts
from app.models import BatchState, ExceptionKind, PaymentOrder, SettlementBatch, Transaction, TransactionAction
from app.money import Money
from app.queries.settlement import standing
from tests import factories
from tests.conftest import Client
from tests.paid_out import paid, pay_out, sync
from tests.statements import counted

FEE = Money(641, "EUR")  # 1.5 % of 410.55 EUR and 25 cents


def where(row: Transaction) -> standing.Standing:
    found = standing.of([row.id])[row.id]
    assert found is not None
    return found


@pytest.mark.engines
def test_from_not_yet_to_settled(any_app: Flask) -> None:
    (row,) = paid()
    assert (where(row).status, where(row).fee) == ("not_yet", None)
    pay_out()
    sync()
    batch = db.session.query(SettlementBatch).one()
    told = where(row)
    assert (told.status, told.batch, told.arrives_on) == ("settled", batch.provider_id, batch.arrives_on)
    assert told.fee == FEE


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (BatchState.PENDING, "coming"),
        (BatchState.IN_TRANSIT, "coming"),
        (BatchState.FAILED, "failed"),
        (BatchState.CANCELLED, "failed"),
    ],
)
def test_a_payout_on_its_way_or_sent_back_is_not_settled(app: Flask, state: BatchState, status: str) -> None:
    (row,) = paid()
    pay_out()
    sync()
    with transaction() as session:
        session.query(SettlementBatch).one().state = state
    assert where(row).status == status


def test_what_a_dispute_costs_is_not_the_fee_of_its_charge(app: Flask) -> None:
    (row,) = paid()
    end_read()
    disputes.open_one("sandbox", row.provider_id, inquiry=False)
    pay_out()
    sync()
    assert where(row).fee == FEE


def test_what_is_held_up_says_so(app: Flask) -> None:
    (row,) = paid()
    with transaction() as session:
        matching.hold(session.get_one(Transaction, row.id), ExceptionKind.MISSING, fits=False)
    assert where(row).status == "exception"


def test_an_authorization_has_nothing_to_settle(app: Flask) -> None:
    (row,) = paid()
    with transaction() as session:
        facts = {c: getattr(row, c) for c in ("payment_order_id", "attempt_id", "gateway_id", "amount", "currency")}
        session.add(
            Transaction(
                **facts, action=TransactionAction.AUTHORIZE, provider_id="a", idempotency_key="a", raw_sha256=""
            )
        )
    last = db.session.query(Transaction).order_by(Transaction.id.desc()).first()
    assert last is not None and standing.of([last.id]) == {last.id: None}


def test_both_pages_tell_it_and_ask_nothing_more_for_it(client: Client) -> None:
    (row,) = paid()
    order = db.session.get_one(PaymentOrder, row.payment_order_id)
    assert order.order is not None
    pages = (f"/payments/{order.number}", f"/orders/{order.order.number}")
    client.sign_in(factories.user(Role.AR))
    costs = []
    for said in ("Not settled yet", "Settled"):
        for page in pages:
            client.get(page)
            with counted() as seen:
                told = client.get(page).text
            assert said in told, page
            costs.append(len(seen))
        if said == "Not settled yet":
            end_read()
            payouts.pay_out("sandbox")
            sync()
    assert costs[:2] == costs[2:]
    told = client.get(pages[0]).text
    assert "fee €6.41" in told and "/settlement/batches/1" in told
    client.sign_in(factories.user(Role.SALES_MANAGER))
    told = client.get(pages[0]).text
    assert "fee €6.41" in told and "/settlement/batches/1" not in told
