"""Money at Stripe that is settled in another currency than the customer's: disputes, refunds, payouts in our books."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app import jobs
from app.access import Role
from app.commands.payments import collection, disputes, movement_calls
from app.commands.payments.charges import Instrument
from app.commands.settlement import settlement
from app.db import db, end_read, transaction
from app.gateways.disputes import Evidence
from app.models import (
    Attempt,
    Dispute,
    DisputeEntry,
    Gateway,
    Invoice,
    Receipt,
    SettlementBatch,
    SettlementException,
    SettlementLine,
    Transaction,
    TransactionAction,
    User,
)
from app.money import CurrencyMismatch, Money
from app.queries import ledger
from app.queries.reports.posting import Ledger
from app.states.dispute import DisputeStatus
from app.states.invoice import InvoiceStatus
from app.states.payment_order import PaymentStatus, derive
from tests import factories
from tests.commands import moving
from tests.gateways.stripe.bench import CARDS, fake  # noqa: F401  (fixture)
from tests.gateways.stripe.fake import FakeStripe
from tests.queries.test_journal import change, this_month, unbalanced

A = TransactionAction


pytestmark = pytest.mark.usefixtures("sound_books")


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


@pytest.fixture
def stripe(boss: User, fake: FakeStripe) -> FakeStripe:  # noqa: F811
    """Every route goes to Stripe, which settles what comes in dollars in euros."""
    with transaction() as session:
        session.query(Gateway).update({Gateway.kind: "stripe", Gateway.key: "stripe"})
    fake.settles = {"usd": ("eur", 0.92), "jpy": ("eur", 0.00615)}
    return fake


def paid(boss: User, currency: str = "USD") -> Transaction:
    order = factories.order(owner=boss, customer=factories.account(currency=currency))
    card = Instrument(alias=CARDS["pays"], label="Visa ending 4242")
    collection.collect_first(order.id, pay_with=card, form_key=f"first-{order.id}", by=boss)
    assert db.session.scalars(select(Attempt.error)).all() == [None]
    found = db.session.scalars(select(Transaction).where(Transaction.action == A.CHARGE)).one()
    end_read()
    return found


def hear(charge: Transaction, dispute: str) -> Dispute:
    row = disputes.hear(charge.gateway_id, dispute)
    assert row is not None
    end_read()
    return row


def settle(charge: Transaction, stripe: FakeStripe) -> None:
    """Stripe pays out, and nobody has to be told of a difference."""
    end_read()
    stripe.pay_out()
    settlement.sync(charge.gateway_id)
    db.session.expire_all()
    assert db.session.scalars(select(SettlementException.kind)).all() == []


def moneys() -> list[tuple[str, int, str]]:
    query = select(DisputeEntry.kind, DisputeEntry.amount, DisputeEntry.currency).order_by(DisputeEntry.id)
    return [(str(kind), amount, currency) for kind, amount, currency in db.session.execute(query)]


def receipts() -> list[Money]:
    return [x.money for x in db.session.scalars(select(Receipt).order_by(Receipt.id))]


def cleared(currency: str = "USD") -> dict[Ledger, int]:
    """What the journal leaves on what must clear, in the customer's currency and in euros; nothing is left of either
    on clearing, refunds and disputes."""
    found = this_month()
    assert unbalanced(found) == {}
    passing = (Ledger.CLEARING, Ledger.REFUNDS, Ledger.DISPUTES, Ledger.RECEIVABLES)
    left = {(account, code): change(found, account, code) for account in passing for code in (currency, "EUR")}
    return {account: minor for (account, _), minor in left.items() if minor}


def shown(charge: Transaction) -> PaymentStatus:
    return derive(moving.figures(charge), None, cancelled=False)


@pytest.mark.parametrize("currency", ["USD", "JPY"])
def test_a_dispute_lost_abroad_takes_what_the_customer_had_paid(boss: User, stripe: FakeStripe, currency: str) -> None:
    charge = paid(boss, currency)
    dispute = stripe.dispute(charge.provider_id, inquiry=False)
    hear(charge, dispute)
    assert moneys() == [("debit", charge.amount, currency), ("fee", 1500, "EUR")]
    assert (moving.figures(charge).disputed, ledger.left_to_refund(charge.id)) == (charge.amount, 0)
    stripe.decide(dispute, won=False)
    hear(charge, dispute)
    settle(charge, stripe)
    whole = Money(charge.amount, currency)
    assert receipts() == [whole, -whole]
    assert (shown(charge), moving.figures(charge).kept) == (PaymentStatus.CHARGED_BACK, 0)
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.ISSUED
    line = db.session.scalars(select(SettlementLine).where(SettlementLine.kind == "dispute")).one()
    assert (line.currency, line.asked) == ("EUR", -whole)
    assert cleared(currency) == {Ledger.RECEIVABLES: charge.amount}


def test_a_dispute_won_abroad_leaves_the_customer_as_if_nothing_had_been(boss: User, stripe: FakeStripe) -> None:
    charge = paid(boss)
    dispute = stripe.dispute(charge.provider_id, inquiry=False)
    hear(charge, dispute)
    stripe.settles["usd"] = ("eur", 0.95)  # the euro fell meanwhile
    stripe.decide(dispute, won=True, fee_back=1500)
    hear(charge, dispute)
    settle(charge, stripe)
    assert moneys()[2:] == [("reinstatement", charge.amount, "USD"), ("fee_returned", 1500, "EUR")]
    assert (moving.figures(charge).disputed, shown(charge)) == (0, PaymentStatus.PAID)
    assert receipts() == [Money(charge.amount, "USD")]
    assert cleared() == {}
    assert change(this_month(), Ledger.EXCHANGE, "USD") == charge.amount


def test_a_dispute_in_another_currency_than_its_charge_is_not_written_down(boss: User, stripe: FakeStripe) -> None:
    charge = paid(boss)
    dispute = stripe.dispute(charge.provider_id, inquiry=False)
    stripe.things[dispute].update(currency="gbp", balance_transactions=[])
    with pytest.raises(CurrencyMismatch):
        disputes.hear(charge.gateway_id, dispute)
    assert db.session.scalars(select(Dispute.id)).all() == []


def test_won_and_lost_on_appeal_it_is_owed_again(boss: User, stripe: FakeStripe) -> None:
    charge = paid(boss)
    dispute, whole = stripe.dispute(charge.provider_id, inquiry=False), Money(charge.amount, "USD")
    words = Evidence({"product_description": "Licences"}, {})
    disputes.answer(hear(charge, dispute).id, words, by=boss)
    end_read()
    stripe.decide(dispute, won=True)
    hear(charge, dispute)
    stripe.settles["usd"] = ("eur", 0.95)
    stripe.appeal(dispute, again=True)
    row = hear(charge, dispute)
    assert (row.status, shown(charge)) == (DisputeStatus.NEEDS_RESPONSE, PaymentStatus.DISPUTED)
    disputes.answer(row.id, words, by=boss)
    end_read()
    assert len(set(stripe.keys(f"/v1/disputes/{dispute}"))) == 2
    stripe.decide(dispute, won=False)
    hear(charge, dispute)
    settle(charge, stripe)
    assert [kind for kind, _, _ in moneys()] == ["debit", "fee", "reinstatement", "debit"]
    assert (receipts(), shown(charge)) == ([whole, -whole], PaymentStatus.CHARGED_BACK)
    assert cleared() == {Ledger.RECEIVABLES: charge.amount}
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.ISSUED


def test_a_payout_that_the_bank_sent_back_comes_with_the_next_one(boss: User, stripe: FakeStripe) -> None:
    charge = paid(boss)
    settle(charge, stripe)
    sent = db.session.scalars(select(SettlementBatch)).one()
    end_read()
    stripe.send_back(sent.provider_id)
    settle(charge, stripe)
    states = list(db.session.scalars(select(SettlementBatch.state).order_by(SettlementBatch.id)))
    assert states == ["failed", "paid"]
    found = this_month()
    assert unbalanced(found) == {}
    assert (change(found, Ledger.BANK, "EUR"), change(found, Ledger.CLEARING, "EUR")) == (sent.net, 0)


def test_a_refund_that_failed_abroad_leaves_nothing_behind(boss: User, stripe: FakeStripe) -> None:
    charge = paid(boss)
    refund = moving.refund(charge, 5000, boss)
    end_read()
    stripe.settles["usd"] = ("eur", 0.9)
    stripe.end_refund(refund.provider_id or "", arrives=False)
    movement_calls.hear(charge.gateway_id, refund.provider_id or "")
    jobs.run_due(raising=True)
    settle(charge, stripe)
    assert (moving.figures(charge).refunded, shown(charge)) == (0, PaymentStatus.PAID)
    assert [x.minor for x in receipts()] == [charge.amount, -5000, 5000]
    assert cleared() == {}
    assert change(this_month(), Ledger.EXCHANGE, "USD") == charge.amount
