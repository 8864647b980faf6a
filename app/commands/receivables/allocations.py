"""Which money pays which invoice, decided by people: apply, move, take off, and pay out what pays nothing.

All of one account goes through its lock, so that two who decide about the same money or invoice come one after the
other. `receipt_id` names the receipt that the money came with, whatever left of it since.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, select

from ... import forms
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...formatting import money
from ...language import marked
from ...models import OFFLINE, Account, Actor, Invoice, Movement, PayOut, Receipt, ReceiptKind, TransactionAction, User
from ...money import Money
from ...queries.receivables import figures
from ...states import invoice as states
from ...states.movement import OPEN
from ..payments import lowering
from ..post import papers
from . import invoices, pay_outs, receipts, taking_back


def apply(receipt_id: int, invoice_id: int, *, amount: Money, form_key: str, by: User) -> Receipt:
    """Let unapplied cash pay an open invoice of the same account and currency.

    Raises Refusal: `not_permitted`, `not_positive`, `wrong_currency`, `foreign_invoice`, `not_open`,
    `more_than_unapplied`, `more_than_due`, `payment_in_progress`, `key_reused`.
    """
    content = ["apply", receipt_id, invoice_id, amount.minor, amount.currency]
    with transaction():
        root, known = _begin(receipt_id, form_key, content, by)
        if known:
            return root
        _check_amount(root, amount)
        left = figures.unapplied(root.id) - _leaving(root)
        _refuse_more(left, amount, "more_than_unapplied", marked("Only %(left)s is unapplied and not on its way back."))
        invoice = lock(Invoice, invoice_id)
        _apply(root, invoice, amount, by=Actor.of(by))
        lowering.lower(invoice, by=Actor.of(by), because=f"Paid by {root.number}")
        forms.remember(form_key, content, id=root.id)
        return root


def take_off(receipt_id: int, invoice_id: int, *, amount: Money, because: str, form_key: str, by: User) -> Receipt:
    """What pays the invoice becomes unapplied cash again, and the invoice is owed again.

    Raises Refusal: `not_permitted`, `not_positive`, `wrong_currency`, `more_than_applied`, `reason_missing`,
    `key_reused`.
    """
    content = ["take_off", receipt_id, invoice_id, amount.minor, amount.currency, because]
    with transaction():
        root, known = _begin(receipt_id, form_key, content, by)
        if known:
            return root
        if not because.strip():
            raise Refusal("reason_missing", "Say why; it stays with the invoice.", status=422)
        _take_off(root, lock(Invoice, invoice_id), amount, because.strip(), by=Actor.of(by))
        forms.remember(form_key, content, id=root.id)
        return root


def move(
    receipt_id: int, invoice_id: int, target_id: int, *, amount: Money, because: str, form_key: str, by: User
) -> Receipt:
    """What pays one invoice pays another one instead.

    Raises Refusal: those of `take_off` and `apply`, and `same_invoice`.
    """
    content = ["move", receipt_id, invoice_id, target_id, amount.minor, amount.currency, because]
    with transaction():
        root, known = _begin(receipt_id, form_key, content, by)
        if known:
            return root
        if invoice_id == target_id:
            raise Refusal("same_invoice", "Choose another invoice; it pays this one already.", status=422)
        source, target = (lock(Invoice, id) for id in sorted((invoice_id, target_id)))
        source, target = (source, target) if source.id == invoice_id else (target, source)
        _check_open(root, target)
        _take_off(root, source, amount, because.strip() or f"Moved to {target.number}", by=Actor.of(by))
        _apply(root, target, amount, by=Actor.of(by))
        lowering.lower(target, by=Actor.of(by), because=f"Paid by {root.number}")
        forms.remember(form_key, content, id=root.id)
        return root


def pay_out(
    receipt_id: int,
    *,
    amount: Money,
    kind: ReceiptKind,
    reference: str,
    on: date,
    because: str,
    form_key: str,
    by: User,
) -> Receipt | PayOut:
    """Unapplied cash that came offline went back the same way: written down, since no gateway moves it. Above the limit
    for refunds it waits for a second person instead.

    Raises Refusal: `not_permitted`, `refund_it`, `not_offline`, `not_positive`, `wrong_currency`,
    `more_than_unapplied`, `reference_missing`, `reason_missing`, `day_ahead`, `day_before`, `key_reused`.
    """
    content = ["pay_out", receipt_id, amount.minor, amount.currency, kind, reference, on, because]
    with transaction():
        demand(by, Permission.PAYMENT_REFUND)
        root, known = _begin(receipt_id, form_key, content, by)
        if known:
            return get(PayOut, known["id"]) if known["waits"] else get(Receipt, known["id"])
        _check_pay_out(root, amount, kind, reference, on, because)
        facts: dict[str, Any] = {"kind": kind, "reference": reference.strip(), "because": because.strip(), "by": by}
        waits = pay_outs.needs_second_person(root, amount)
        row: Receipt | PayOut
        row = pay_outs.request(root, amount, **facts) if waits else pay_outs.write(root, amount, on=on, **facts)
        forms.remember(form_key, content, id=row.id, waits=waits)
        return row


def _begin(receipt_id: int, form_key: str, content: list[Any], by: User) -> tuple[Receipt, dict[str, Any] | None]:
    """The receipt with its account held; what the form was answered with before."""
    demand(by, Permission.RECEIPT_ALLOCATE)
    found = get(Receipt, receipt_id)
    lock(Account, found.account_id)
    return get(Receipt, found.root_id), forms.answered(form_key, content)


def _check_amount(root: Receipt, amount: Money) -> None:
    if amount.currency != root.currency:
        raise Refusal("wrong_currency", "This money is in %(currency)s.", status=422, currency=root.currency)
    if amount.minor <= 0:
        raise Refusal("not_positive", "Enter an amount above zero.", status=422)


def _refuse_more(left: int, amount: Money, code: str, sentence: str) -> None:
    if amount.minor > left:
        most = money(Money(max(left, 0), amount.currency))
        raise Refusal(code, sentence, "Enter no more than that.", status=422, left=most)


def _leaving(root: Receipt) -> int:
    """Minor units that refunds and pay-outs under way will take, of unapplied cash first."""
    asked = select(func.sum(Movement.amount)).where(
        Movement.parent_id == root.transaction_id,
        Movement.action == TransactionAction.REFUND,
        Movement.status.in_(OPEN),
    )
    return int(db.session.scalar(asked) or 0) if root.transaction_id else pay_outs.held(root)


def _check_open(root: Receipt, invoice: Invoice) -> None:
    if root.account_id != invoice.account_id or root.currency != invoice.currency:
        raise Refusal("foreign_invoice", "This invoice is of another account or currency.", status=422)
    if invoice.status not in states.OPEN:
        raise Refusal("not_open", "%(number)s is not open any more.", number=invoice.number)


def _apply(root: Receipt, invoice: Invoice, amount: Money, *, by: Actor) -> None:
    _check_open(root, invoice)
    due = figures.of_invoice(invoice.id).due
    _refuse_more(due, amount, "more_than_due", marked("Only %(left)s of this invoice is open."))
    left = amount.minor
    for row in _bearers(root):
        left -= receipts.allocate(row, invoice, by=by, most=left)
    papers.invoice(invoice)


def _bearers(root: Receipt) -> list[Receipt]:
    """Where the money stands: the receipt itself, and those of refunds that came back."""
    query = db.session.query(Receipt).filter(figures.pot(root.id), Receipt.amount > 0)
    return list(query.order_by(Receipt.id))


def _take_off(root: Receipt, invoice: Invoice, amount: Money, because: str, *, by: Actor) -> None:
    _check_amount(root, amount)
    pays = figures.applied(root.id).get(invoice.id, 0)
    _refuse_more(pays, amount, "more_than_applied", marked("Only %(left)s of this money pays the invoice."))
    receipts.take_off(root, invoice, amount.minor, by=by, because=because)
    told: dict[str, Any] = {"receipt": root.number, "amount": -amount.minor, "currency": root.currency}
    invoices.settle(invoice, by=by, because=because, **told)
    papers.invoice(invoice)


def _check_pay_out(root: Receipt, amount: Money, kind: ReceiptKind, reference: str, on: date, because: str) -> None:
    if root.kind not in OFFLINE:
        raise Refusal("refund_it", "This money came by a gateway.", "Refund the payment; it goes back the same way.")
    if kind not in OFFLINE:
        raise Refusal("not_offline", "Choose cheque, wire or cash.", status=422)
    _check_amount(root, amount)
    left = figures.unapplied(root.id) - pay_outs.held(root)
    _refuse_more(left, amount, "more_than_unapplied", marked("Only %(left)s is unapplied and not being paid out."))
    if not reference.strip():
        raise Refusal("reference_missing", "Enter the reference of the payment.", status=422)
    if not because.strip():
        raise Refusal("reason_missing", "Say why; it stays with the receipt.", status=422)
    taking_back.check_day(root, on)
