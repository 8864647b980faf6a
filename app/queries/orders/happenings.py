"""What happened, in a sentence each: the words of the timeline's entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import url_for
from flask_babel import gettext, lazy_gettext
from sqlalchemy import Row

from ...formatting import file_size, money
from ...mail.kinds import NAMES
from ...mail.policy import TO_COLLEAGUES
from ...models import SYSTEM, ActorKind
from ...money import Money
from ...states.mail import AMISS, ON_ITS_WAY
from ..agreements import words as agreements
from .views import Action, EntryView, Link

if TYPE_CHECKING:
    from .facts import Facts


class Words(NamedTuple):
    """`what` follows the name of whoever did it; it may use the entry's data and `amount`."""

    icon: str
    what: str
    tone: str = ""


def _(text: str) -> Any:
    return lazy_gettext(text)


REVERSALS: dict[tuple[str, str], Words] = {
    ("movement", "requested"): Words("receipt-refund", _("asked to refund %(amount)s"), "warn"),
    ("movement", "started"): Words("receipt-refund", _("asked the gateway for a %(action)s of %(amount)s")),
    ("movement", "elsewhere"): Words("receipt-refund", _("made a %(action)s of %(amount)s")),
    ("movement", "approve"): Words("circle-check", _("approved the refund of %(amount)s"), "ok"),
    ("movement", "refuse"): Words("ban", _("did not approve a refund"), "bad"),
    ("movement", "succeed"): Words("circle-check", _("heard that the %(action)s of %(amount)s succeeded"), "ok"),
    ("movement", "fail"): Words("alert-triangle", _("heard that the %(action)s of %(amount)s failed"), "bad"),
    ("movement", "wait"): Words("clock", _("waits for the bank to make the %(action)s of %(amount)s")),
    ("movement", "lose_sight"): Words("refresh", _("has no answer yet to the %(action)s of %(amount)s"), "warn"),
    ("movement", "return"): Words("arrow-back-up", _("heard that the refund of %(amount)s came back"), "bad"),
    ("movement", "note_stays"): Words(
        "alert-triangle", _("left credit note %(number)s as it is: it stays though its refund came back"), "warn"
    ),
    ("movement", "quarantined"): Words("alert-triangle", _("put an answer aside that does not match"), "bad"),
    ("dispute", "opened"): Words("alert-triangle", _("opened dispute %(number)s over %(amount)s"), "bad"),
    ("dispute", "escalated"): Words("alert-triangle", _("heard that the bank now contests %(amount)s"), "bad"),
    ("dispute", "money_debit"): Words("arrow-back-up", _("saw the bank take %(amount)s"), "bad"),
    ("dispute", "money_fee"): Words("coins", _("was charged a dispute fee of %(amount)s"), "warn"),
    ("dispute", "money_reinstatement"): Words("coins", _("got %(amount)s back from the bank"), "ok"),
    ("dispute", "money_fee_returned"): Words("coins", _("got the dispute fee of %(amount)s back"), "ok"),
    ("dispute", "evidence"): Words("file-text", _("handed in evidence")),
    ("dispute", "giving_in"): Words("ban", _("gave in to the dispute")),
    ("dispute", "due_soon"): Words("hourglass", _("warned: dispute %(number)s is due soon"), "warn"),
    ("dispute", "answer"): Words("send", _("answered dispute %(number)s"), "info"),
    ("dispute", "escalate"): Words("alert-triangle", _("heard that the bank wants more on dispute %(number)s"), "warn"),
    ("dispute", "appeal"): Words(
        "alert-triangle", _("heard that the decision on dispute %(number)s is contested"), "bad"
    ),
    ("dispute", "win"): Words("circle-check", _("won dispute %(number)s"), "ok"),
    ("dispute", "lose"): Words("circle-x", _("lost dispute %(number)s"), "bad"),
    ("dispute", "accept"): Words("ban", _("accepted dispute %(number)s"), "bad"),
}

AGREEMENTS = {key: Words(*words) for key, words in agreements.HISTORY.items()}

# (entity, event) of history; what is not here does not show on the timeline.
HISTORY: dict[tuple[str, str], Words] = {
    **REVERSALS,
    **AGREEMENTS,
    ("payment_order", "bounced"): Words("arrow-back-up", _("took back %(amount)s that never arrived"), "bad"),
    ("payment_order", "given_back"): Words("receipt-refund", _("gave back %(amount)s, receipt %(number)s"), "warn"),
    ("payment_order", "lapses"): Words("hourglass", _("warned: an authorization of %(amount)s lapses soon"), "warn"),
    ("sales_order", "converted"): Words("file-invoice", _("converted the order from %(quote)s v%(version)s")),
    ("sales_order", "synced"): Words("refresh", _("took over %(quote)s v%(version)s")),
    ("sales_order", "quote_linked"): Words("link", _("linked the order to %(quote)s v%(version)s")),
    ("sales_order", "opportunity_linked"): Words("link", _("linked the order to %(opportunity)s")),
    ("sales_order", "submit_for_approval"): Words("send", _("sent the order for approval to %(sent_to)s")),
    ("sales_order", "book"): Words("circle-check", _("booked the order on terms"), "ok"),
    ("sales_order", "first_payment_received"): Words("circle-check", _("paid %(amount)s; the order is booked"), "ok"),
    ("sales_order", "customer_approved"): Words("circle-check", _("approved the order; it is booked"), "ok"),
    ("sales_order", "customer_declined"): Words("thumb-down", _("declined the order"), "bad"),
    ("sales_order", "change_requested"): Words("message", _("asked for a change"), "warn"),
    ("sales_order", "payment_declined"): Words("circle-x", _("had a payment declined"), "bad"),
    ("sales_order", "convert_to_draft"): Words("arrow-back-up", _("took the order back to draft")),
    ("sales_order", "activate"): Words("circle-check", _("activated the order"), "ok"),
    ("sales_order", "schedule"): Words("calendar", _("scheduled the order for its start")),
    ("sales_order", "start_reached"): Words("circle-check", _("activated the order on its start date"), "ok"),
    ("sales_order", "complete"): Words("check", _("completed the order"), "ok"),
    ("sales_order", "cancel"): Words("ban", _("cancelled the order"), "bad"),
    ("sales_order", "terminate"): Words("ban", _("terminated the order"), "bad"),
    ("sales_order", "link_expired"): Words("hourglass", _("took the order back: the approval expired"), "warn"),
    ("sales_order", "lines_edited"): Words("list-check", _("edited the lines")),
    ("sales_order", "terms_edited"): Words("pencil", _("edited the terms")),
    ("sales_order", "contact_changed"): Words("user", _("changed the contact")),
    ("sales_order", "address_changed"): Words("building", _("changed an address")),
    ("sales_order", "tags_changed"): Words("tag", _("changed the tags")),
    ("sales_order", "lines_activated"): Words("circle-check", _("activated lines"), "ok"),
    ("sales_order", "late_money"): Words("alert-triangle", _("received %(amount)s too late to count"), "warn"),
    ("approval", "viewed"): Words("eye", _("opened the approval page")),
    ("approval", "sign"): Words("signature", _("signed the order"), "ok"),
    ("approval", "payment_forwarded"): Words("send", _("passed the payment on to %(to)s")),
    ("payment_order", "created"): Words("credit-card", _("asked for %(amount)s with %(number)s")),
    ("payment_order", "cancel"): Words("ban", _("withdrew a payment order")),
    ("payment_order", "renewed"): Words("refresh", _("asked for %(amount)s anew with %(number)s")),
    ("payment_order", "lowered"): Words("coins", _("asks for %(amount)s less with %(number)s"), "info"),
    ("payment_order", "receipt"): Words("receipt", _("paid %(amount)s, receipt %(number)s"), "ok"),
    ("payment_order", "repaired"): Words("refresh", _("repaired what should have followed a payment"), "info"),
    ("invoice", "repaired"): Words("refresh", _("had an invoice's balance recomputed"), "info"),
    ("payment_intent", "revoke"): Words("link-off", _("revoked a payment link"), "warn"),
    ("payment_intent", "expire"): Words("hourglass", _("closed a payment link: its time was over")),
    ("attempt", "fail"): Words("alert-triangle", _("saw a payment fail"), "bad"),
    ("attempt", "fell_back"): Words(
        "arrow-right", _("took a payment to %(gateway)s, since %(first)s could not be reached"), "warn"
    ),
    ("attempt", "lose_sight"): Words("refresh", _("is waiting to hear what became of a payment"), "warn"),
    ("attempt", "ask_action"): Words("shield-check", _("asked the bank to confirm a payment")),
    ("attempt", "cancel"): Words("ban", _("gave up a payment")),
    ("invoice", "reminders_stopped"): Words("ban", _("stopped the reminders of invoice %(number)s"), "warn"),
    ("invoice", "reminders_go_on"): Words("mail", _("let the reminders of invoice %(number)s go on")),
    ("invoice", "issue"): Words("file-invoice", _("issued invoice %(number)s")),
    ("post_processing", "failed"): Words("alert-triangle", _("could not finish a step after a payment"), "warn"),
}

BY_STAFF: dict[tuple[str, str], Words] = {
    ("sales_order", "first_payment_received"): Words(
        "circle-check", _("collected %(amount)s; the order is booked"), "ok"
    ),
    ("payment_order", "receipt"): Words("receipt", _("collected %(amount)s, receipt %(number)s"), "ok"),
}
"""What reads otherwise when it was not the customer's own hand."""

MAILS: dict[str, str] = {
    "approval_request": _("asked for approval by mail"),
    "payment_link": _("mailed a payment link"),
    "receipt": _("mailed the receipt"),
    "invoice": _("mailed an invoice"),
    "invoice_reminder": _("reminded the customer of an invoice"),
    "payment_declined": _("told the owner of a declined payment"),
    "customer_declined": _("told the owner that the customer declined"),
    "change_requested": _("told the owner that the customer wants a change"),
    "order_paid": _("told the owner of the payment"),
    "new_link_requested": _("told the owner that the customer needs a new link"),
    "refund": _("told the customer of the refund"),
    "authorization_released": _("told the customer that nothing is reserved any more"),
    "authorization_lapses": _("told the owner that an authorization lapses soon"),
    "dispute_opened": _("told the owner of the dispute"),
}


UNASKED = TO_COLLEAGUES | {"receipt", "refund", "authorization_released"}
"""Mails that go out by themselves, whoever's doing caused them."""


def _history(facts: Facts, row: Row[Any]) -> EntryView:
    key = (row.more, row.what)
    words = BY_STAFF.get(key, HISTORY[key]) if row.hand == ActorKind.USER else HISTORY[key]
    data = dict(row.data or {})
    if "amount" in data:
        data["amount"] = money(Money(data["amount"], data.get("currency", facts.row.currency)))
    return EntryView(
        kind="history",
        icon=words.icon,
        who=row.who,
        what=_filled(words.what, data),
        at=row.at,
        detail=", ".join(data["lines"]) if "lines" in data else None,
        words=row.words,
        tone=words.tone,
        changes=tuple((c["what"], c["before"], c["after"]) for c in data.get("changes", ()) if isinstance(c, dict)),
    )


def _filled(what: Any, data: dict[str, Any]) -> str:
    """The sentence with its data; one whose data an older version did not keep loses the part that needs it."""
    try:
        return str(what) % data
    except KeyError:
        return str(what).split("%(")[0].strip(" ,")


def _note(facts: Facts, row: Row[Any]) -> EntryView:
    return EntryView("note", "note", row.who, gettext("wrote a note"), row.at, words=row.words, visible=row.visible)


def _file(facts: Facts, row: Row[Any]) -> EntryView:
    href = url_for("orders.file", number=facts.row.number, file_id=row.id)
    return EntryView(
        kind="file",
        icon="paperclip",
        who=row.who,
        what=gettext("added"),
        at=row.at,
        link=Link(row.what, href),
        detail=file_size(row.size),
        visible=row.visible,
    )


def _mail(facts: Facts, row: Row[Any]) -> EntryView:
    again = None if row.more in ON_ITS_WAY or row.what in TO_COLLEAGUES else facts.actions.resend(row.id)
    return mail(row, url_for("orders.mail", number=facts.row.number, mail_id=row.id), again)


def mail(row: Row[Any], href: str, again: Action | None) -> EntryView:
    """A mail of whatever has a page; `again` sends it once more."""
    return EntryView(
        kind="mail",
        icon="mail",
        who=SYSTEM.name if row.what in UNASKED else row.who,
        what=str(MAILS.get(row.what) or gettext("sent a mail: %(kind)s", kind=gettext(NAMES.get(row.what, row.what)))),
        at=row.at,
        detail="; ".join(_recipient(r) for r in row.data or ()),
        words=row.words if row.more in AMISS else None,
        tone="bad" if row.more in AMISS else "",
        mail_status=row.more,
        link=Link(gettext("Open the mail"), href),
        action=again,
    )


def _recipient(recipient: dict[str, Any]) -> str:
    role = recipient.get("role", "to")
    prefix = "" if role == "to" else f"{role} "
    reason = recipient.get("reason")
    return f"{prefix}{recipient.get('address')}" + (f", {reason}" if reason else "")


ENTRIES: dict[str, Callable[[Any, Row[Any]], EntryView]] = {
    "note": _note,
    "mail": _mail,
    "file": _file,
    "history": _history,
}
