"""Which one thing to do next with an order, decided from facts alone; words and addresses come later.

Nothing here asks a database, a request or a clock, so every situation can be written down in a test.
"""

from __future__ import annotations

from enum import StrEnum

from ...states.order import OrderStatus
from ...values import Value


class Story(StrEnum):
    """What is going on, as the sentence beside the button tells it."""

    NO_LINES = "no_lines"
    GAP = "gap"
    CHANGE_REQUESTED = "change_requested"
    CUSTOMER_DECLINED = "customer_declined"
    APPROVAL_EXPIRED = "approval_expired"
    READY_TO_SEND = "ready_to_send"
    PREPARING = "preparing"
    NOT_OPENED = "not_opened"
    NOT_SIGNED = "not_signed"
    NOT_PAID = "not_paid"
    CONFIRMING = "confirming"
    PAYMENT_DECLINED = "payment_declined"
    BOOKED = "booked"
    SCHEDULED = "scheduled"
    OVERDUE = "overdue"
    INVOICED = "invoiced"
    OWED = "owed"
    TERM_ENDS = "term_ends"
    LATER = "later"
    REQUESTED = "requested"
    SETTLED = "settled"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """Everything a person may do to an order from its head; the same keys as `actions.CATALOGUE`."""

    SUBMIT = "submit"
    REMIND = "remind"
    COLLECT = "collect"
    REQUEST = "request"
    SEND_LINK = "send_link"
    EDIT_LINES = "edit_lines"
    EDIT_TERMS = "edit_terms"
    BOOK = "book"
    RENEW = "renew"
    CONVERT_TO_DRAFT = "convert_to_draft"
    NOTE = "note"
    CANCEL = "cancel"
    TERMINATE = "terminate"


class ApprovalStage(StrEnum):
    """How far the live submission is; NONE where the customer holds nothing."""

    NONE = "none"
    PREPARING = "preparing"
    SENT = "sent"
    VIEWED = "viewed"
    SIGNED = "signed"


class Situation(Value):
    """The facts that decide. `returned` is the last thing a customer did to a draft, by its tag, if any.

    `unrequested`: part of the total is in no payment order; `owed_now`: by the plan that part is due already.
    `invoiced`: all that is owed now is on invoices, which have it due; `overdue`: one of them by a day that is past.
    `term_ends`: an agreement of it is over soon unless somebody renews it.
    """

    status: OrderStatus
    has_lines: bool = True
    missing_links: bool = False
    due_now: bool = True
    confirming: bool = False
    approval: ApprovalStage = ApprovalStage.NONE
    returned: Story | None = None
    retry_helps: bool = True
    unrequested: bool = False
    owed_now: bool = False
    invoiced: bool = False
    overdue: bool = False
    link_to_send: bool = False
    open_request: bool = False
    term_ends: bool = False


class Decision(Value):
    story: Story
    primary: Step | None = None
    secondary: Step | None = None
    more: tuple[Step, ...] = ()


S = OrderStatus

AT_HAND: dict[OrderStatus, tuple[Step, ...]] = {
    S.DRAFT: (
        Step.SUBMIT,
        Step.COLLECT,
        Step.REQUEST,
        Step.EDIT_LINES,
        Step.EDIT_TERMS,
        Step.BOOK,
        Step.NOTE,
        Step.CANCEL,
    ),
    S.AWAITING_APPROVAL: (Step.REMIND, Step.COLLECT, Step.CONVERT_TO_DRAFT, Step.NOTE, Step.CANCEL),
    S.DECLINED: (Step.REMIND, Step.COLLECT, Step.CONVERT_TO_DRAFT, Step.NOTE, Step.CANCEL),
    S.BOOKED: (Step.SEND_LINK, Step.REQUEST, Step.NOTE, Step.CANCEL),
    S.SCHEDULED: (Step.SEND_LINK, Step.REQUEST, Step.NOTE, Step.CANCEL),
    S.ACTIVATED: (Step.SEND_LINK, Step.REQUEST, Step.RENEW, Step.NOTE, Step.TERMINATE),
    S.COMPLETED: (Step.SEND_LINK, Step.REQUEST, Step.RENEW, Step.NOTE),
    S.CANCELLED: (Step.NOTE,),
}


def decide(situation: Situation) -> Decision:
    """The story, its one primary step, perhaps a second, and every other step at hand for the menu."""
    story, primary, secondary = _chosen(situation)
    left_out = {primary, secondary} | _pointless(situation)
    more = tuple(step for step in AT_HAND[situation.status] if step not in left_out)
    return Decision(story, primary, secondary, more)


Choice = tuple[Story, Step | None, Step | None]


def _chosen(s: Situation) -> Choice:
    if s.confirming:
        return Story.CONFIRMING, None, None
    if s.status is S.DRAFT:
        return _draft(s)
    if s.status is S.AWAITING_APPROVAL:
        return _awaiting(s)
    if s.status is S.DECLINED:
        return _declined(s)
    return _after_booking(s)


def _draft(s: Situation) -> Choice:
    if not s.has_lines:
        return Story.NO_LINES, Step.EDIT_LINES, None
    if s.missing_links:
        return Story.GAP, Step.SUBMIT, Step.EDIT_LINES
    if s.returned in (Story.CHANGE_REQUESTED, Story.CUSTOMER_DECLINED):
        return s.returned, Step.EDIT_LINES, Step.SUBMIT
    if s.returned is not None:
        return s.returned, Step.SUBMIT, Step.EDIT_LINES
    return Story.READY_TO_SEND, Step.SUBMIT, Step.EDIT_LINES if s.due_now else Step.BOOK


def _awaiting(s: Situation) -> Choice:
    if s.approval is ApprovalStage.SIGNED:
        return Story.NOT_PAID, Step.REMIND, Step.COLLECT
    if s.approval is ApprovalStage.PREPARING:
        return Story.PREPARING, None, Step.CONVERT_TO_DRAFT
    story = Story.NOT_SIGNED if s.approval is ApprovalStage.VIEWED else Story.NOT_OPENED
    return story, Step.REMIND, Step.CONVERT_TO_DRAFT


def _declined(s: Situation) -> Choice:
    """Another card is the way out where a retry cannot work; the customer's own link takes one at once."""
    if s.approval is ApprovalStage.NONE:
        return Story.PAYMENT_DECLINED, Step.COLLECT, Step.CONVERT_TO_DRAFT
    return Story.PAYMENT_DECLINED, Step.REMIND, Step.COLLECT if s.retry_helps else Step.CONVERT_TO_DRAFT


def _after_booking(s: Situation) -> Choice:
    if s.status is S.CANCELLED:
        return Story.CANCELLED, None, None
    if s.link_to_send:
        return Story.REQUESTED, Step.SEND_LINK, None
    if s.open_request:
        return Story.REQUESTED, None, None
    if s.overdue:
        return Story.OVERDUE, Step.REQUEST if s.unrequested else None, None
    if s.invoiced:
        return Story.INVOICED, None, Step.REQUEST if s.unrequested else None
    if s.owed_now:
        return Story.OWED, Step.REQUEST, None
    if s.term_ends and Step.RENEW in AT_HAND[s.status]:
        return Story.TERM_ENDS, Step.RENEW, Step.REQUEST if s.unrequested else None
    if s.unrequested:
        return Story.LATER, None, Step.REQUEST
    quiet = {S.BOOKED: Story.BOOKED, S.SCHEDULED: Story.SCHEDULED, S.COMPLETED: Story.COMPLETED}
    return quiet.get(s.status, Story.SETTLED), None, None


def _pointless(s: Situation) -> set[Step | None]:
    """Steps that would lead nowhere; a step somebody is not allowed is never left out, it says why."""
    found: set[Step | None] = set()
    if not s.link_to_send:
        found.add(Step.SEND_LINK)
    if not s.unrequested:
        found.add(Step.REQUEST)
    if not s.term_ends:
        found.add(Step.RENEW)
    if not s.due_now:
        found.add(Step.COLLECT)
    else:
        found.add(Step.BOOK)
    if s.approval in (ApprovalStage.NONE, ApprovalStage.PREPARING):
        found.add(Step.REMIND)
    return found
