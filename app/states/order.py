"""Sales order: from the converted quote to completion. The table is that of the order specification."""

from enum import StrEnum


class OrderStatus(StrEnum):
    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    DECLINED = "declined"
    BOOKED = "booked"
    SCHEDULED = "scheduled"
    ACTIVATED = "activated"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class OrderEvent(StrEnum):
    SUBMIT = "submit_for_approval"
    BOOK = "book"
    FIRST_PAYMENT = "first_payment_received"
    CUSTOMER_APPROVED = "customer_approved"
    CUSTOMER_DECLINED = "customer_declined"
    CHANGE_REQUESTED = "change_requested"
    PAYMENT_DECLINED = "payment_declined"
    CONVERT_TO_DRAFT = "convert_to_draft"
    ACTIVATE = "activate"
    SCHEDULE = "schedule"
    START_REACHED = "start_reached"
    COMPLETE = "complete"
    CANCEL = "cancel"
    TERMINATE = "terminate"
    LINK_EXPIRED = "link_expired"


S, E = OrderStatus, OrderEvent

EDGES: dict[tuple[OrderStatus, OrderEvent], OrderStatus] = {
    (S.DRAFT, E.SUBMIT): S.AWAITING_APPROVAL,
    (S.DRAFT, E.BOOK): S.BOOKED,
    (S.DRAFT, E.FIRST_PAYMENT): S.BOOKED,
    (S.AWAITING_APPROVAL, E.FIRST_PAYMENT): S.BOOKED,
    (S.DECLINED, E.FIRST_PAYMENT): S.BOOKED,
    (S.BOOKED, E.FIRST_PAYMENT): S.BOOKED,
    (S.AWAITING_APPROVAL, E.CUSTOMER_APPROVED): S.BOOKED,
    # Signed after a declined card, and payment was switched off since: nothing is left to wait for.
    (S.DECLINED, E.CUSTOMER_APPROVED): S.BOOKED,
    (S.AWAITING_APPROVAL, E.CUSTOMER_DECLINED): S.DRAFT,
    (S.DECLINED, E.CUSTOMER_DECLINED): S.DRAFT,
    (S.AWAITING_APPROVAL, E.CHANGE_REQUESTED): S.DRAFT,
    (S.DECLINED, E.CHANGE_REQUESTED): S.DRAFT,
    (S.DRAFT, E.PAYMENT_DECLINED): S.DECLINED,
    (S.AWAITING_APPROVAL, E.PAYMENT_DECLINED): S.DECLINED,
    (S.DECLINED, E.PAYMENT_DECLINED): S.DECLINED,
    (S.BOOKED, E.PAYMENT_DECLINED): S.BOOKED,
    (S.DECLINED, E.CONVERT_TO_DRAFT): S.DRAFT,
    (S.AWAITING_APPROVAL, E.CONVERT_TO_DRAFT): S.DRAFT,
    (S.BOOKED, E.ACTIVATE): S.ACTIVATED,
    (S.BOOKED, E.SCHEDULE): S.SCHEDULED,
    (S.SCHEDULED, E.START_REACHED): S.ACTIVATED,
    (S.ACTIVATED, E.COMPLETE): S.COMPLETED,
    (S.DRAFT, E.CANCEL): S.CANCELLED,
    (S.AWAITING_APPROVAL, E.CANCEL): S.CANCELLED,
    (S.DECLINED, E.CANCEL): S.CANCELLED,
    (S.BOOKED, E.CANCEL): S.CANCELLED,
    (S.SCHEDULED, E.CANCEL): S.CANCELLED,
    (S.ACTIVATED, E.TERMINATE): S.CANCELLED,
    (S.AWAITING_APPROVAL, E.LINK_EXPIRED): S.DRAFT,
    (S.DECLINED, E.LINK_EXPIRED): S.DRAFT,
}

EDITABLE = frozenset({S.DRAFT})
BEFORE_BOOKING = frozenset({S.DRAFT, S.AWAITING_APPROVAL, S.DECLINED})
WITH_CUSTOMER = frozenset({S.AWAITING_APPROVAL, S.DECLINED})

CUSTOMER_WORDS: dict[OrderStatus, str] = {
    S.DRAFT: "Being prepared",
    S.AWAITING_APPROVAL: "Waiting for your approval",
    S.DECLINED: "Payment not completed",
    S.BOOKED: "Confirmed",
    S.SCHEDULED: "Confirmed, starts later",
    S.ACTIVATED: "Active",
    S.COMPLETED: "Completed",
    S.CANCELLED: "Cancelled",
}
