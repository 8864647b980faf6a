"""Payment orders: what is to be collected for an order, and never more than is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import select

from ... import audit, numbering
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...models import (
    Account,
    Actor,
    Approval,
    CollectionMethod,
    Due,
    Instalment,
    PaymentOrder,
    PaymentOrderLine,
    SalesOrder,
    User,
)
from ...models.payment import Attempt, PaymentIntent, Transaction
from ...models.payment_plan import transfer_purpose
from ...money import Money, total
from ...queries import ledger, routes
from ...queries.payments.shares import Share
from ...states.approval import LIVE as APPROVAL_LIVE
from ...states.attempt import OPEN
from ...states.intent import IntentEvent, IntentStatus
from ...states.order import BEFORE_BOOKING, WITH_CUSTOMER, OrderStatus
from ...states.payment_order import PaymentOrderEvent, PaymentOrderStatus


def instalment_amounts(order: SalesOrder) -> list[Money]:
    """What each instalment of the order's plan comes to; the last takes what rounding left.

    Raises Refusal `plan_does_not_add_up` where fixed amounts exceed the total.
    """
    whole = order.totals().gross
    amounts: list[Money] = []
    for step in order.instalments[:-1]:
        fixed = step.amount is not None
        amounts.append(Money(step.amount or 0, order.currency) if fixed else whole.percent(step.percent or Decimal(0)))
    rest = whole - total(amounts, order.currency)
    if rest.minor < 0:
        raise Refusal(
            "plan_does_not_add_up", "The payment plan asks for more than the order's total. Correct it in the terms."
        )
    return [*amounts, rest] if order.instalments else []


def due_at_signature(order: SalesOrder) -> Money:
    """The first payment: what the plan asks for at signature, by card; the whole total where there is no plan.

    What is agreed to come by bank transfer is asked for beside it, by `open_transfers`. Only the first payment moves
    the order; where all that is due at signature comes by transfer, there is none: the signature books the order, or
    staff do on terms, and the transfer is awaited as any later instalment is.
    """
    if not order.instalments:
        return order.totals().gross
    steps = zip(order.instalments, instalment_amounts(order), strict=True)
    return total((due for step, due in steps if step.due is Due.SIGNATURE and not _by_transfer(step)), order.currency)


def _by_transfer(step: Instalment) -> bool:
    return step.due is Due.SIGNATURE and step.collection is CollectionMethod.OFFLINE


def _transfers(order: SalesOrder) -> dict[str, Money]:
    """What is due at signature by bank transfer: by the purpose of its payment order."""
    steps = enumerate(zip(order.instalments, instalment_amounts(order), strict=True), start=1)
    return {transfer_purpose(order.number, n): due for n, (step, due) in steps if _by_transfer(step) and due}


def open_transfers(order: SalesOrder, *, by: Actor) -> None:
    """The open payment orders of what is due at signature by bank transfer, each made once for an edition.

    They fall due when the order is signed, or booked without a signature. Inside a transaction, order locked.
    """
    for purpose, due in _unopened_transfers(order).items():
        add(order, due, purpose=purpose, by=by, collection=CollectionMethod.OFFLINE)


def _unopened_transfers(order: SalesOrder) -> dict[str, Money]:
    opened = db.session.scalars(
        select(PaymentOrder.purpose).where(
            PaymentOrder.order_id == order.id,
            PaymentOrder.status == PaymentOrderStatus.OPEN,
            PaymentOrder.collection == CollectionMethod.OFFLINE,
            PaymentOrder.edition == order.edition,
        )
    ).all()
    return {purpose: due for purpose, due in _transfers(order).items() if purpose not in opened}


def first_of(order_id: int) -> PaymentOrder | None:
    """The open one whose capture books the order."""
    return db.session.scalars(
        select(PaymentOrder).where(
            PaymentOrder.order_id == order_id, PaymentOrder.first, PaymentOrder.status == PaymentOrderStatus.OPEN
        )
    ).one_or_none()


def left_to_request(order: SalesOrder) -> Money:
    """What another payment order may ask for: what no other one asks for or has collected.

    Until the order is booked, what falls due at signature is kept for the first payment.
    """
    left = Money(ledger.unclaimed(order.id, order.totals().gross.minor), order.currency)
    if order.status in BEFORE_BOOKING:
        left -= total(_unopened_transfers(order).values(), order.currency)
        if first_of(order.id) is None:
            left -= due_at_signature(order)
    return max(left, Money.zero(order.currency))


def on_hold(account: Account) -> Refusal:
    """The reason is what whoever set the hold wrote."""
    return Refusal(
        "on_hold",
        "%(customer)s is on hold: %(reason)s.",
        "Billing or AR can release the hold.",
        customer=account.name,
        reason=(account.hold_reason or "").rstrip("."),
    )


def add(
    order: SalesOrder,
    amount: Money,
    *,
    purpose: str,
    by: Actor,
    first: bool = False,
    due_date: date | None = None,
    collection: CollectionMethod = CollectionMethod.PAYMENT_LINK,
    route_id: int | None = None,
    shares: Sequence[Share] = (),
) -> PaymentOrder:
    """By the route `route_id`, or by the rules; what comes by bank transfer takes none, so that none needs to be open
    for it. `shares` are the lines that it pays, and add up to it. Inside a transaction. Raises Refusal: `no_route`,
    `route_unfit`."""
    way = None if collection is CollectionMethod.OFFLINE else _way(order, amount, route_id)
    row = PaymentOrder(
        number=numbering.take("payment_order"),
        account_id=order.account_id,
        contact_id=order.contact_id,
        order_id=order.id,
        edition=order.edition,
        purpose=purpose,
        amount=amount.minor,
        currency=amount.currency,
        first=first,
        due_date=due_date,
        collection=collection,
        route_id=way.route.id if way else None,
        route_chosen=way is not None and route_id is not None,
        created_by_id=by.user_id,
        lines=[PaymentOrderLine(order_line_id=x.line_id, description=x.words, amount=x.left.minor) for x in shares]
        or [PaymentOrderLine(description=purpose, amount=amount.minor)],
    )
    db.session.add(row)
    row.record("created", by=by, number=row.number, amount=amount.minor, currency=amount.currency, purpose=purpose)
    return row


def _way(order: SalesOrder, amount: Money, route_id: int | None) -> routes.Way:
    way = routes.choose(routes.wanted(order.account_id, amount, order.id, route_id=route_id))
    if route_id not in (None, way.route.id):
        raise Refusal(
            "route_unfit",
            "The route that you chose does not take this payment.",
            "Choose another one, or leave it to the rules.",
        )
    return way


def held_by_customer(order: SalesOrder) -> bool:
    """The customer holds a link to sign and pay this order; a payment beside it would go round the signature.

    After a card that staff took was declined there is no such link, and the first payment may be asked for by one.
    """
    if order.status not in WITH_CUSTOMER:
        return False
    submitted = select(Approval.id).where(
        Approval.order_id == order.id, Approval.status.in_(APPROVAL_LIVE), Approval.closed_at.is_(None)
    )
    return order.status is OrderStatus.AWAITING_APPROVAL or db.session.scalar(submitted) is not None


def money_under_way(order_id: int) -> bool:
    """Money of this order is on its way or unclear, or has arrived and is about to book it."""
    of_order = (
        select(Attempt.id)
        .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
        .where(PaymentOrder.order_id == order_id)
    )
    about_to_book = (
        of_order.join(SalesOrder, SalesOrder.id == PaymentOrder.order_id)
        .join(Transaction, Transaction.attempt_id == Attempt.id)
        .where(
            SalesOrder.status.in_(BEFORE_BOOKING),
            PaymentOrder.first,
            PaymentOrder.status == PaymentOrderStatus.OPEN,
            PaymentOrder.edition == SalesOrder.edition,
        )
    )
    on_its_way = of_order.where(Attempt.status.in_(OPEN))
    return any(db.session.scalar(found.limit(1)) for found in (on_its_way, about_to_book))


def refuse_while_paying(order: SalesOrder) -> None:
    """Raises Refusal `payment_in_progress`: terms must not change under a payment until all has come of it."""
    if money_under_way(order.id):
        raise Refusal(
            "payment_in_progress",
            "A payment for this order is in progress, and not everything has come of it yet.",
            "Wait until the gateway has confirmed it; the payment panel shows when.",
        )


def withdraw(row: PaymentOrder, *, by: Actor, because: str | None = None) -> None:
    """Cancel a payment order and its live checkout. Inside a transaction; refuses while an attempt is open."""
    end_checkout(row, by=by, because=because)
    if row.can(PaymentOrderEvent.CANCEL):
        row.transition(PaymentOrderEvent.CANCEL, by=by, because=because)


def being_paid(row: PaymentOrder) -> bool:
    """An attempt is open, so that its amount may be on its way."""
    mine = select(Attempt.id).where(Attempt.payment_order_id == row.id, Attempt.status.in_(OPEN))
    return db.session.scalar(mine.limit(1)) is not None


def in_progress(row: PaymentOrder) -> Refusal:
    return Refusal(
        "payment_in_progress",
        "A payment on %(number)s is in progress; wait until its outcome is known.",
        number=row.number,
    )


def end_checkout(
    row: PaymentOrder, *, by: Actor, because: str | None = None, event: IntentEvent = IntentEvent.CANCEL
) -> None:
    """Nothing can be paid by its link any more. Inside a transaction; refuses while an attempt is open."""
    lock(PaymentOrder, row.id)
    if being_paid(row):
        raise in_progress(row)
    for intent in db.session.scalars(
        select(PaymentIntent).where(PaymentIntent.payment_order_id == row.id, PaymentIntent.status == IntentStatus.LIVE)
    ):
        intent.transition(event, by=by, because=because)


def withdraw_open(order: SalesOrder, *, by: Actor, because: str | None = None) -> None:
    """Cancel every payment order of the order that has collected nothing; of one that has, end what asks for the rest.
    Inside a transaction, order locked."""
    rows = db.session.scalars(
        select(PaymentOrder)
        .where(PaymentOrder.order_id == order.id, PaymentOrder.status == PaymentOrderStatus.OPEN)
        .order_by(PaymentOrder.id)
    ).all()
    by_id = ledger.figures(r.id for r in rows)
    for row in rows:
        leave = end_checkout if by_id[row.id].captured else withdraw
        leave(row, by=by, because=because)


def cancel(payment_order_id: int, *, because: str, by: User) -> PaymentOrder:
    """Raises Refusal: `not_permitted`, `cancelled`, `of_period`, `payment_in_progress`, `has_money`,
    `first_of_submitted`."""
    with transaction():
        demand(by, Permission.PAYMENT_ORDER_CREATE)
        row = get(PaymentOrder, payment_order_id)
        lock(Account, row.account_id)
        order = lock(SalesOrder, row.order_id) if row.order_id else None
        row = lock(PaymentOrder, payment_order_id)
        if not row.can(PaymentOrderEvent.CANCEL):
            raise Refusal("cancelled", "%(number)s is cancelled already.", number=row.number)
        if row.agreement_id is not None:
            raise Refusal(
                "of_period",
                "%(number)s asks for a period of an agreement.",
                "Credit its invoice, and it asks for that much less.",
                number=row.number,
            )
        figures = ledger.figures([row.id])[row.id]
        if figures.captured:
            raise Refusal(
                "has_money", "%(number)s has collected money, so it stays.", "Ask AR / finance.", number=row.number
            )
        if figures.held:
            raise Refusal(
                "has_money", "%(number)s holds an authorization.", "Void the authorization first.", number=row.number
            )
        if row.first and order is not None and held_by_customer(order):
            raise Refusal(
                "first_of_submitted",
                "%(number)s is the first payment of an order that the customer is looking at.",
                "Convert the order to draft; that cancels it.",
                number=row.number,
            )
        withdraw(row, by=Actor.of(by), because=because)
        audit.note("payment_order.cancel", row.number, by=Actor.of(by), after={"because": because})
        return row
