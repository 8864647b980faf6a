"""What follows evidence of a gateway, in order: all steps in one transaction. Where that fails, each step commits by
itself and may run twice; the first that fails again is named in the transaction's row, everything before it stands, and
the job tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import timedelta
from functools import cached_property

from sqlalchemy import bindparam, select

from ... import clock, jobs, settings
from ...db import db, end_read, get, lock, transaction
from ...failpoints import failpoint
from ...logs import log
from ...models import (
    SYSTEM,
    Account,
    Actor,
    Approval,
    Attempt,
    Document,
    Invoice,
    PaymentOrder,
    PostProcessing,
    Receipt,
    SalesOrder,
    Transaction,
    TransactionAction,
)
from ...models.order import TAG_CHANGE, TAG_CUSTOMER_DECLINED, TAG_DECLINED, TAG_EXPIRED, TAG_LAPSES, TAG_UNAPPLIED
from ...queries import ledger
from ...states.approval import ApprovalStatus
from ...states.order import BEFORE_BOOKING, OrderEvent, OrderStatus
from ...states.payment_order import PaymentOrderStatus
from ..orders import activation
from ..post import mails, papers
from ..receivables import invoices, issuing, receipts, refund_notes
from . import foresight, given_back, lowering, payment_orders

RETRY_AFTER = timedelta(minutes=1)

# With the transaction that it is about, for the steps.
HELD = (
    select(PostProcessing, Transaction)
    .join(Transaction, Transaction.id == PostProcessing.transaction_id)
    .where(PostProcessing.transaction_id.in_(bindparam("transaction_ids_", expanding=True)))
    .order_by(PostProcessing.transaction_id)
    .with_for_update(of=PostProcessing)
)

Step = Callable[["Captured"], None]


class Captured:
    """The rows that the steps work on, locked in the house's order."""

    invoice_paper: Document | None = None

    def __init__(self, transaction_id: int) -> None:
        self.transaction = get(Transaction, transaction_id)
        chain = get(PaymentOrder, self.transaction.payment_order_id)
        self.account = lock(Account, chain.account_id)
        self.order = lock(SalesOrder, chain.order_id) if chain.order_id else None
        self.payment_order = lock(PaymentOrder, self.transaction.payment_order_id)
        self.attempt: Attempt | None = get(Attempt, self.transaction.attempt_id)

    @property
    def by(self) -> Actor:
        return self.attempt.actor if self.attempt else SYSTEM

    @property
    def amount(self) -> int:
        return self.transaction.amount

    @property
    def is_money(self) -> bool:
        """It arrived; else it is only held."""
        return self.transaction.action is not TransactionAction.AUTHORIZE

    @property
    def covers(self) -> bool:
        """It pays what was asked for; offline money may be a part of it, and waits for the rest."""
        return True

    @cached_property
    def receipt(self) -> Receipt:
        return receipts.for_transaction(self.transaction, by=self.by)

    @property
    def counts(self) -> bool:
        """The money is for the order as it stands; else it came late and stays unapplied until someone decides."""
        if self.payment_order.status is PaymentOrderStatus.CANCELLED:
            return False
        if self.order is None:
            return True
        if self.order.status is OrderStatus.CANCELLED:
            return False
        return not self.payment_order.first or self.payment_order.edition == self.order.edition


def _receipt(captured: Captured) -> None:
    captured.receipt  # noqa: B018  (made when first asked for)


def _invoice(captured: Captured) -> None:
    if not captured.counts:
        return
    row, meant = captured.payment_order, captured.payment_order.invoice_id
    if not captured.covers and meant is None:
        _part(captured)
        return
    invoice = _bill(captured)
    captured.receipt  # noqa: B018  (made when first asked for)
    if invoice is not None:
        standing = receipts.allocate_all(row, invoice, by=SYSTEM)
        captured.invoice_paper = papers.invoice(invoice, standing)
    if meant is None and captured.order is not None and (invoice is None or invoice.gross < row.amount):
        paid = _open_invoices(row, captured.order)
        row.invoice_id = row.invoice_id or next(iter(paid), None)


def _rest(captured: Captured) -> None:
    """Less may have become due while a part of a hold was captured; what it paid is counted by now."""
    lowering.lower_again(captured.payment_order, by=SYSTEM, because="Less is due by now")


def _part(captured: Captured) -> None:
    """It waits for the rest, which is then invoiced with it; where all of the order is invoiced, it waits for nothing.
    With several invoices open the payment order stays the order's, so that the rest pays whatever is then due."""
    row, order = captured.payment_order, captured.order
    if order is None or issuing.not_invoiced(order):
        return
    several = len(ledger.payable(order.id, beside=row.id)) > 1
    paid = _open_invoices(row, order)
    row.invoice_id = paid[0] if paid and not several else None


def _open_invoices(row: PaymentOrder, order: SalesOrder) -> list[int]:
    """What is invoiced already is paid by what came for the order as a whole; what nothing is open for stays unapplied
    cash, for people to look at. The invoices paid."""
    paid: list[int] = []
    for invoice_id, most in ledger.payable(order.id, beside=row.id).items():
        invoice = get(Invoice, invoice_id)
        if not receipts.allocate_what_came(row, invoice, most, by=SYSTEM):
            break
        paid.append(invoice_id)
        papers.invoice(invoice)
    return paid


def _bill(captured: Captured) -> Invoice | None:
    """What a period of an agreement asks for is invoiced before it is paid."""
    invoice_id = captured.payment_order.invoice_id
    if captured.order is not None:
        return invoices.for_payment(captured.order, captured.payment_order, by=SYSTEM)
    return get(Invoice, invoice_id) if invoice_id is not None else None


def _order(captured: Captured) -> None:
    order = captured.order
    if order is None:
        return
    if not captured.counts:
        if TAG_UNAPPLIED not in order.tags:
            order.tag(TAG_UNAPPLIED)
            order.record("late_money", by=SYSTEM, amount=captured.amount, currency=order.currency)
        return
    order.untag(TAG_DECLINED)
    if captured.is_money:
        order.untag(TAG_LAPSES)
    if captured.payment_order.first and captured.covers and order.status in BEFORE_BOOKING:
        order.untag(TAG_CUSTOMER_DECLINED, TAG_CHANGE, TAG_EXPIRED)
        order.transition(OrderEvent.FIRST_PAYMENT, by=captured.by, amount=captured.amount, currency=order.currency)
        if not _close_approval(order):
            payment_orders.open_transfers(order, by=SYSTEM)
        activation.activate_or_schedule(order, by=SYSTEM)


def _close_approval(order: SalesOrder) -> bool:
    """Its work is done: the link now shows the receipt, and nothing can be signed or declined with it any more.

    Whether it was signed.
    """
    found = db.session.query(Approval).filter_by(order_id=order.id, closed_at=None).all()
    for approval in found:
        approval.closed_at = clock.now()
    return any(approval.status is ApprovalStatus.SIGNED for approval in found)


def _defaults(captured: Captured) -> None:
    """What the account has none of yet: the saved method, the billing address and recipient."""
    if not settings.fresh(settings.FIRST_PAYMENT_DEFAULTS):
        return
    account, order, attempt = captured.account, captured.order, captured.attempt
    if account.default_method_id is None and attempt is not None and attempt.method_id is not None:
        account.default_method_id = attempt.method_id
        account.record("default_method", by=captured.by, card=attempt.card_label)
    if order is not None:
        account.billing_address_id = account.billing_address_id or order.billing_address_id
        account.billing_contact_id = account.billing_contact_id or order.contact_id


def _mails(captured: Captured) -> None:
    receipt = captured.receipt
    attached = [papers.receipt(receipt).id]
    if captured.payment_order.invoice_id is not None and captured.counts:
        paper = captured.invoice_paper
        paper = paper or papers.invoice(db.session.get_one(Invoice, captured.payment_order.invoice_id))
        attached.append(paper.id)
    mails.receipt(receipt, attachments=attached, by=captured.by)
    mails.order_paid(receipt, by=captured.by)


def _released(captured: Captured) -> None:
    if captured.order is not None:
        captured.order.untag(TAG_LAPSES)
    mails.authorization_released(captured.transaction, by=SYSTEM)


def _given_back(captured: Captured) -> None:
    given_back.refunded(captured.transaction, by=SYSTEM)


def _refund_mail(captured: Captured) -> None:
    mails.refund(captured.transaction, by=SYSTEM)


def _credit_note(captured: Captured) -> None:
    refund_notes.issue(captured.transaction)


def _returned(captured: Captured) -> None:
    given_back.returned(captured.transaction, by=SYSTEM)
    refund_notes.stays(captured.transaction)


Steps = tuple[tuple[str, Step], ...]
MONEY_IN: Steps = (
    ("receipt", _receipt),
    ("invoice", _invoice),
    ("order", _order),
    ("defaults", _defaults),
    ("mails", _mails),
)
STEPS: dict[TransactionAction, Steps] = {
    TransactionAction.CHARGE: MONEY_IN,
    TransactionAction.CAPTURE: (*MONEY_IN, ("rest", _rest)),
    # Only held: it moves the order, but there is no money yet to write a receipt for or to pay an invoice with.
    TransactionAction.AUTHORIZE: (("order", _order), ("defaults", _defaults)),
    TransactionAction.VOID: (("released", _released),),
    TransactionAction.REFUND: (("receipt", _given_back), ("mails", _refund_mail), ("credit_note", _credit_note)),
    TransactionAction.REFUND_FAILURE: (("receipt", _returned),),
}


@jobs.handler("post_processing.run")
def run(transaction_id: int) -> bool:
    """Do what is left to do; True when all of it is done. Never raises: the failure is a row."""
    try:
        _at_once([transaction_id])
    except Exception as error:
        why = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        log.warning("post_processing_by_step", transaction=transaction_id, because=why)
        return _step_by_step(transaction_id)
    return True


@jobs.handler("post_processing.run_all")
def do_all(transaction_ids: Sequence[int]) -> None:
    """As run_all(). Raises RuntimeError where one could not even be put down as failed, so that it is tried again."""
    run_all(transaction_ids)
    untold = select(PostProcessing.transaction_id).where(
        PostProcessing.transaction_id.in_(transaction_ids), PostProcessing.done_at.is_(None), PostProcessing.tries == 0
    )
    left = db.session.scalars(untold).all()
    end_read()
    if left:
        raise RuntimeError(f"nothing follows yet from transactions {', '.join(map(str, left))}")


def run_all(transaction_ids: Sequence[int]) -> None:
    """As `run`, many at once; where one breaks, the others are done without it. None of them is about an order."""
    jobs.together("post_processing", transaction_ids, _at_once, run)


def _at_once(transaction_ids: Sequence[int]) -> int:
    """The way that nearly every payment goes: nothing is loaded twice, and the disk is waited for once."""
    with transaction():
        rows = [row for row in _rows(transaction_ids) if row.done_at is None]
        ids = [row.transaction_id for row in rows if row.transaction_id is not None]
        with foresight.of_captures(ids) if len(ids) > 1 else nullcontext():
            for row, id in zip(rows, ids, strict=True):
                captured = Captured(id)
                for _step, work in STEPS[captured.transaction.action]:
                    work(captured)
                _done(row)
        failpoint("post_processing.before_commit")
    failpoint("post_processing.step_committed")
    return len(rows)


def _step_by_step(transaction_id: int) -> bool:
    """So that what can be done is done, and people are told what cannot."""
    step = "start"
    try:
        steps = _steps(transaction_id)
        for step, work in steps:
            with transaction():
                row = _row(transaction_id)
                if row.done_at is not None:
                    return True
                work(Captured(transaction_id))
                if step == steps[-1][0]:
                    _done(row)
            failpoint("post_processing.step_committed")
    except Exception as error:
        log.error("post_processing_failed", transaction=transaction_id, step=step, exc_info=error)
        _failed(transaction_id, step, error)
        return False
    return True


def _done(row: PostProcessing) -> None:
    row.done_at, row.step, row.error = clock.now(), None, None


def _steps(transaction_id: int) -> Steps:
    action = db.session.scalar(select(Transaction.action).where(Transaction.id == transaction_id))
    end_read()
    return STEPS[action] if action is not None else ()


def _row(transaction_id: int) -> PostProcessing:
    return _rows([transaction_id])[0]


def _rows(transaction_ids: Sequence[int]) -> list[PostProcessing]:
    """Held; their transactions are at hand."""
    return [row for row, _proof in db.session.execute(HELD, {"transaction_ids_": list(transaction_ids)})]


def _failed(transaction_id: int, step: str, error: Exception) -> None:
    with transaction():
        row = _row(transaction_id)
        row.step, row.error = step, f"{type(error).__name__}: {error}"[:500]
        row.tries += 1
        row.updated_at = clock.now()
        wait = clock.now() + RETRY_AFTER * min(row.tries, 10)
        row.record("failed", by=SYSTEM, because=row.error, step=step)
        jobs.stage("post_processing.run", run_after=wait, transaction_id=transaction_id)
