"""What follows offline money, as it follows a capture: invoice, order, defaults, mails. All of it or nothing, and again
until it is done; the receipt is safe already.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property

from sqlalchemy import select

from ... import clock, jobs
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...logs import log
from ...models import SYSTEM, Account, Actor, Invoice, PaymentOrder, PostProcessing, Receipt, SalesOrder, User
from ...queries import ledger
from ..payments import lowering
from ..payments.post_processing import MONEY_IN, Captured
from ..post import mails, papers
from . import receipts

RETRY_AFTER = timedelta(minutes=1)


class Received(Captured):
    """Offline money for a payment order, with the rows that the steps after a capture work on."""

    def __init__(self, receipt: Receipt) -> None:
        self._receipt = receipt
        payment_order = get(PaymentOrder, receipt.payment_order_id)
        self.account = lock(Account, payment_order.account_id)
        self.order = lock(SalesOrder, payment_order.order_id) if payment_order.order_id else None
        self.payment_order = lock(PaymentOrder, payment_order.id)
        self.attempt = None

    @property
    def by(self) -> Actor:
        return recorder(self._receipt)

    @property
    def amount(self) -> int:
        return self._receipt.amount

    @property
    def is_money(self) -> bool:
        return True

    @property
    def covers(self) -> bool:
        return not ledger.figures([self.payment_order.id])[self.payment_order.id].balance

    @cached_property
    def receipt(self) -> Receipt:
        return self._receipt


def recorder(receipt: Receipt) -> Actor:
    return Actor.of(get(User, receipt.recorded_by_id)) if receipt.recorded_by_id else SYSTEM


@jobs.handler("receipts.follow_up")
def run(receipt_id: int) -> bool:
    """True when all of it is done. Never raises: the failure is a row."""
    try:
        with transaction():
            receipt = get(Receipt, receipt_id)
            lock(Account, receipt.account_id)
            row = _row(receipt_id)
            if row.done_at is None:
                _follow(receipt)
                row.done_at, row.step, row.error = clock.now(), None, None
    except Exception as error:
        log.error("post_processing_failed", receipt=receipt_id, exc_info=error)
        _failed(receipt_id, error)
        return False
    return True


def _follow(receipt: Receipt) -> None:
    if db.session.scalar(select(Receipt.id).where(Receipt.parent_id == receipt.id, Receipt.reversal)) is not None:
        return  # it bounced before anything followed
    if receipt.parent_id is not None:  # it makes good what had been paid out of money that bounced, and pays nothing
        _tell(receipt)
        if receipt.payment_order_id is not None:
            mails.order_paid(receipt, by=recorder(receipt))
        return
    if receipt.payment_order_id is not None:
        received = Received(receipt)
        for step, work in MONEY_IN:
            try:
                work(received)
            except Refusal as refusal:
                if step != "mails":
                    raise
                _nobody(receipt, refusal)
        return
    if receipt.invoice_id is not None:
        invoice = get(Invoice, receipt.invoice_id)
        if receipts.allocate(receipt, invoice, by=SYSTEM):
            lowering.lower(invoice, by=recorder(receipt), because=f"Paid by {receipt.number}", spare_paying=True)
        papers.invoice(invoice)
    _tell(receipt)


def _tell(receipt: Receipt) -> None:
    """Where nobody can be told, the money is there all the same."""
    try:
        mails.receipt(receipt, attachments=[papers.receipt(receipt).id], by=recorder(receipt))
    except Refusal as refusal:
        _nobody(receipt, refusal)


def _nobody(receipt: Receipt, refusal: Refusal) -> None:
    log.error("mail.nobody_to_tell", kind="receipt", receipt=receipt.number, because=refusal.code)


def _row(receipt_id: int) -> PostProcessing:
    query = select(PostProcessing).where(PostProcessing.receipt_id == receipt_id)
    return db.session.scalars(query.with_for_update()).one()


def _failed(receipt_id: int, error: Exception) -> None:
    with transaction():
        row = _row(receipt_id)
        row.step, row.error = "follow_up", f"{type(error).__name__}: {error}"[:500]
        row.tries += 1
        row.updated_at = clock.now()
        row.record("failed", by=SYSTEM, because=row.error, step=row.step)
        wait = clock.now() + RETRY_AFTER * min(row.tries, 10)
        jobs.stage("receipts.follow_up", run_after=wait, receipt_id=receipt_id)
