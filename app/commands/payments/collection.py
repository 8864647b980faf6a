"""Collecting by staff: a member of staff charges a card on file, or one the customer tells them."""

from __future__ import annotations

from datetime import timedelta

from ... import audit, clock, forms
from ...access import Permission, demand
from ...badges import said
from ...db import db, end_read, get, lock, transaction
from ...errors import Refusal
from ...models import Account, Actor, Attempt, IntentPurpose, PaymentIntent, PaymentOrder, SalesOrder, User
from ...money import Money
from ...queries import ledger, routes
from ...states.attempt import AttemptStatus
from ...states.order import BEFORE_BOOKING, OrderStatus
from ...states.payment_order import PaymentOrderStatus
from . import charges, first_payments, payment_links, payment_orders
from .charges import Instrument

STAFF_CHECKOUT = timedelta(hours=1)


def prepare_first(order_id: int, *, by: User) -> PaymentOrder:
    """The payment order of what is due at signature, made if it is not there yet.

    Raises Refusal: `not_permitted`, `switched_off`, `payment_in_progress`, `nothing_due`, `too_late`, `on_hold`,
    `no_route`, `plan_does_not_add_up`, `more_than_due`, `covered`.
    """
    with transaction():
        demand(by, Permission.PAYMENT_COLLECT)
        order = _locked(order_id)
        for refusal in first_blocks(order):
            raise refusal
        first = first_payments.open_first(order, by=Actor.of(by))
        if first is None:
            raise AssertionError("first_blocks() let an order pass with nothing due")
        return first


def first_blocks(order: SalesOrder) -> list[Refusal]:
    """Everything about an order that keeps its first payment from being collected here; the page shows all."""
    due, found = _first_due(order)
    if order.status not in BEFORE_BOOKING:
        found = [
            Refusal(
                "too_late",
                "The first payment of %(order)s is over; the order is %(state)s.",
                "Create a payment order for what is still due.",
                order=order.number,
                state=said("order", order.status),
            )
        ]
    return [*found, *_of_account(order.account, routes.wanted(order.account_id, due, order.id))]


def _first_due(order: SalesOrder) -> tuple[Money, list[Refusal]]:
    """What the route is chosen by, the whole where nothing can be asked for; and why it cannot."""
    try:
        rest = first_payments.rest_at_signature(order)
        due = rest or payment_orders.due_at_signature(order)
    except Refusal as refusal:
        return order.totals().gross, [refusal]
    if due:
        return due, [] if rest else [first_payments.covered(due)]
    nothing = Refusal("nothing_due", "The payment plan asks for nothing by card at signature.", "Book it on terms.")
    return order.totals().gross, [nothing]


def blocks(row: PaymentOrder) -> list[Refusal]:
    """Everything that keeps what is still due on a payment order from being collected here; the page shows all."""
    found, order = [], row.order
    if row.status is not PaymentOrderStatus.OPEN:
        found.append(Refusal("cancelled", "%(number)s is cancelled.", number=row.number))
    elif not ledger.figures([row.id])[row.id].balance:
        found.append(Refusal("paid", "%(number)s is paid already.", number=row.number))
    if order is not None and order.status is OrderStatus.CANCELLED:
        found.append(Refusal("cancelled", "%(order)s is cancelled; nothing is collected for it.", order=order.number))
    if order is not None and not row.first and payment_orders.held_by_customer(order):
        found.append(
            Refusal(
                "awaiting_approval",
                "The customer is asked to sign this order first; a separate payment would go round the signature.",
                "Collect the first payment instead, or convert the order to draft.",
            )
        )
    balance = Money(ledger.figures([row.id])[row.id].balance, row.currency)
    return [*found, *_of_account(row.account, routes.asked(row, balance))]


def _of_account(account: Account, wanted: routes.Wanted) -> list[Refusal]:
    found = []
    if account.hold_reason:
        found.append(payment_orders.on_hold(account))
    try:
        routes.choose(wanted)
    except Refusal as refusal:
        found.append(refusal)
    return found


def collect_first(
    order_id: int, *, pay_with: Instrument, form_key: str, by: User, seen: Money | None = None
) -> Attempt:
    """Charge what is due at signature. The same form answers with the same attempt, whatever the order is by then.

    Raises what `prepare_first` and `collect` raise.
    """
    known = forms.result(form_key)
    first_id = get(Attempt, known["id"]).payment_order_id if known else prepare_first(order_id, by=by).id
    return collect(first_id, pay_with=pay_with, form_key=form_key, by=by, seen=seen)


def collect(
    payment_order_id: int, *, pay_with: Instrument, form_key: str, by: User, seen: Money | None = None
) -> Attempt:
    """Charge what is still due on a payment order; returns the attempt as the gateway left it.

    `seen` is what the page said would be charged and the customer agreed to: another sum is not (invariant 21).
    Raises what `charges.start` raises, `not_permitted`, `switched_off`, `stale_terms`, and the first of `blocks`.
    """
    with transaction():
        demand(by, Permission.PAYMENT_COLLECT)
        intent = _asked_before(form_key) or _checkout(payment_order_id, by)
        if seen is not None and seen != intent.money:
            raise Refusal(
                "stale_terms",
                "What is due has changed since this page was opened; nothing was charged.",
                "Tell the customer the sum below before you charge it.",
            )
    attempt = charges.start(intent.id, pay_with=pay_with, form_key=form_key, by=Actor.of(by))
    return charges.execute(attempt.id)


def _asked_before(form_key: str) -> PaymentIntent | None:
    """The checkout that this very form was sent to; it may be paid by now, and must then answer the same again."""
    known = forms.result(form_key)
    return db.session.get_one(Attempt, known["id"]).intent if known else None


def _checkout(payment_order_id: int, by: User) -> PaymentIntent:
    """The live checkout, shared with the customer's link where there is one: one live intent, one charge.

    All is held before it is looked for, or a link that opens meanwhile would be superseded for nothing.
    """
    row = get(PaymentOrder, payment_order_id)
    lock(Account, row.account_id)
    if row.order_id is not None:
        lock(SalesOrder, row.order_id)
    row = lock(PaymentOrder, payment_order_id)
    for refusal in blocks(row):
        raise refusal
    live = payment_links.live_intent(payment_order_id)
    if live is not None and live.expires_at > clock.now():
        return live
    return payment_links.open_intent(row, IntentPurpose.STAFF, clock.now() + STAFF_CHECKOUT, by=Actor.of(by))


def _locked(order_id: int) -> SalesOrder:
    lock(Account, get(SalesOrder, order_id).account_id)
    return lock(SalesOrder, order_id)


def ask_gateway(attempt_id: int, *, by: User) -> Attempt:
    """Ask now what became of an attempt whose end is not known, instead of waiting for the clock.

    Raises Refusal `not_permitted`.
    """
    with transaction():
        demand(by, Permission.PAYMENT_ASK_GATEWAY)
        attempt = get(Attempt, attempt_id)
        audit.note(
            "payment.ask_gateway", attempt.payment_order.number, by=Actor.of(by), after={"asked": attempt.status}
        )
    end_read()
    return charges.ask(attempt_id)


def give_up(attempt_id: int, *, by: User) -> Attempt:
    """End a try that waits for the cardholder's confirmation, at the gateway too; one they confirmed in time stays.

    Raises Refusal: `not_permitted`, `switched_off`, `not_waiting`.
    """
    with transaction():
        demand(by, Permission.PAYMENT_COLLECT)
        attempt = get(Attempt, attempt_id)
        if attempt.status is not AttemptStatus.REQUIRES_ACTION:
            raise Refusal("not_waiting", "This payment does not wait for the cardholder any more.")
        audit.note(
            "payment.give_up", attempt.payment_order.number, by=Actor.of(by), after={"attempt": attempt.public_id}
        )
    charges.end_abandoned(attempt.intent_id)
    return get(Attempt, attempt_id)
