"""Money that came without a gateway: a cheque, a wire, cash. A receipt is its evidence, by whoever may record it."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, select

from ... import audit, clock, forms, jobs
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...formatting import day as written
from ...formatting import money
from ...language import marked
from ...models import (
    OFFLINE,
    Account,
    Actor,
    Attempt,
    Company,
    Invoice,
    PaymentOrder,
    PostProcessing,
    Receipt,
    ReceiptKind,
    SalesOrder,
    Symptom,
    User,
)
from ...money import CURRENCIES, Money
from ...queries import ledger
from ...queries.receivables import figures
from ...states.attempt import OPEN as UNDER_WAY
from ...states.intent import IntentEvent
from ...states.invoice import InvoiceStatus
from ...states.payment_order import Figures, PaymentOrderStatus
from ...values import Value
from ..agreements import outcomes
from ..office import escalations
from ..payments import lowering, payment_links, payment_orders
from . import following_up, receipts, taking_back

MOST = 10**15
"""Minor units, so that columns hold the sum of many."""
ON_ACCOUNT = marked("Record it on the account; it stays unapplied cash until you decide.")


class Came(Value):
    """What came. `reference` is the cheque's number, the wire's, or that of the cash book."""

    kind: ReceiptKind
    amount: Money
    reference: str
    received_on: date
    note: str = ""

    @property
    def label(self) -> str:
        """As it stands beside `Visa ending 4242`."""
        return f"{self.kind.value.capitalize()} {self.reference}"[:100]

    @property
    def content(self) -> list[Any]:
        return [self.kind, self.amount.minor, self.amount.currency, self.reference, self.received_on, self.note]


def for_payment_order(payment_order_id: int, came: Came, *, form_key: str, by: User) -> Receipt:
    """It counts for what the payment order asks for, and what follows a capture follows.

    Raises Refusal: `not_permitted`, `cancelled`, `paid`, `payment_in_progress`, `authorized`, `awaiting_approval`, and
    those of `_check`.
    """
    row = get(PaymentOrder, payment_order_id)
    return _record(row.account_id, came, form_key, by, payment_order_id=payment_order_id)


def for_invoice(invoice_id: int, came: Came, *, form_key: str, by: User) -> Receipt:
    """It pays the invoice, by the open payment order that asks for it if there is one; what is above what is due stays
    unapplied.

    Raises Refusal: `not_permitted`, `not_open`, and those of `for_payment_order` and `_check`.
    """
    invoice = get(Invoice, invoice_id)
    return _record(invoice.account_id, came, form_key, by, invoice_id=invoice_id)


def for_account(account_id: int, came: Came, *, form_key: str, by: User) -> Receipt:
    """It pays nothing yet. Raises Refusal: `not_permitted`, and those of `_check`."""
    return _record(account_id, came, form_key, by)


def _record(
    account_id: int,
    came: Came,
    form_key: str,
    by: User,
    *,
    payment_order_id: int | None = None,
    invoice_id: int | None = None,
) -> Receipt:
    content = ["offline", account_id, payment_order_id, invoice_id, *came.content]
    with transaction():
        demand(by, Permission.RECEIPT_RECORD)
        lock(Account, account_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(Receipt, known["id"])
        payment_order_id = payment_order_id or _asking(invoice_id)
        _check(account_id, came)
        asked = _payment_order(payment_order_id, came) if payment_order_id else None
        if asked is None and invoice_id:
            _check_invoice(lock(Invoice, invoice_id), came)
        row = _write(account_id, came, payment_order_id, invoice_id or (asked.invoice_id if asked else None), by)
        if asked is not None:
            _close_checkout(asked, by=Actor.of(by))
        _let_follow(row, asked.order_id if asked else None)
        forms.remember(form_key, content, id=row.id)
    following_up.run(row.id)
    return row


def _let_follow(row: Receipt, order_id: int | None) -> None:
    db.session.add(PostProcessing(receipt_id=row.id, order_id=order_id))
    jobs.stage("receipts.follow_up", run_after=clock.now() + following_up.RETRY_AFTER, receipt_id=row.id)


def _write(
    account_id: int,
    came: Came,
    payment_order_id: int | None,
    invoice_id: int | None,
    by: User,
    *,
    parent_id: int | None = None,
) -> Receipt:
    return receipts.write(
        by=Actor.of(by),
        kind=came.kind,
        account_id=account_id,
        payment_order_id=payment_order_id,
        invoice_id=invoice_id,
        parent_id=parent_id,
        amount=came.amount.minor,
        currency=came.amount.currency,
        paid_with=came.label,
        reference=came.reference,
        received_on=came.received_on,
        note=came.note,
        recorded_by_id=by.id,
    )


def _asking(invoice_id: int | None) -> int | None:
    """The one open payment order that asks for the invoice; none where there are several to choose from."""
    query = select(PaymentOrder.id).where(
        PaymentOrder.invoice_id == invoice_id, PaymentOrder.status == PaymentOrderStatus.OPEN
    )
    ids = db.session.scalars(query).all() if invoice_id else []
    found = [id for id, figures in ledger.figures(ids).items() if figures.balance]
    return found[0] if len(found) == 1 else None


def _check(account_id: int, came: Came) -> None:
    """Raises Refusal: `not_offline`, `not_positive`, `too_much`, `wrong_currency`, `reference_missing`,
    `day_ahead`, `duplicate`."""
    if came.kind not in OFFLINE:
        raise Refusal("not_offline", "What came by a gateway is recorded by the gateway alone.", status=422)
    if came.amount.minor <= 0:
        raise Refusal("not_positive", "Enter an amount above zero.", status=422)
    if came.amount.minor > MOST:
        raise Refusal("too_much", "This is more than any payment has ever been. Check the amount.", status=422)
    if came.amount.currency not in CURRENCIES:
        raise Refusal("wrong_currency", "%(currency)s is no currency.", status=422, currency=came.amount.currency)
    if not came.reference.strip():
        raise Refusal("reference_missing", "Enter the reference; it tells two payments apart.", status=422)
    if came.received_on > clock.today(get(Company, 1).time_zone):
        raise Refusal("day_ahead", "This day is still to come. Record money when it is there.", status=422)
    if (first := _first(account_id, came)) is not None:
        raise Refusal(
            "duplicate",
            "%(label)s over %(amount)s is recorded already: %(number)s, received on %(day)s.",
            "If this is another payment, give it a reference of its own.",
            status=422,
            label=came.label,
            amount=money(came.amount),
            number=first.number,
            day=written(first.received_on or first.at),
        )


def _first(account_id: int, came: Came) -> Receipt | None:
    """The same once before, unless it bounced."""
    gone = select(Receipt.parent_id).where(Receipt.reversal, Receipt.account_id == account_id)
    return db.session.scalars(
        select(Receipt)
        .where(
            Receipt.account_id == account_id,
            Receipt.kind == came.kind,
            func.lower(Receipt.reference) == came.reference.lower(),
            Receipt.amount == came.amount.minor,
            Receipt.currency == came.amount.currency,
            Receipt.id.not_in(gone),
        )
        .limit(1)
    ).one_or_none()


def _payment_order(payment_order_id: int, came: Came) -> PaymentOrder:
    """Held, with its order, if offline money can count for it."""
    row = get(PaymentOrder, payment_order_id)
    order = lock(SalesOrder, row.order_id) if row.order_id else None
    row = lock(PaymentOrder, payment_order_id)
    refusal = why_not(row, ledger.figures([row.id])[row.id], order)
    if refusal is not None:
        raise refusal
    if came.amount.currency != row.currency:
        raise Refusal("wrong_currency", "This payment is in %(currency)s.", status=422, currency=row.currency)
    return row


def why_not(row: PaymentOrder, figures: Figures, order: SalesOrder | None) -> Refusal | None:
    """What keeps money from counting for this payment order, for the page and for the command."""
    if row.status is not PaymentOrderStatus.OPEN:
        return Refusal("cancelled", "%(number)s is cancelled.", ON_ACCOUNT, number=row.number)
    if db.session.scalar(select(Attempt.id).where(Attempt.payment_order_id == row.id, Attempt.status.in_(UNDER_WAY))):
        return Refusal(
            "payment_in_progress",
            "A payment on %(number)s is in progress; wait until its outcome is known.",
            number=row.number,
        )
    if figures.held:
        return Refusal(
            "authorized", "%(number)s holds an authorization.", "Void the authorization first.", number=row.number
        )
    if not figures.balance:
        return Refusal("paid", "%(number)s is paid.", ON_ACCOUNT, number=row.number)
    if row.first and order is not None and payment_orders.held_by_customer(order):
        return Refusal(
            "awaiting_approval",
            "The customer is asked to sign this order and pay it in one go.",
            "Convert the order to draft first, or record the money on the account.",
        )
    return None


def _check_invoice(invoice: Invoice, came: Came) -> None:
    if invoice.status is InvoiceStatus.DRAFT:
        raise Refusal("not_open", "This invoice is not issued yet.")
    if came.amount.currency != invoice.currency:
        raise Refusal("wrong_currency", "This invoice is in %(currency)s.", status=422, currency=invoice.currency)


def _close_checkout(row: PaymentOrder, *, by: Actor) -> None:
    """A link that asks for an amount that is paid now, or for more than is left, cannot be paid with any more."""
    intent = payment_links.live_intent(row.id)
    if intent is not None:
        paid = not ledger.figures([row.id])[row.id].balance
        intent.transition(IntentEvent.PAY if paid else IntentEvent.REVOKE, by=by, because="Money came offline")


def reverse(receipt_id: int, *, because: str, on: date, form_key: str, by: User) -> Receipt:
    """It never arrived: the cheque bounced, or it was recorded by mistake. What it paid is owed again. So is what was
    paid out of it: the receipt stands below zero then, and finance is told, until that is `returned`.

    Raises Refusal: `not_permitted`, `reason_missing`, `not_offline`, `reversed`, `day_ahead`, `day_before`.
    """
    content = ["offline.reverse", receipt_id, because, on]
    with transaction():
        demand(by, Permission.RECEIPT_RECORD)
        lock(Account, get(Receipt, receipt_id).account_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(Receipt, known["id"])
        root = get(Receipt, receipt_id)
        _check_reversal(root, because, on)
        facts = {"kind": root.kind, "reversal": True, "note": because.strip(), "recorded_by_id": by.id}
        row = taking_back.take(
            root,
            root.amount,
            "bounced",
            by=Actor.of(by),
            paid_with=root.paid_with,
            reference=root.reference,
            received_on=on,
            invoice_id=root.invoice_id,
            **facts,
        )
        if root.payment_order_id is not None:
            asks = get(PaymentOrder, root.payment_order_id)
            lowering.lower_again(asks, by=Actor.of(by), because=f"{root.number} bounced, and less is due by now")
        _escalate_debt(root)
        audit.note("receipt.reverse", root.number, by=Actor.of(by), after={"receipt": row.number, "reason": because})
        forms.remember(form_key, content, id=row.id)
        return row


def _check_reversal(root: Receipt, because: str, on: date) -> None:
    if not because.strip():
        raise Refusal("reason_missing", "Say why; it stays with the receipt.", status=422)
    if root.kind not in OFFLINE or root.amount < 0:
        raise Refusal("not_offline", "Only money that came offline is reversed here.", "Refund the payment instead.")
    if db.session.scalar(select(Receipt.id).where(Receipt.parent_id == root.id, Receipt.reversal)) is not None:
        raise Refusal("reversed", "%(number)s is reversed already.", number=root.number)
    taking_back.check_day(root, on)


def _escalate_debt(root: Receipt) -> None:
    owed = Money(-figures.unapplied(root.id), root.currency)
    if owed.minor > 0:
        escalations.open(
            Symptom.OVERDRAWN,
            root,
            root.number,
            f"{root.number} bounced after {owed} of it was paid out; the customer owes it.",
            account_id=root.account_id,
            owed=owed.minor,
            currency=root.currency,
        )


def returned(receipt_id: int, came: Came, *, form_key: str, by: User) -> Receipt:
    """The customer brought back what had been paid out of money that bounced, or a part of it.

    Raises Refusal: `not_permitted`, `nothing_owed`, `more_than_owed`, `wrong_currency`, and those of `_check`.
    """
    content = ["offline.returned", receipt_id, *came.content]
    with transaction():
        demand(by, Permission.RECEIPT_RECORD)
        lock(Account, get(Receipt, receipt_id).account_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(Receipt, known["id"])
        root = get(Receipt, get(Receipt, receipt_id).root_id)
        _check(root.account_id, came)
        _check_owed(root, came)
        row = _write(root.account_id, came, root.payment_order_id, root.invoice_id, by, parent_id=root.id)
        outcomes.money_moved(row, "came_back", by=Actor.of(by))
        if not figures.unapplied(root.id):
            escalations.clear(Symptom.OVERDRAWN, root, f"It came back with {row.number}.")
        asked = get(PaymentOrder, root.payment_order_id) if root.payment_order_id else None
        _let_follow(row, asked.order_id if asked else None)
        forms.remember(form_key, content, id=row.id)
    following_up.run(row.id)
    return row


def _check_owed(root: Receipt, came: Came) -> None:
    owed = -figures.unapplied(root.id)
    if came.amount.currency != root.currency:
        raise Refusal("wrong_currency", "This money is in %(currency)s.", status=422, currency=root.currency)
    if owed <= 0:
        raise Refusal("nothing_owed", "Nothing is owed of %(number)s.", number=root.number)
    if came.amount.minor > owed:
        left = money(Money(owed, root.currency))
        raise Refusal(
            "more_than_owed",
            "Only %(left)s is owed of %(number)s.",
            "Record what is above it on the account.",
            status=422,
            left=left,
            number=root.number,
        )
