"""Five questions about a case, in order; the first that is not answered by yes is what is wrong. Pure: no database."""

from __future__ import annotations

from enum import StrEnum

from ...states.attempt import AttemptStatus
from ...states.payment_order import PaymentOrderStatus
from ...values import Value
from .cases import WAITING, Bill, Case


class State(StrEnum):
    """MIND: in order, but for somebody to decide about. OPEN: not come to that yet. LATER: cannot be asked before."""

    OK = "ok"
    BROKEN = "broken"
    MIND = "mind"
    OPEN = "open"
    LATER = "later"


class Repair(StrEnum):
    QUESTION = "question"
    RECEIPT = "receipt"
    ALLOCATION = "allocation"
    RECOMPUTATION = "recomputation"
    RETRY = "retry"


class Finding(Value):
    """The answer to question `step`; `why` names it for those who word it. `bill`: the invoice that is wrong."""

    step: int
    state: State
    why: str
    repair: Repair | None = None
    bill: Bill | None = None


def of(case: Case) -> tuple[Finding, ...]:
    return _captured(case), _receipt(case), _allocated(case), _agrees(case), _followed(case)


def first(findings: tuple[Finding, ...]) -> Finding | None:
    """What is wrong; where nothing is, what is still open, then what is for somebody to decide; None: all is well."""
    for state in (State.BROKEN, State.OPEN, State.MIND):
        found = next((f for f in findings if f.state is state), None)
        if found is not None:
            return found
    return None


def calls_for(case: Case, repair: Repair) -> bool:
    """Whether this repair is what the case needs; asked before it is done, so that doing it twice is doing it once."""
    return any(f.state is State.BROKEN and f.repair is repair for f in of(case))


def _captured(case: Case) -> Finding:
    if case.transaction is not None:
        return Finding(1, State.OK, "captured" if case.came_in else "moved_back")
    row = case.payment_order
    if case.receipt_id is not None or row is None:
        return Finding(1, State.OK, "recorded")
    if row.status is PaymentOrderStatus.CANCELLED:
        return Finding(1, State.OPEN, "cancelled")
    if row.attempt in WAITING:
        return Finding(1, State.BROKEN, "unknown", Repair.QUESTION)
    if row.held:
        return Finding(1, State.OPEN, "held")
    if row.attempt is AttemptStatus.SUCCEEDED and not row.proven:
        return Finding(1, State.BROKEN, "unproven")
    return Finding(1, State.OPEN, _not_paid(row.attempt))


def _not_paid(attempt: AttemptStatus | None) -> str:
    if attempt is None:
        return "not_tried"
    return {AttemptStatus.REQUIRES_ACTION: "asks_payer", AttemptStatus.SUCCEEDED: "voided"}.get(attempt, "declined")


def _receipt(case: Case) -> Finding:
    if not case.moved:
        return Finding(2, State.LATER, "later")
    if case.receipt_id is not None:
        return Finding(2, State.OK, "receipt")
    # A refund's receipt is more than a row: it takes back what the money had paid, so its own step makes it.
    return Finding(2, State.BROKEN, "no_receipt", Repair.RECEIPT if case.came_in else Repair.RETRY)


def _allocated(case: Case) -> Finding:
    if case.receipt_id is None:
        return Finding(3, State.LATER, "later")
    if not case.came_in:
        return Finding(3, State.OK, "taken_back")
    if not case.free:
        return Finding(3, State.OK, "allocated" if case.allocated else "given_back")
    if case.transaction is None and case.follows is not None and case.follows.done_at is None:
        return Finding(3, State.BROKEN, "not_followed", Repair.RETRY)
    if case.payment_order is None:
        return Finding(3, State.MIND, "for_people")
    if not case.counts or (case.intended is None and case.invoiced and not case.wanted):
        return Finding(3, State.MIND, "nothing_to_invoice" if case.counts else "late")
    if case.intended is not None and case.owing is None:
        return Finding(3, State.MIND, "more_than_due")
    if case.part_given_back or case.transaction is None:
        return Finding(3, State.BROKEN, "for_people")
    why = "unallocated" if case.intended else "invoices_open" if case.invoiced else "not_invoiced"
    return Finding(3, State.BROKEN, why, Repair.ALLOCATION)


def _agrees(case: Case) -> Finding:
    wrong = next((bill for bill in case.bills if not bill.agrees), None)
    if case.overdrawn or (wrong is not None and wrong.overdrawn):
        return Finding(4, State.BROKEN, "overdrawn", bill=wrong)
    if wrong is not None:
        return Finding(4, State.BROKEN, "apart", Repair.RECOMPUTATION, wrong)
    if not case.bills:
        return Finding(4, State.LATER if not case.moved else State.OK, "no_invoice")
    return Finding(4, State.OK, "agrees")


def _followed(case: Case) -> Finding:
    row = case.follows
    if row is None:
        return Finding(5, State.OK if case.moved else State.LATER, "nothing_follows" if case.moved else "later")
    if row.done_at is not None:
        return Finding(5, State.OK, "clean")
    return Finding(5, State.BROKEN, "failed" if row.error else "unfinished", Repair.RETRY)
