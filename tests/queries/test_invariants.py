"""Each rule of the books is broken here by hand, past every constraint and trigger, and must be told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.access import Role
from app.commands.office import escalations, invariants
from app.commands.orders import approvals
from app.commands.payments import collection, disputes
from app.commands.payments.charges import Instrument
from app.commands.settlement import matching, settlement
from app.db import db, end_read, transaction
from app.gateways.sandbox import disputes as sandbox_disputes
from app.gateways.sandbox import payouts
from app.gateways.sandbox.cards import BY_SLUG
from app.models import Attempt, Company, ExceptionKind, Gateway, SettlementBatch, SettlementLine, Symptom, Transaction
from app.queries.invariants import RULES, broken
from tests import factories

NOW = timedelta(0)

ENTRY = """INSERT INTO [transaction] (payment_order_id, attempt_id, gateway_id, action, amount, currency, reference,
raw_sha256, at, provider_id, idempotency_key) SELECT payment_order_id, attempt_id, gateway_id, '{action}', amount,
currency, reference, raw_sha256, at, id || '{action}', 'k' FROM [transaction] WHERE action = 'charge'"""

# By the invariant's number: what a careless hand could do to a database with one paid and one submitted order.
CARELESS: dict[int, tuple[str, ...]] = {
    1: ("UPDATE receipt SET currency = 'QQQ'",),
    2: ("UPDATE invoice_line SET amount = amount + 1",),
    3: ("DROP TRIGGER append_only_receipt_update",),
    4: (ENTRY.format(action="refund"), ENTRY.format(action="refund").replace("id || 'refund'", "id || 'again'")),
    5: ("UPDATE allocation SET amount = amount + 1",),
    6: ("DELETE FROM allocation", "DELETE FROM receipt"),
    8: ("DROP INDEX uq_payment_intent_live", "UPDATE payment_intent SET status = 'live', payment_order_id = 1"),
    9: ("UPDATE sandbox_charge SET key = 'nobody-asked-' || id",),
    10: ("UPDATE attempt SET request = json_set(request, '$.amount.minor', 1)",),
    12: ("UPDATE attempt SET status = 'unknown', ask_at = NULL",),
    13: ("UPDATE sales_order SET status = 'booked'",),
    14: ("UPDATE attempt SET status = 'declined'",),
    15: ("UPDATE [transaction] SET currency = 'USD'",),
    16: (ENTRY.format(action="capture"), ENTRY.format(action="void")),
    17: ("UPDATE scheduled_payment SET due_on = date(due_on, '+1 day') WHERE period = 3",),
    18: (
        "UPDATE attempt SET actor_kind = 'system'",
        "UPDATE payment_order SET order_id = NULL, agreement_id = (SELECT min(id) FROM payment_agreement)",
    ),
    19: ("UPDATE payment_method SET account_id = (SELECT max(id) FROM account)",),
    20: ("UPDATE snapshot SET content = content || ' '",),
    21: ("UPDATE sales_order SET edition = edition + 1",),
    22: ("UPDATE order_email SET text = text || ' http://127.0.0.1/approve/abc.def'",),
    24: ("DELETE FROM audit",),
    25: ("UPDATE sandbox_charge SET amount = amount + 1",),
    26: ("UPDATE payment_order SET amount = amount + 1",),
    27: ("UPDATE sales_order SET status = 'cancelled' WHERE id = (SELECT min(order_id) FROM payment_agreement)",),
}

# What a payout's rows could be made to say, by what is told of it.
CARELESS_PAYOUTS: dict[str, tuple[str, ...]] = {
    "come to": ("UPDATE settlement_batch SET net = net + 1",),
    "stands in more than one place": (
        "ALTER TABLE settlement_line RENAME TO strict_line",
        "CREATE TABLE settlement_line AS SELECT * FROM strict_line",
        "INSERT INTO settlement_line SELECT * FROM settlement_line LIMIT 1",
    ),
    "another currency or gateway": ("UPDATE settlement_line SET currency = 'USD'",),
    "says another amount": ("UPDATE settlement_line SET gross = gross + 100, fee = fee + 100",),
}


# What the rows of a dispute that was lost could be made to say.
CARELESS_DISPUTES: dict[str, tuple[str, ...]] = {
    "25: bt of D-0001 is in another currency": ("UPDATE dispute_entry SET currency = 'USD'",),
    "disputes took": ("UPDATE dispute_entry SET amount = amount + 1",),
    "D-0001 took -": ("UPDATE dispute_entry SET kind = 'reinstatement'",),
    "its receipts say 0": ("UPDATE receipt SET dispute_id = NULL",),
    "and nobody was told": ("UPDATE receipt SET amount = amount - 1 WHERE dispute_id IS NOT NULL",),
    "its end is told otherwise": ("UPDATE dispute SET closed_at = NULL",),
}


def keep_books() -> None:
    """One order paid with a card that was saved, another paid by that card, a third with its customer for approval."""
    admin, customer = factories.user(Role.ADMIN), factories.account()
    paid = collection.prepare_first(factories.order(owner=admin, customer=customer).id, by=admin)
    card = Instrument(alias=BY_SLUG["visa"].alias(12, 2099), label="Visa ending 4242", save=True, consent_text="Yes.")
    collection.collect(paid.id, pay_with=card, form_key="k1", by=admin)
    again = collection.prepare_first(factories.order(owner=admin, customer=customer).id, by=admin)
    saved = db.session.scalars(select(Attempt.method_id)).one()
    collection.collect(again.id, pay_with=Instrument(method_id=saved), form_key="k2", by=admin)
    approvals.submit(factories.order(owner=admin).id, by=admin)
    factories.account()


@pytest.fixture
def books(app: Flask) -> Flask:
    keep_books()
    return app


def carelessly(*statements: str) -> None:
    """As somebody with a shell would: no trigger, no unique index and no foreign key in the way."""
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.commit()
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


def told() -> set[int]:
    db.session.rollback()
    return {int(complaint.partition(":")[0]) for complaint in broken(grace=NOW)}


def test_every_rule_is_broken_here_but_those_that_a_constraint_cannot_be_robbed_of() -> None:
    assert {rule.number for rule in RULES} - set(CARELESS) == {7, 23}


def test_honest_books_hold(books: Flask) -> None:
    assert broken(grace=NOW) == []


@pytest.mark.parametrize("number", sorted(CARELESS))
def test_a_broken_rule_is_told(books: Flask, number: int) -> None:
    carelessly(*(s for s in CARELESS[number] if not s.startswith("DROP TRIGGER")))
    assert number in told()


@pytest.fixture
def paid_out(books: Flask) -> Flask:
    payouts.pay_out("sandbox")
    settlement.sync(db.session.scalars(select(Gateway.id)).one())
    return books


def test_honest_payouts_hold(paid_out: Flask) -> None:
    assert broken(grace=NOW) == []


@pytest.mark.parametrize("words", CARELESS_PAYOUTS)
def test_a_payout_that_does_not_add_up_is_told(paid_out: Flask, words: str) -> None:
    carelessly(*CARELESS_PAYOUTS[words])
    db.session.rollback()
    assert any(c.startswith("25:") and words in c for c in broken(grace=NOW))


@pytest.fixture
def disputed(books: Flask) -> Flask:
    """The second order's charge, lost to the bank."""
    charge = db.session.scalars(select(Transaction).order_by(Transaction.id.desc())).first()
    assert charge is not None
    end_read()
    dispute = sandbox_disputes.open_one("sandbox", charge.provider_id)
    sandbox_disputes.decide("sandbox", dispute.provider_id, won=False)
    disputes.hear(charge.gateway_id, dispute.provider_id)
    return books


@pytest.mark.parametrize("words", CARELESS_DISPUTES)
def test_a_dispute_that_contradicts_itself_is_told(disputed: Flask, words: str) -> None:
    end_read()
    assert broken(grace=NOW) == []
    carelessly("UPDATE dispute_entry SET provider_id = 'bt' WHERE kind = 'debit'", *CARELESS_DISPUTES[words])
    db.session.rollback()
    assert any(words in c for c in broken(grace=NOW))


def test_what_an_exception_tells_of_a_payout_is_no_contradiction(paid_out: Flask) -> None:
    carelessly(
        "UPDATE settlement_batch SET net = net + 1", "UPDATE settlement_line SET gross = gross + 5, fee = fee + 5"
    )
    assert 25 in told()
    with transaction() as session:
        for kind, model in ((ExceptionKind.SUM, SettlementBatch), (ExceptionKind.DIFFERING, SettlementLine)):
            for row in session.scalars(select(model)):
                matching.hold(row, kind, fits=False)
    assert 25 not in told()


def test_what_is_still_being_worked_on_is_spared(books: Flask) -> None:
    carelessly("DELETE FROM allocation", "DELETE FROM receipt")
    assert not [c for c in broken() if c.startswith("6:")]


def test_it_is_escalated_once_and_cleared_when_mended(books: Flask) -> None:
    assert invariants.check() == []
    carelessly("UPDATE sales_order SET status = 'booked'")
    for _ in range(2):
        assert invariants.check()
    row = escalations.unresolved(Symptom.INVARIANT_BROKEN, "company", 1)
    assert row is not None and "contradict" in row.summary and row.context["complaints"]


def test_the_command_names_every_place(books: Flask) -> None:
    runner = books.test_cli_runner()
    assert runner.invoke(args=["check-invariants"]).exit_code == 0
    carelessly("UPDATE sales_order SET status = 'booked'")
    told_all = runner.invoke(args=["check-invariants"])
    assert told_all.exit_code == 1 and "13: sales_order 1 is booked" in told_all.output


def test_it_is_cleared_once_the_books_hold_again(books: Flask) -> None:
    with transaction() as session:
        escalations.open(Symptom.INVARIANT_BROKEN, session.get_one(Company, 1), "x", "The books contradict themselves.")
    assert invariants.check() == []
    assert escalations.unresolved(Symptom.INVARIANT_BROKEN, "company", 1) is None


@pytest.mark.engines
def test_both_engines_can_be_asked(any_app: Flask) -> None:
    keep_books()
    end_read()
    payouts.pay_out("sandbox")
    settlement.sync(db.session.scalars(select(Gateway.id)).one())
    assert broken(grace=NOW) == []
    with transaction() as session:
        session.execute(text("UPDATE sales_order SET edition = edition + 1"))
    assert told() == {21}
