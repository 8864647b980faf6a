"""Asking for captures, voids and refunds: who may, how much is left, and the row that holds it back.

The row is committed before the gateway hears of it, and counts from then on: two refunds of 60 on a capture of 100
cannot both be asked for. Sending and its outcome are `movement_calls` and `movement_outcomes`.
"""

from __future__ import annotations

from sqlalchemy import select

from ... import audit, clock, forms, settings
from ...access import Permission, demand
from ...db import db, end_read, get, lock, transaction
from ...errors import NotFound, Refusal
from ...failpoints import failpoint
from ...formatting import money
from ...gateways import registry
from ...language import marked
from ...models import (
    Account,
    Actor,
    Attempt,
    Company,
    Gateway,
    Movement,
    PaymentOrder,
    SalesOrder,
    Transaction,
    TransactionAction,
    User,
)
from ...money import Money
from ...queries import ledger
from ...states.movement import HOLDING, MovementEvent, MovementStatus
from ...states.order import OrderStatus
from ..receivables import refund_notes
from . import movement_calls, movement_outcomes, movement_rows

A = TransactionAction
PERMISSIONS = {
    A.CAPTURE: Permission.PAYMENT_CAPTURE,
    A.VOID: Permission.PAYMENT_VOID,
    A.REFUND: Permission.PAYMENT_REFUND,
}
CAPTURES = (A.CHARGE, A.CAPTURE)


def capture(transaction_id: int, *, amount: Money, form_key: str, by: User) -> Movement:
    """Take what an authorization holds as far as it is still due, or a part of it; the rest is let go. The same form
    answers the same again.

    Raises Refusal: `not_permitted`, `not_held`, `lapsed`, `cancelled`, `not_positive`, `wrong_currency`,
    `more_than_held`, `nothing_due`, `more_than_due`, `key_reused`.
    """
    return _ask(A.CAPTURE, transaction_id, amount=amount, reason="", form_key=form_key, by=by)


def void(transaction_id: int, *, because: str, form_key: str, by: User) -> Movement:
    """Let an authorization go, as a whole. Raises Refusal: `not_permitted`, `not_held`, `key_reused`."""
    return _ask(A.VOID, transaction_id, amount=None, reason=because, form_key=form_key, by=by)


def refund(
    transaction_id: int, *, amount: Money, because: str, form_key: str, by: User, credit_note: bool = False
) -> Movement:
    """Give a capture back, or a part of it; above the limit it waits for a second person's word. A credit note is
    issued once the refund has succeeded.

    Raises Refusal: `not_permitted`, `reason_missing`, `not_captured`, `not_positive`, `wrong_currency`,
    `more_than_left`, `whole_only`, `no_invoice`, `key_reused`.
    """
    facts = {"amount": amount, "reason": because, "form_key": form_key, "by": by}
    return _ask(A.REFUND, transaction_id, credit_note=credit_note, **facts)  # type: ignore[arg-type]


def _ask(
    action: TransactionAction,
    transaction_id: int,
    *,
    amount: Money | None,
    reason: str,
    form_key: str,
    by: User,
    credit_note: bool = False,
) -> Movement:
    asked = None if amount is None else [amount.minor, amount.currency]
    content = ["movement", action, transaction_id, asked, reason, credit_note]
    with transaction():
        demand(by, PERMISSIONS[action])
        parent, order = lock_chain(transaction_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(Movement, known["id"])
        wanted = Money(parent.amount, parent.currency) if amount is None else amount
        CHECKS[action](parent, order, wanted, reason)
        if credit_note:
            refund_notes.check(parent.id, wanted, by=by)
        waits = action is A.REFUND and needs_second_person(parent, wanted)
        row = movement_rows.write(action, parent, wanted, reason.strip(), by=Actor.of(by), waits=waits)
        row.credit_note = credit_note
        forms.remember(form_key, content, id=row.id)
        failpoint("movement.before_row_commits")
    failpoint("movement.committed")
    return row if waits else movement_calls.execute(row.id)


def lock_chain(transaction_id: int) -> tuple[Transaction, SalesOrder | None]:
    """The evidence that is to be moved, with account, order and payment order held. Raises NotFound."""
    parent = db.session.get(Transaction, transaction_id)
    if parent is None:
        raise NotFound(f"transaction {transaction_id}")
    payment_order = get(PaymentOrder, parent.payment_order_id)
    lock(Account, payment_order.account_id)
    order = lock(SalesOrder, payment_order.order_id) if payment_order.order_id else None
    lock(PaymentOrder, payment_order.id)
    return parent, order


def _check_capture(parent: Transaction, order: SalesOrder | None, amount: Money, reason: str) -> None:
    _check_held(parent)
    held_until = get(Attempt, parent.attempt_id).held_until
    if held_until is not None and held_until <= clock.now():
        raise Refusal(
            "lapsed", "This authorization has lapsed; the bank holds nothing any more.", "Collect the payment anew."
        )
    if order is not None and order.status is OrderStatus.CANCELLED:
        raise Refusal("cancelled", "%(number)s is cancelled.", "Void the authorization instead.", number=order.number)
    check_amount(
        parent, amount, parent.amount, "more_than_held", marked("Only %(left)s is held by this authorization.")
    )
    due = ledger.may_take(get(PaymentOrder, parent.payment_order_id))
    if not due:
        raise Refusal("nothing_due", "Nothing is due of it any more.", "Void the authorization instead.")
    check_amount(parent, amount, due, "more_than_due", marked("Only %(left)s of this payment is still due."))


def _check_void(parent: Transaction, order: SalesOrder | None, amount: Money, reason: str) -> None:
    _check_held(parent)


def _check_held(parent: Transaction) -> None:
    """An authorization ends once, by capture or by void (invariant 16)."""
    ending = select(Movement.action).where(
        Movement.parent_id == parent.id, Movement.action != A.REFUND, Movement.status.in_(HOLDING)
    )
    end = db.session.scalar(ending.limit(1))
    if end is A.CAPTURE:
        raise Refusal("not_held", "This authorization is captured already.", "Reload the page to see how it is.")
    if end is A.VOID:
        raise Refusal("not_held", "This authorization is voided already.", "Reload the page to see how it is.")
    if parent.action is not A.AUTHORIZE:
        raise Refusal("not_held", "No money is held here.")


def _check_refund(parent: Transaction, order: SalesOrder | None, amount: Money, reason: str) -> None:
    if not reason.strip():
        raise Refusal("reason_missing", "Say why; the reason stays with the refund.", status=422)
    if parent.action not in CAPTURES:
        raise Refusal("not_captured", "Nothing was captured here, so there is nothing to refund.")
    left = ledger.left_to_refund(parent.id)
    words = marked("Only %(left)s is not refunded, disputed or being refunded yet.")
    check_amount(parent, amount, left, "more_than_left", words)
    gateway = registry.get(get(Gateway, parent.gateway_id))
    if amount.minor != parent.amount and not gateway.capabilities.partial_refund:
        raise Refusal("whole_only", "This gateway refunds payments only as a whole.", status=422)


def check_amount(parent: Transaction, amount: Money, most: int, code: str, sentence: str) -> None:
    """Raises Refusal `wrong_currency`, `not_positive`, or `code` with `sentence` where it is more than `most`."""
    if amount.currency != parent.currency:
        raise Refusal("wrong_currency", "This payment is in %(currency)s.", status=422, currency=parent.currency)
    if amount.minor <= 0:
        raise Refusal("not_positive", "Enter an amount above zero.", status=422)
    if amount.minor > most:
        left = money(Money(max(most, 0), parent.currency))
        raise Refusal(code, sentence, "Enter no more than that.", status=422, left=left)


CHECKS = {A.CAPTURE: _check_capture, A.VOID: _check_void, A.REFUND: _check_refund}


def needs_second_person(parent: Transaction, amount: Money) -> bool:
    """The limit is for all refunds of one payment together, so that none is split to pass under it. It is in the
    company's currency and is read as the same number in every other. Inside a transaction, payment order locked."""
    if not settings.fresh(settings.REFUND_SECOND_PERSON):
        return False
    limit = Money(settings.fresh(settings.REFUND_LIMIT), get(Company, 1).currency)
    before = Money(ledger.refunded_or_asked(parent.id), amount.currency)
    return (before + amount).major > limit.major


def approve(movement_id: int, *, by: User) -> Movement:
    """The second person's word: it is sent now.

    Raises Refusal: `not_permitted`, `own_request`, `not_waiting`, `more_than_left`.
    """
    with transaction():
        row = _waiting(movement_id, by)
        if row.actor_user_id == by.id:
            raise Refusal(
                "own_request", "You asked for this refund yourself.", "Somebody else who may approve refunds decides."
            )
        if ledger.left_to_refund(row.parent_id) < 0:
            raise Refusal(
                "more_than_left", "The money was disputed meanwhile, so that much is not left.", "Refuse this refund."
            )
        row.decided_by_id, row.sent_from = by.id, clock.now()
        row.ask_at = clock.now() + movement_outcomes.ASK_AFTER[0]
        row.transition(MovementEvent.APPROVE, by=Actor.of(by), amount=row.amount, currency=row.currency)
        audit.note("refund.approve", row.payment_order.number, by=Actor.of(by), after={"amount": row.money})
        failpoint("movement.before_row_commits")
    failpoint("movement.committed")
    return movement_calls.execute(row.id)


def refuse(movement_id: int, *, because: str, by: User) -> Movement:
    """Not sent, and what it held back is free again; whoever asked for it may take it back the same way.

    Raises Refusal: `not_permitted`, `not_waiting`, `reason_missing`.
    """
    with transaction():
        row = _waiting(movement_id, by, own=True)
        if not because.strip():
            raise Refusal("reason_missing", "Say why; whoever asked will read it.", status=422)
        row.decided_by_id, row.ended_at, row.error = by.id, clock.now(), because.strip()
        row.transition(MovementEvent.REFUSE, by=Actor.of(by), because=because.strip())
        audit.note("refund.refuse", row.payment_order.number, by=Actor.of(by), after={"amount": row.money})
        return row


def _waiting(movement_id: int, by: User, *, own: bool = False) -> Movement:
    row = get(Movement, movement_id)
    if not (own and row.actor_user_id == by.id):
        demand(by, Permission.REFUND_APPROVE)
    lock_chain(row.parent_id)
    row = lock(Movement, movement_id)
    if row.status is not MovementStatus.REQUESTED:
        raise Refusal("not_waiting", "This refund is decided already.", "Reload the page to see how.")
    return row


def ask_gateway(movement_id: int, *, by: User) -> Movement:
    """Ask now what became of it, instead of waiting for the clock. Raises Refusal `not_permitted`."""
    with transaction():
        demand(by, Permission.PAYMENT_ASK_GATEWAY)
        row = get(Movement, movement_id)
        audit.note("payment.ask_gateway", row.payment_order.number, by=Actor.of(by), after={"asked": row.status})
    end_read()
    return movement_calls.ask(movement_id)
