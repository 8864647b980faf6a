"""How money moves between accounts of the ledger: pure, each movement as entries whose debits equal its credits.

What is invoiced is owed on receivables, until it is paid, credited or written off. What customers pay leaves
receivables for clearing, where the processor owes it to us; what the processor keeps or takes
back leaves clearing, and what it pays out goes from there to the bank. So the balance of clearing is what has not been
settled yet, and whatever an exception is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from enum import StrEnum

from ...models import LineKind, TransactionAction
from ...money import Money
from ...values import Value

K = LineKind


class Ledger(StrEnum):
    """The accounts; their codes are settings."""

    CLEARING = "clearing"
    RECEIVABLES = "receivables"
    BANK = "bank"
    FEES = "fees"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    ADJUSTMENTS = "adjustments"
    EXCHANGE = "exchange"
    REVENUE = "revenue"
    TAX = "tax"
    LOSSES = "losses"


L = Ledger

# Charges and refunds are posted from our own transactions, on the day they happened, so that a line of theirs only adds
# its fee, and the exchange into the currency that is settled.
POSTED_ALREADY = (K.CHARGE, K.REFUND)

# Where the other side of a line stands.
OTHER_SIDE: dict[LineKind, Ledger] = {
    K.REFUND_FAILURE: L.REFUNDS,
    K.DISPUTE: L.DISPUTES,
    K.REINSTATEMENT: L.DISPUTES,
    K.FEE: L.FEES,
    K.ADJUSTMENT: L.ADJUSTMENTS,
}


class Entry(Value):
    """Either `debit` or `credit` is above zero, the other one is zero."""

    day: date
    account: Ledger
    debit: Money
    credit: Money
    reference: str


def move(day: date, amount: Money, *, into: Ledger, out_of: Ledger, reference: str) -> Iterator[Entry]:
    """`amount` goes from one account to another; below zero it goes the other way."""
    if amount.minor < 0:
        amount, into, out_of = -amount, out_of, into
    if amount:
        nothing = Money.zero(amount.currency)
        yield Entry(day, into, amount, nothing, reference)
        yield Entry(day, out_of, nothing, amount, reference)


def of_transaction(day: date, action: TransactionAction, amount: Money, reference: str) -> Iterator[Entry]:
    if action in (TransactionAction.CHARGE, TransactionAction.CAPTURE):
        yield from move(day, amount, into=L.CLEARING, out_of=L.RECEIVABLES, reference=reference)
    elif action is TransactionAction.REFUND:
        yield from move(day, amount, into=L.REFUNDS, out_of=L.CLEARING, reference=reference)


def of_line(
    day: date, kind: LineKind, gross: Money, fee: Money, reference: str, *, presented: Money | None, of_payout: bool
) -> Iterator[Entry]:
    """`of_payout`: the adjustment is a payout that the bank sent back. `presented` is what the customer saw, where that
    is another currency: the other side of the line is in it, and clearing passes from one to the other."""
    yield from move(day, fee, into=L.FEES, out_of=L.CLEARING, reference=reference)
    if of_payout and kind not in POSTED_ALREADY:
        yield from move(day, gross, into=L.CLEARING, out_of=L.BANK, reference=reference)
        return
    seen = _seen(kind, gross, presented)
    if kind not in POSTED_ALREADY:
        yield from move(day, seen, into=L.CLEARING, out_of=OTHER_SIDE[kind], reference=reference)
    if seen.currency != gross.currency:
        yield from move(day, seen, into=L.EXCHANGE, out_of=L.CLEARING, reference=reference)
        yield from move(day, gross, into=L.CLEARING, out_of=L.EXCHANGE, reference=reference)


def _seen(kind: LineKind, gross: Money, presented: Money | None) -> Money:
    """What the customer paid or got back, with the sign of `gross`; what is none of theirs is as it was settled."""
    if presented is None or kind in (K.FEE, K.ADJUSTMENT):
        return gross
    return presented if (presented.minor < 0) == (gross.minor < 0) else -presented


def of_batch(day: date, net: Money, reference: str) -> Iterator[Entry]:
    """Posted whatever becomes of it: what the bank sends back is a line of a later payout."""
    yield from move(day, net, into=L.BANK, out_of=L.CLEARING, reference=reference)


def of_invoice(day: date, net: Money, tax: Money, reference: str) -> Iterator[Entry]:
    """Of a credit note both are below zero."""
    yield from move(day, net, into=L.RECEIVABLES, out_of=L.REVENUE, reference=reference)
    yield from move(day, tax, into=L.RECEIVABLES, out_of=L.TAX, reference=reference)


def of_write_off(day: date, amount: Money, reference: str) -> Iterator[Entry]:
    yield from move(day, amount, into=L.LOSSES, out_of=L.RECEIVABLES, reference=reference)


def of_offline(day: date, amount: Money, reference: str) -> Iterator[Entry]:
    """What came by cheque, wire or cash; below zero what bounced or was paid out."""
    yield from move(day, amount, into=L.BANK, out_of=L.RECEIVABLES, reference=reference)


def of_given_back(day: date, amount: Money, reference: str, *, by_bank: bool) -> Iterator[Entry]:
    """What a gateway gave back is owed again by the customer, until it is credited; `amount` is below zero for that,
    above for what came back after all. `by_bank`: a dispute took it."""
    passed = L.DISPUTES if by_bank else L.REFUNDS
    yield from move(day, -amount, into=L.RECEIVABLES, out_of=passed, reference=reference)
