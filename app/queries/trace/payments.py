"""The payment side of a trace: payment order, checkout, attempt, transaction, receipt, allocation, settlement line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import Row

from ... import clock
from ...access import Permission, can, me
from ...formatting import money as shown
from ...models import TransactionAction
from ...money import Money
from ...states.attempt import AttemptStatus
from ...states.payment_order import PaymentOrderStatus, derive
from .. import ledger
from ..invoices import owners
from ..orders.payment import ACTION_WORDS
from ..payments import checkouts
from ..settlement import standing
from ..settlement import words as settlement_words
from . import rows
from .views import Hop

A = TransactionAction
RECEIPTED = (A.CHARGE, A.CAPTURE, A.REFUND, A.REFUND_FAILURE)
Here = tuple[str, int] | None
Grouped = dict[Any, list[Row[Any]]]


def of(payment_order_ids: Sequence[int], here: Here = None, receipt_ids: Sequence[int] = ()) -> tuple[Hop, ...]:
    """A tree for each payment order, and for each of `receipt_ids` that has none. Seven statements."""
    ids = list(payment_order_ids)
    if not ids and not receipt_ids:
        return ()
    return _Tree(ids, list(receipt_ids), here).roots()


def _by(found: Iterable[Row[Any]], key: str) -> Grouped:
    grouped: Grouped = defaultdict(list)
    for row in found:
        grouped[getattr(row, key)].append(row)
    return grouped


class _Tree:
    def __init__(self, ids: list[int], receipt_ids: list[int], here: Here) -> None:
        self.here = here
        self.payment_orders = rows.payment_orders(ids)
        self.intents = _by(rows.intents(ids), "payment_order_id")
        self.attempts = _by(rows.attempts(ids), "intent_id")
        self.transactions = rows.transactions(ids)
        self.receipts = rows.receipts(ids, receipt_ids)
        allocations = rows.allocations(ids, receipt_ids)
        self.allocations = _by(allocations, "receipt_id")
        self.seen = owners.openable([row.invoice_id for row in allocations], me())
        self.lines = _by(rows.settlement_lines(ids), "transaction_id")
        self.of_transaction = _by(self.receipts, "transaction_id")
        self.parents = {row.id for row in self.transactions}
        self.unapplied = self._unapplied()

    def _unapplied(self) -> dict[int | None, int]:
        """By payment order, what was received less what was given back and what pays invoices."""
        left: dict[int | None, int] = defaultdict(int)
        for row in self.receipts:
            left[row.payment_order_id] += row.amount - sum(x.amount for x in self.allocations[row.id])
        return left

    def roots(self) -> tuple[Hop, ...]:
        known = {row.id for row in self.payment_orders}
        alone = (row for row in self.receipts if row.payment_order_id not in known)
        return (*map(self._payment_order, self.payment_orders), *map(self._receipt, alone))

    def _is(self, kind: str, id: int) -> bool:
        return self.here == (kind, id)

    def _payment_order(self, row: Row[Any]) -> Hop:
        status = derive(ledger.of_row(row), row.last_attempt, cancelled=row.status is PaymentOrderStatus.CANCELLED)
        href = url_for("payments.show", number=row.number)
        by_hand = [x for x in self.receipts if x.payment_order_id == row.id and x.transaction_id is None]
        return Hop(
            _("Payment order"),
            row.number,
            href,
            Money(row.amount, row.currency),
            ("payment", status),
            row.purpose,
            here=self._is("payment_order", row.id),
            children=(
                *(self._intent(x, href) for x in self.intents[row.id]),
                *(self._receipt(x) for x in by_hand),
            ),
        )

    def _intent(self, row: Row[Any], href: str) -> Hop:
        return Hop(
            _("Checkout"),
            checkouts.name(row),
            f"{href}#checkouts",
            Money(row.amount, row.currency),
            ("intent", row.status),
            children=tuple(self._attempt(x, href) for x in self.attempts[row.id]),
        )

    def _attempt(self, row: Row[Any], href: str) -> Hop:
        own = [x for x in self.transactions if x.attempt_id == row.id and x.parent_id not in self.parents]
        unproven = row.status is AttemptStatus.SUCCEEDED and not own
        gap = (_gap(_("Transaction"), _("It succeeded, and no transaction proves it.")),) if unproven else ()
        return Hop(
            _("Attempt"),
            row.card_label or _("New card"),
            f"{href}#attempts",
            Money(row.amount, row.currency),
            ("attempt", row.status),
            row.gateway,
            children=(*(self._transaction(x) for x in own), *gap),
        )

    def _transaction(self, row: Row[Any]) -> Hop:
        return Hop(
            str(ACTION_WORDS[row.action]),
            row.provider_id,
            url_for("trace.transaction", transaction_id=row.id),
            Money(row.amount, row.currency),
            here=self._is("transaction", row.id),
            children=(
                *self._receipts(row),
                *self._settlement(row),
                *(self._transaction(x) for x in self.transactions if x.parent_id == row.id),
            ),
        )

    def _receipts(self, row: Row[Any]) -> Iterator[Hop]:
        found = self.of_transaction[row.id]
        yield from map(self._receipt, found)
        if not found and row.action in RECEIPTED:
            yield _gap(_("Receipt"), _("The money moved, and no receipt says so."))

    def _receipt(self, row: Row[Any]) -> Hop:
        own, money = self.allocations[row.id], Money(row.amount, row.currency)
        free = min(row.amount - sum(x.amount for x in own), self.unapplied[row.payment_order_id])
        gap: tuple[Hop, ...] = ()
        if row.amount > 0 and free > 0:
            gap = (_gap(_("Allocation"), _("It pays no invoice: unapplied cash."), Money(free, row.currency)),)
        return Hop(
            _("Receipt"),
            row.number,
            url_for("trace.receipt", number=row.number),
            money,
            second=row.paid_with or None,
            here=self._is("receipt", row.id),
            children=(*map(self._allocation, own), *gap),
        )

    def _allocation(self, row: Row[Any]) -> Hop:
        seen = row.invoice_id in self.seen and can(Permission.INVOICE_VIEW)
        href = url_for("trace.invoice", number=row.number) if seen else None
        return Hop(_("Allocation"), row.number, href, Money(row.amount, row.currency), ("invoice", row.status))

    def _settlement(self, row: Row[Any]) -> Iterator[Hop]:
        found = self.lines[row.id]
        yield from (line_hop(x, here=self._is("settlement_line", x.id)) for x in found)
        stands = standing.read(row)
        if found or stands is None:
            return
        if stands.status == "exception" or _overdue(row):
            yield _gap(_("Settlement line"), _("It should have been paid out by now, and stands in no payout."))
        else:
            yield Hop(_("Settlement line"), _("Not paid out yet."))


def line_hop(row: Row[Any], *, here: bool = False, children: tuple[Hop, ...] = ()) -> Hop:
    """An entry of a payout; the payout's own page is for who may see settlements."""
    href = url_for("settlement.batch", batch_id=row.batch_id, _anchor=f"line-{row.id}")
    kind = settlement_words.line(row.kind)
    fee = _("%(kind)s, fee %(fee)s", kind=kind, fee=shown(Money(row.fee, row.currency)))
    return Hop(
        _("Settlement line"),
        row.batch,
        href if can(Permission.SETTLEMENT_VIEW) else None,
        Money(row.gross, row.currency),
        ("payout", row.batch_state),
        fee if row.fee else kind,
        here=here,
        children=children,
    )


def given_up(order_id: int | None, invoice_id: int | None) -> tuple[Hop, ...]:
    """What was written off instead of paid, each with what took it back. One statement."""
    found = rows.write_offs(order_id, invoice_id)
    back = {row.reverses_id: row for row in found if row.reverses_id is not None}
    firsts = [row for row in found if row.reverses_id is None]
    return tuple(
        _write_off(row, _("Write-off"), (_write_off(back[row.id], _("Taken back")),) if row.id in back else ())
        for row in firsts
    )


def _write_off(row: Row[Any], word: str, children: tuple[Hop, ...] = ()) -> Hop:
    href = url_for("invoices.show", number=row.number) if can(Permission.INVOICE_VIEW) else None
    told = _("%(who)s: %(why)s", who=row.written_off_by, why=row.reason)
    return Hop(word, row.number, href, Money(row.amount, row.currency), second=told, children=children)


def _overdue(row: Row[Any]) -> bool:
    """Old enough, and its gateway has paid out something since: as the settlement's own search has it."""
    return row.paid_out_until is not None and row.at < min(clock.now() - standing.OVERDUE, row.paid_out_until)


def _gap(word: str, text: str, amount: Money | None = None) -> Hop:
    return Hop(word, text, amount=amount, missing=True)
