"""The AR doctor's repairs. Each looks again under the lock and does only what is still missing, so that pressing
twice, or two people pressing at once, is one repair; each leaves what was found before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import audit
from ...access import Permission, demand
from ...db import db, get, insert_once, lock, transaction
from ...errors import Refusal
from ...models import Account, Actor, Invoice, PaymentOrder, PostProcessing, Receipt, User
from ...money import Money
from ...queries.receivables import cases, diagnosis, figures
from ...queries.receivables.cases import Bill, Case
from ...queries.receivables.diagnosis import Repair
from ...states.invoice import InvoiceStatus, derive
from ..payments import post_processing
from ..payments.post_processing import MONEY_IN, Captured
from . import following_up, invoices

STEPS: dict[str, post_processing.Step] = dict(MONEY_IN)


def repair(transaction_id: int, wanted: Repair, *, by: User) -> bool:
    """Make the missing receipt, allocate it, or have the steps after the payment tried again; False where there was
    nothing to repair any more.

    Raises Refusal: `not_permitted`, `still_failing`.
    """
    if wanted is Repair.RETRY:
        return _retry(transaction_id, by)
    with transaction():
        demand(by, Permission.RECEIVABLES_REPAIR)
        captured = Captured(transaction_id)
        before = cases.of_transaction(captured.transaction)
        if not diagnosis.calls_for(before, wanted):
            return False
        VERBS[wanted](captured, Actor.of(by))
        _remember(captured, wanted, before, by)
    return True


def _receipt(captured: Captured, by: Actor) -> None:
    STEPS["receipt"](captured)


def _allocate(captured: Captured, by: Actor) -> None:
    """What the invoice says of itself is put right first: its next move starts from there."""
    if captured.payment_order.invoice_id is not None:
        _agree(get(Invoice, captured.payment_order.invoice_id), by)
    STEPS["invoice"](captured)


VERBS: dict[Repair, Callable[[Captured, Actor], None]] = {Repair.RECEIPT: _receipt, Repair.ALLOCATION: _allocate}


def _retry(transaction_id: int, by: User) -> bool:
    """The steps commit by themselves, so what they did stands even if a later one fails again."""
    with transaction():
        demand(by, Permission.RECEIVABLES_REPAIR)
        captured = Captured(transaction_id)
        before = cases.of_transaction(captured.transaction)
        if not diagnosis.calls_for(before, Repair.RETRY):
            return False
        insert_once(PostProcessing, transaction_id=transaction_id, order_id=captured.payment_order.order_id)
    post_processing.run(transaction_id)
    with transaction():
        captured = Captured(transaction_id)
        after = _remember(captured, Repair.RETRY, before, by)
    _refuse_still_failing(after)
    return True


def follow(receipt_id: int, *, by: User) -> bool:
    """Have what follows money that came without a gateway done; False where it is.

    Raises Refusal: `not_permitted`, `still_failing`.
    """
    with transaction():
        demand(by, Permission.RECEIVABLES_REPAIR)
        lock(Account, get(Receipt, receipt_id).account_id)
        before = cases.of_receipt(get(Receipt, receipt_id))
        if not diagnosis.calls_for(before, Repair.RETRY):
            return False
    following_up.run(receipt_id)
    with transaction():
        receipt = get(Receipt, receipt_id)
        lock(Account, receipt.account_id)
        after = cases.of_receipt(receipt)
        row = _asks_for(receipt)
        _note(row, row.number or "", Repair.RETRY, _of_case("", before), _of_case("", after), by)
    _refuse_still_failing(after)
    return True


def _asks_for(receipt: Receipt) -> PaymentOrder | Invoice | Receipt:
    """What tells of the repair: what the money came for."""
    if receipt.payment_order_id is not None:
        return get(PaymentOrder, receipt.payment_order_id)
    return get(Invoice, receipt.invoice_id) if receipt.invoice_id is not None else receipt


def _refuse_still_failing(after: Case) -> None:
    if after.follows is not None and after.follows.done_at is None:
        raise Refusal(
            "still_failing",
            "The step “%(step)s” failed again; what was done before it stands.",
            "It is tried again by itself. The reason stands in the evidence; an admin can look it up in the logs.",
            step=after.follows.step or "",
        )


def recompute(invoice_id: int, *, by: User) -> bool:
    """Let the invoice's status, and with it balance and ageing, say what its allocations say; False where it does.

    Raises Refusal: `not_permitted`, `over_allocated`.
    """
    with transaction():
        demand(by, Permission.RECEIVABLES_REPAIR)
        lock(Account, get(Invoice, invoice_id).account_id)
        invoice = lock(Invoice, invoice_id)
        before = cases.bills_of([invoice_id])[invoice_id]
        if before.overdrawn:
            raise Refusal(
                "over_allocated",
                "More is allocated to %(invoice)s than it bills, and evidence is never changed.",
                "AR / finance can move what is too much to another invoice.",
                invoice=invoice.number or "",
            )
        if not _agree(invoice, Actor.of(by)):
            return False
        db.session.flush()
        after = cases.bills_of([invoice_id])[invoice_id]
        _note(invoice, invoice.number or "", Repair.RECOMPUTATION, _of_bill(before), _of_bill(after), by)
    return True


def _agree(invoice: Invoice, by: Actor) -> bool:
    """Move the invoice to where its allocations say it is; whether it had to. Inside a transaction, account locked."""
    if invoice.status is InvoiceStatus.DRAFT:
        return False
    if derive(figures.of_invoice(invoice.id)) is invoice.status:
        return False
    invoices.settle(invoice, by=by, because="Recomputed from its allocations.")
    return True


def _remember(captured: Captured, done: Repair, before: Case, by: User) -> Case:
    db.session.flush()
    after = cases.of_transaction(captured.transaction)
    row = captured.payment_order
    name = captured.transaction.provider_id or ""
    _note(row, row.number, done, _of_case(name, before), _of_case(name, after), by)
    return after


def _note(
    row: PaymentOrder | Invoice | Receipt,
    subject: str,
    done: Repair,
    before: dict[str, Any],
    after: dict[str, Any],
    by: User,
) -> None:
    row.record("repaired", by=Actor.of(by), repair=done.value, before=_kept(before), after=_kept(after))
    audit.note(f"receivables.{done.value}", subject, by=Actor.of(by), before=before, after=after)


def _kept(facts: dict[str, Any]) -> dict[str, Any]:
    """As history keeps it, to be read in the reader's language later."""
    return {
        key: {"minor": value.minor, "currency": value.currency} if isinstance(value, Money) else value
        for key, value in facts.items()
    }


def _of_case(name: str, case: Case) -> dict[str, Any]:
    """`name`: that of its transaction at the gateway."""
    bill, row = case.intended, case.follows
    facts = {
        "transaction": name,
        "receipt": case.receipt,
        "allocated": case.allocated,
        "processing": None if row is None or row.done_at is None else "done",
        "step": row.step if row is not None else None,
    }
    return facts | (_of_bill(bill) if bill is not None else {"invoice": None})


def _of_bill(bill: Bill) -> dict[str, Any]:
    return {"invoice": bill.number, "status": bill.status.value, "balance": bill.balance}
