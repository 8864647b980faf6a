"""The month's journal: debits are credits, whatever was paid, given back, disputed and paid out."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from app.access import Role
from app.commands.receivables import allocations, credit_notes, offline, write_offs
from app.commands.settlement import matching, settlement
from app.db import db, end_read
from app.gateways.sandbox import disputes, movements, payouts
from app.models import Account, CreditReason, LineKind, ReceiptKind, SettlementBatch, SettlementLine, TransactionAction
from app.money import Money
from app.queries.months import Month
from app.queries.receivables import ageing, statement
from app.queries.reports import journal, posting
from app.queries.reports.posting import Entry, Ledger
from tests import factories, ledgers
from tests.commands import moving
from tests.paid_out import abroad, gateway_id, line, paid, pay_out, payout, sync

L, K, A = Ledger, LineKind, TransactionAction
DAY = date(2026, 11, 24)
AMOUNTS = st.integers(-(10**9), 10**9)
CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD"])

lines = st.tuples(st.sampled_from(list(LineKind)), AMOUNTS, st.integers(0, 10**6), st.integers(0, 27))
transactions = st.tuples(st.sampled_from(list(A)), st.integers(1, 10**9), st.integers(0, 27))
batches = st.tuples(CURRENCIES, st.lists(lines, max_size=8), st.one_of(st.none(), CURRENCIES))


def unbalanced(found: list[Entry]) -> dict[Any, int]:
    """What is left of each day and currency when credits are taken from debits."""
    left: dict[Any, int] = defaultdict(int)
    for e in found:
        left[e.day, e.debit.currency] += e.debit.minor - e.credit.minor
    return {key: value for key, value in left.items() if value}


def change(found: list[Entry], account: Ledger, currency: str) -> int:
    own = [e for e in found if e.account is account and e.debit.currency == currency]
    return sum(e.debit.minor - e.credit.minor for e in own)


def post(currency: str, made: list[tuple[LineKind, int, int, int]], presented: str | None) -> list[Entry]:
    """The entries of a payout made of these lines."""
    found: list[Entry] = []
    for n, (kind, gross, fee, day) in enumerate(made):
        shown = Money(gross * 2, presented) if presented else None
        at = DAY + timedelta(days=day)
        amounts = (Money(gross, currency), Money(fee, currency))
        found += posting.of_line(at, kind, *amounts, f"t{n}", presented=shown, of_payout=n % 5 == 4)
    net = sum(gross - fee for _, gross, fee, _ in made)
    return [*found, *posting.of_batch(DAY, Money(net, currency), "po")]


@given(st.lists(batches, max_size=6), st.lists(transactions, max_size=8))
def test_every_day_balances_in_every_currency(
    made: list[tuple[str, list[tuple[LineKind, int, int, int]], str | None]], own: list[tuple[A, int, int]]
) -> None:
    found = [entry for currency, items, presented in made for entry in post(currency, items, presented)]
    for action, amount, day in own:
        found += posting.of_transaction(DAY + timedelta(days=day), action, Money(amount, "EUR"), "ch")
    assert unbalanced(found) == {}
    assert all(e.debit.minor >= 0 and e.credit.minor >= 0 and bool(e.debit) != bool(e.credit) for e in found)
    for currency in ("EUR", "USD", "JPY", "KWD"):
        mine = [(items, presented) for code, items, presented in made if code == currency]
        fees = sum(fee for items, _ in mine for _, _, fee, _ in items)
        kept = sum(
            gross for items, _ in mine for n, (kind, gross, _, _) in enumerate(items) if kind is K.FEE and n % 5 != 4
        )
        assert change(found, L.FEES, currency) == fees - kept
    taken = sum(amount for action, amount, _ in own if action in (A.CHARGE, A.CAPTURE))
    assert change(found, L.RECEIVABLES, "EUR") == -taken


@given(batches)
def test_the_bank_gets_what_payouts_say_less_what_came_back(
    made: tuple[str, list[tuple[LineKind, int, int, int]], str | None],
) -> None:
    currency, items, presented = made
    back = sum(gross for n, (kind, gross, _, _) in enumerate(items) if n % 5 == 4 and kind not in (K.CHARGE, K.REFUND))
    net = sum(gross - fee for _, gross, fee, _ in items)
    assert change(post(*made), L.BANK, currency) == net - back


def this_month() -> list[Entry]:
    today = clock.today(factories.ZONE)
    return journal.entries(Month.of(today), factories.ZONE)


@pytest.mark.engines
def test_a_month_of_real_books_comes_to_batches_and_transactions(any_app: Flask) -> None:
    first, second = paid(2)
    end_read()
    movements.refund_by_hand("sandbox", first.provider_id, Money(500, "EUR"))
    dispute = disputes.open_one("sandbox", second.provider_id, inquiry=False)
    disputes.decide("sandbox", dispute.provider_id, won=True)
    pay_out()
    sync()
    found = this_month()
    assert unbalanced(found) == {}
    batch = db.session.query(SettlementBatch).one()
    assert change(found, L.BANK, "EUR") == batch.net
    assert change(found, L.FEES, "EUR") == sum(x.fee for x in db.session.query(SettlementLine))
    assert change(found, L.RECEIVABLES, "EUR") == 0  # invoiced and paid
    assert change(found, L.REVENUE, "EUR") + change(found, L.TAX, "EUR") == -(first.amount + second.amount)
    assert change(found, L.DISPUTES, "EUR") == 0
    # The refund was made at the processor and is no transaction of ours yet: clearing shows what is held up.
    assert change(found, L.CLEARING, "EUR") == 500


def test_receivables_come_to_what_statements_say(app: Flask) -> None:
    """Invoices, a credit note, a write-off, wires, one that bounced, a pay-out, a refund and unapplied cash."""
    (charge,) = paid()
    boss, customer = factories.user(Role.ADMIN), factories.account()
    customer_id = customer.id
    bills = [ledgers.invoice(customer) for _ in range(3)]
    offline.for_invoice(bills[0].id, ledgers.came(12_000), form_key="1", by=boss)
    credit_notes.for_amount(
        bills[1].id, amount=Money(1_190, "EUR"), reason=CreditReason.PRICE, note="", form_key="2", by=boss
    )
    write_offs.write_off(bills[2].id, because="Old", form_key="3", by=boss)
    today = clock.today(factories.ZONE)
    bounced, kept = ledgers.on_account(customer_id, boss, 700), ledgers.on_account(customer_id, boss, 900)
    offline.reverse(bounced.id, because="x", on=today, form_key="4", by=boss)
    facts = {"kind": ReceiptKind.WIRE, "reference": "O", "on": today, "because": "x", "form_key": "5", "by": boss}
    allocations.pay_out(kept.id, amount=Money(200, "EUR"), **facts)
    moving.refund(charge, 500, boss)
    found = this_month()
    owed = 0
    for account in db.session.query(Account).all():
        with app.test_request_context():
            owed += statement.view(account, {}, factories.ZONE).closing.minor
    assert unbalanced(found) == {}
    assert change(found, L.RECEIVABLES, "EUR") == owed == 11_900 * 3 - 12_000 - 1_190 - 11_900 - 700 + 500
    assert change(found, L.LOSSES, "EUR") == 11_900
    assert change(found, L.BANK, "EUR") == 12_000 + 700 - 700 + 900 - 200
    assert change(found, L.REFUNDS, "EUR") == 0


def test_a_write_off_stays_in_its_month_and_is_taken_back_in_another(app: Flask) -> None:
    clerk, invoice = ledgers.clerk(), ledgers.invoice(days=-60)
    with clock.turned_back(timedelta(days=40)):
        row = write_offs.write_off(invoice.id, because="Old", form_key="1", by=clerk)
    write_offs.take_back(row.id, because="They pay", form_key="2", by=clerk)
    today = clock.today(factories.ZONE)
    then = journal.entries(Month.of(today - timedelta(days=40)), factories.ZONE)
    assert (change(then, L.LOSSES, "EUR"), change(this_month(), L.LOSSES, "EUR")) == (11_900, -11_900)
    assert change(this_month(), L.RECEIVABLES, "EUR") == 11_900
    assert unbalanced(this_month()) == {}
    with app.test_request_context():
        aged = ageing.totals(ageing.Asked(today - timedelta(days=1), factories.ZONE))
        open_now = ageing.totals(ageing.Asked(today, factories.ZONE))
    assert (aged, [row.total.minor for row in open_now]) == ((), [11_900])


def test_all_settled_leaves_nothing_on_clearing(app: Flask) -> None:
    paid(3)
    pay_out()
    sync()
    assert change(this_month(), L.CLEARING, "EUR") == 0


def test_a_payout_that_the_bank_sent_back_is_taken_from_it_again(app: Flask) -> None:
    paid()
    pay_out()
    sync()
    ref = db.session.query(SettlementBatch).one().provider_id
    end_read()
    payouts.fail("sandbox", ref)
    pay_out()
    sync()
    found = this_month()
    first, second = db.session.query(SettlementBatch).order_by(SettlementBatch.id)
    assert unbalanced(found) == {} and change(found, L.BANK, "EUR") == second.net == first.net


def test_another_currency_goes_over_exchange(app: Flask) -> None:
    (charge,) = paid(customer=factories.account(currency="USD"))
    settlement.write(gateway_id(), payout(abroad(charge)))
    matching.match_open(gateway_id())
    found = this_month()
    assert unbalanced(found) == {}
    assert change(found, L.CLEARING, "USD") == change(found, L.CLEARING, "EUR") == 0
    assert change(found, L.EXCHANGE, "USD") == charge.amount


def test_another_month_has_none_of_it(app: Flask) -> None:
    factories.company()
    settlement.write(gateway_id(), payout(line()))
    last = Month.of(clock.today(factories.ZONE)).plus(-1)
    assert journal.entries(last, factories.ZONE) == [] and journal.sums([]) == {}
