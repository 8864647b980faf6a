"""How a status looks to staff: word, tone and icon, in one place.

`badge_of("order", order.status)` in templates; the keys are the values of the enums in states/ and of the
derived statuses. Tones: ok, warn, bad, info, mute. Words are marked for translation here, translated on use.
"""

from functools import lru_cache
from typing import NamedTuple

from babel import Locale
from flask import Flask

from .language import gettext, locale
from .language import marked as _


class Badge(NamedTuple):
    word: str
    tone: str
    icon: str


ORDER = {
    "draft": Badge(_("Draft"), "mute", "pencil"),
    "awaiting_approval": Badge(_("Awaiting approval"), "info", "clock"),
    "declined": Badge(_("Declined"), "bad", "circle-x"),
    "booked": Badge(_("Booked"), "info", "circle-check"),
    "scheduled": Badge(_("Scheduled"), "info", "calendar"),
    "activated": Badge(_("Activated"), "ok", "circle-check"),
    "completed": Badge(_("Completed"), "ok", "check"),
    "cancelled": Badge(_("Cancelled"), "mute", "ban"),
}

QUOTE = {
    "draft": Badge(_("Draft"), "mute", "pencil"),
    "submitted": Badge(_("Submitted"), "info", "clock"),
    "approved": Badge(_("Approved"), "ok", "circle-check"),
    "rejected": Badge(_("Rejected"), "bad", "circle-x"),
    "converted": Badge(_("Converted"), "ok", "check"),
    "expired": Badge(_("Expired"), "warn", "hourglass"),
    "superseded": Badge(_("Superseded"), "mute", "history"),
}

APPROVAL = {
    "pending": Badge(_("Waiting for signature"), "info", "clock"),
    "signed": Badge(_("Signed"), "ok", "signature"),
    "declined": Badge(_("Declined by customer"), "bad", "thumb-down"),
    "change_requested": Badge(_("Change requested"), "warn", "message"),
    "revoked": Badge(_("Revoked"), "mute", "ban"),
    "expired": Badge(_("Expired"), "warn", "hourglass"),
}

PAYMENT = {
    "none": Badge(_("Nothing requested"), "mute", "circle-dashed"),
    "open": Badge(_("Open"), "warn", "clock"),
    "requested": Badge(_("Requested"), "warn", "clock"),
    "requires_action": Badge(_("Needs the payer"), "warn", "alert-circle"),
    "confirming": Badge(_("Confirming"), "info", "refresh"),
    "authorized": Badge(_("Authorized"), "info", "shield-check"),
    "declined": Badge(_("Declined"), "bad", "circle-x"),
    "part_paid": Badge(_("Part paid"), "warn", "circle-check"),
    "paid": Badge(_("Paid"), "ok", "circle-check"),
    "part_refunded": Badge(_("Part refunded"), "warn", "receipt-refund"),
    "refunded": Badge(_("Refunded"), "mute", "receipt-refund"),
    "disputed": Badge(_("Disputed"), "bad", "alert-triangle"),
    "charged_back": Badge(_("Charged back"), "bad", "arrow-back-up"),
    "cancelled": Badge(_("Cancelled"), "mute", "ban"),
    "expired": Badge(_("Expired"), "mute", "hourglass"),
}

INTENT = {
    "live": Badge(_("Live"), "info", "link"),
    "paid": Badge(_("Paid"), "ok", "circle-check"),
    "expired": Badge(_("Expired"), "mute", "hourglass"),
    "revoked": Badge(_("Revoked"), "mute", "link-off"),
    "superseded": Badge(_("Superseded"), "mute", "history"),
    "cancelled": Badge(_("Cancelled"), "mute", "ban"),
}

ATTEMPT = {
    "started": Badge(_("Started"), "info", "refresh"),
    "requires_action": Badge(_("Waiting for the bank's check"), "warn", "alert-circle"),
    "pending": Badge(_("Confirming"), "info", "refresh"),
    "unknown": Badge(_("Confirming with the gateway"), "warn", "refresh"),
    "succeeded": Badge(_("Succeeded"), "ok", "circle-check"),
    "declined": Badge(_("Declined"), "bad", "circle-x"),
    "failed": Badge(_("Failed"), "bad", "alert-triangle"),
    "cancelled": Badge(_("Cancelled"), "mute", "ban"),
}

MOVEMENT = {
    "requested": Badge(_("Waits for approval"), "warn", "clock"),
    "started": Badge(_("On its way"), "info", "refresh"),
    "pending": Badge(_("Pending at the bank"), "info", "clock"),
    "unknown": Badge(_("Confirming with the gateway"), "warn", "refresh"),
    "succeeded": Badge(_("Succeeded"), "ok", "circle-check"),
    "failed": Badge(_("Failed"), "bad", "alert-triangle"),
    "refused": Badge(_("Not approved"), "mute", "ban"),
    "returned": Badge(_("Came back"), "bad", "arrow-back-up"),
}

DISPUTE = {
    "needs_response": Badge(_("Needs an answer"), "bad", "alert-triangle"),
    "under_review": Badge(_("With the bank"), "info", "clock"),
    "won": Badge(_("Won"), "ok", "circle-check"),
    "lost": Badge(_("Lost"), "bad", "circle-x"),
    "accepted": Badge(_("Accepted"), "mute", "ban"),
}

INVOICE = {
    "none": Badge(_("Not issued"), "mute", "circle-dashed"),
    "draft": Badge(_("Draft"), "mute", "pencil"),
    "issued": Badge(_("Issued"), "info", "file-invoice"),
    "part_paid": Badge(_("Part paid"), "warn", "circle-check"),
    "paid": Badge(_("Paid"), "ok", "circle-check"),
    "overdue": Badge(_("Overdue"), "bad", "alert-triangle"),
    "credited": Badge(_("Credited"), "mute", "receipt-refund"),
    "written_off": Badge(_("Written off"), "mute", "ban"),
}

FULFILLMENT = {
    "none": Badge(_("Nothing to ship"), "mute", "circle-dashed"),
    "unsent": Badge(_("Not sent"), "mute", "package"),
    "sent": Badge(_("Sent"), "info", "send"),
    "accepted": Badge(_("Accepted"), "info", "circle-check"),
    "packed": Badge(_("Packed"), "info", "package"),
    "part_shipped": Badge(_("Part shipped"), "warn", "truck"),
    "shipped": Badge(_("Shipped"), "info", "truck"),
    "delivered": Badge(_("Delivered"), "ok", "circle-check"),
    "exception": Badge(_("Exception"), "bad", "alert-triangle"),
    "cancelled": Badge(_("Cancelled"), "mute", "ban"),
}

SYNC = {
    "not_sent": Badge(_("Not sent yet"), "mute", "circle-dashed"),
    "pending": Badge(_("Pending"), "info", "clock"),
    "in_sync": Badge(_("In sync"), "ok", "circle-check"),
    "stale": Badge(_("Stale"), "warn", "hourglass"),
    "failed": Badge(_("Failed"), "bad", "alert-triangle"),
}

MAIL = {
    "queued": Badge(_("Queued"), "info", "clock"),
    "sending": Badge(_("Sending"), "info", "send"),
    "sent": Badge(_("Sent"), "ok", "mail"),
    "delivered": Badge(_("Delivered"), "ok", "mail-opened"),
    "bounced": Badge(_("Bounced"), "bad", "mail-x"),
    "complained": Badge(_("Marked as spam"), "bad", "mail-x"),
    "failed": Badge(_("Not delivered"), "bad", "mail-x"),
}

VERDICT = {
    "ready": Badge(_("Ready"), "ok", "circle-check"),
    "retokenization_required": Badge(_("Retokenization required"), "warn", "refresh"),
    "new_method_required": Badge(_("New method required"), "bad", "credit-card-off"),
    "legacy": Badge(_("Legacy gateway"), "warn", "history"),
    "blocked": Badge(_("Blocked"), "bad", "ban"),
    "wait": Badge(_("Gateway unavailable"), "warn", "hourglass"),
}

GATEWAY = {
    "active": Badge(_("Active"), "ok", "circle-check"),
    "deprecated": Badge(_("Deprecated"), "warn", "history"),
    "removed": Badge(_("Removed"), "mute", "ban"),
    "unavailable": Badge(_("Unavailable"), "bad", "hourglass"),
}

MIGRATION = {
    "running": Badge(_("Running"), "info", "refresh"),
    "done": Badge(_("Done"), "ok", "circle-check"),
    "reversed": Badge(_("Taken back"), "mute", "arrow-back-up"),
    "detached": Badge(_("Done for good"), "ok", "check"),
}

FATE = {
    "ready": Badge(_("Ready"), "ok", "circle-check"),
    "new_card": Badge(_("Needs a new card"), "warn", "credit-card-off"),
    "blocked": Badge(_("Blocked"), "bad", "ban"),
}

REQUEST = {
    "live": Badge(_("Asked"), "info", "send"),
    "done": Badge(_("Card added"), "ok", "circle-check"),
    "expired": Badge(_("Expired"), "mute", "hourglass"),
    "revoked": Badge(_("Revoked"), "mute", "link-off"),
    "superseded": Badge(_("Superseded"), "mute", "history"),
}

SUBSCRIPTION = {
    "scheduled": Badge(_("Scheduled"), "info", "calendar"),
    "active": Badge(_("Active"), "ok", "circle-check"),
    "paused": Badge(_("Paused"), "warn", "clock"),
    "ended": Badge(_("Ended"), "mute", "ban"),
}

AGREEMENT = {
    "draft": Badge(_("Draft"), "mute", "pencil"),
    "active": Badge(_("Active"), "ok", "circle-check"),
    "not_live": Badge(_("Not live"), "warn", "alert-triangle"),
    "paused": Badge(_("Paused"), "warn", "clock"),
    "past_due": Badge(_("Past due"), "bad", "alert-circle"),
    "cancelled": Badge(_("Cancelled"), "mute", "ban"),
    "completed": Badge(_("Completed"), "mute", "check"),
}

SCHEDULED = {
    "scheduled": Badge(_("Scheduled"), "mute", "calendar"),
    "due": Badge(_("Due"), "warn", "hourglass"),
    "collecting": Badge(_("Being collected"), "info", "refresh"),
    "paid": Badge(_("Paid"), "ok", "circle-check"),
    "failed": Badge(_("Failed"), "bad", "circle-x"),
    "skipped": Badge(_("Skipped"), "mute", "minus"),
    "cancelled": Badge(_("Cancelled"), "mute", "ban"),
}

DUNNING = {
    "open": Badge(_("Being recovered"), "warn", "refresh"),
    "recovered": Badge(_("Recovered"), "ok", "circle-check"),
    "paused": Badge(_("Ended: paused"), "bad", "clock"),
    "cancelled": Badge(_("Ended: cancelled"), "bad", "ban"),
    "stopped": Badge(_("Stopped, unpaid"), "bad", "circle-x"),
    "waived": Badge(_("Given up"), "mute", "minus"),
}

CHECK = {
    "pass": Badge(_("Pass"), "ok", "circle-check"),
    "warn": Badge(_("Mind"), "warn", "alert-triangle"),
    "block": Badge(_("Blocks"), "bad", "circle-x"),
}

ROUTING = {
    "warehouse": Badge(_("Warehouse"), "mute", "building-warehouse"),
    "third_party": Badge(_("3PL"), "mute", "truck"),
    "digital": Badge(_("Digital"), "mute", "cloud-download"),
    "service": Badge(_("Service queue"), "mute", "headset"),
}

PAYOUT = {
    "pending": Badge(_("Being prepared"), "info", "clock"),
    "in_transit": Badge(_("On its way"), "info", "send"),
    "paid": Badge(_("Paid out"), "ok", "circle-check"),
    "failed": Badge(_("Sent back"), "bad", "alert-triangle"),
    "cancelled": Badge(_("Cancelled"), "mute", "ban"),
}

SETTLEMENT_EXCEPTION = {
    "open": Badge(_("Open"), "warn", "alert-circle"),
    "cleared": Badge(_("Cleared by itself"), "ok", "circle-check"),
    "accepted": Badge(_("Accepted"), "mute", "check"),
}

SETTLED = {
    "settled": Badge(_("Settled"), "ok", "circle-check"),
    "coming": Badge(_("On its way"), "info", "send"),
    "failed": Badge(_("Payout sent back"), "bad", "alert-triangle"),
    "exception": Badge(_("Settlement exception"), "warn", "alert-triangle"),
    "not_yet": Badge(_("Not settled yet"), "mute", "circle-dashed"),
}

SANDBOX = {
    "succeeded": Badge(_("Succeeded"), "ok", "circle-check"),
    "authorized": Badge(_("Authorized"), "info", "shield-check"),
    "voided": Badge(_("Voided"), "mute", "ban"),
    "requires_action": Badge(_("Waits for its cardholder"), "warn", "alert-circle"),
    "pending": Badge(_("Pending"), "info", "clock"),
    "declined": Badge(_("Declined"), "bad", "circle-x"),
    "cancelled": Badge(_("Cancelled"), "mute", "ban"),
    "failed": Badge(_("Failed"), "bad", "alert-triangle"),
    "needs_response": Badge(_("Needs an answer"), "warn", "alert-circle"),
    "under_review": Badge(_("Under review"), "info", "hourglass"),
    "won": Badge(_("Won"), "ok", "circle-check"),
    "lost": Badge(_("Lost"), "bad", "circle-x"),
    "paid": Badge(_("Paid out"), "ok", "circle-check"),
}

NOTICE = {
    "received": Badge(_("Being worked on"), "info", "refresh"),
    "parked": Badge(_("Waits for its payment"), "info", "hourglass"),
    "done": Badge(_("Done"), "ok", "circle-check"),
    "ignored": Badge(_("Nothing follows"), "mute", "minus"),
    "unmatched": Badge(_("Not ours"), "warn", "alert-circle"),
    "quarantined": Badge(_("Quarantined"), "bad", "ban"),
    "failed": Badge(_("Failed"), "bad", "alert-triangle"),
}

ESCALATION = {
    "open": Badge(_("Open"), "warn", "alert-circle"),
    "acknowledged": Badge(_("Taken up"), "info", "user-check"),
    "resolved": Badge(_("Resolved"), "ok", "circle-check"),
}

RUN = {
    "running": Badge(_("Running"), "info", "refresh"),
    "stopped": Badge(_("Stopped"), "warn", "ban"),
    "done": Badge(_("Done"), "ok", "circle-check"),
}

KINDS: dict[str, dict[str, Badge]] = {
    "order": ORDER,
    "quote": QUOTE,
    "approval": APPROVAL,
    "payment": PAYMENT,
    "intent": INTENT,
    "attempt": ATTEMPT,
    "movement": MOVEMENT,
    "dispute": DISPUTE,
    "invoice": INVOICE,
    "fulfillment": FULFILLMENT,
    "sync": SYNC,
    "mail": MAIL,
    "verdict": VERDICT,
    "gateway": GATEWAY,
    "migration": MIGRATION,
    "fate": FATE,
    "request": REQUEST,
    "subscription": SUBSCRIPTION,
    "agreement": AGREEMENT,
    "scheduled": SCHEDULED,
    "dunning": DUNNING,
    "check": CHECK,
    "routing": ROUTING,
    "sandbox": SANDBOX,
    "payout": PAYOUT,
    "settlement_exception": SETTLEMENT_EXCEPTION,
    "settled": SETTLED,
    "notice": NOTICE,
    "escalation": ESCALATION,
    "run": RUN,
}


def badge_of(kind: str, status: str) -> Badge:
    """Word, tone and icon of `status` in the reader's language. Raises KeyError for a status nobody named."""
    return _in_words(kind, status, locale())


def said(kind: str, status: str) -> str:
    """The word of `status` within a sentence: `awaiting approval`."""
    word = badge_of(kind, status).word
    return word[:1].lower() + word[1:]


@lru_cache(maxsize=1024)
def _in_words(kind: str, status: str, _where: Locale) -> Badge:
    badge = KINDS[kind][status]
    return badge._replace(word=gettext(badge.word))


def register(app: Flask) -> None:
    app.jinja_env.globals["badge_of"] = badge_of
