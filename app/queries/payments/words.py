"""Declines, checkouts and happenings of a payment order in words for staff."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext, lazy_gettext
from sqlalchemy import Row

from ...formatting import money
from ...mail.kinds import NAMES
from ...money import Money
from ...states import declines
from ...states.attempt import AttemptStatus
from ..orders.happenings import REVERSALS, Words
from ..orders.views import EntryView


def _(text: str) -> Any:
    return lazy_gettext(text)


def of_decline(row: Row[Any]) -> tuple[str, str]:
    """Why, and what can help, by the attempt's code and the processor's advice."""
    found = declines.explain(row.decline_code, row.advice)
    return gettext(found.staff), gettext(found.staff_next)


def of_failure(row: Row[Any]) -> tuple[str, str]:
    """A try that came to nothing: what happened to which card, and what can help."""
    card = row.card_label or gettext("The card")
    if row.status is AttemptStatus.DECLINED:
        reason, remedy = of_decline(row)
        return gettext("%(card)s was declined: %(why)s", card=card, why=reason[:1].lower() + reason[1:]), remedy
    title = gettext("The payment with %(card)s was not completed.", card=card)
    return title, " ".join(x for x in (sentence(row.error), gettext("You can simply try again.")) if x)


def sentence(text: str | None) -> str | None:
    """A gateway's own words, which may lack their full stop."""
    return text if not text or text[-1] in ".!?" else f"{text}."


def of_attempt(row: Row[Any]) -> tuple[str | None, str | None]:
    """Why it did not work out, and what can help, where there is something to say."""
    if row.status is AttemptStatus.DECLINED:
        return of_decline(row)
    if row.status is AttemptStatus.UNKNOWN:
        return sentence(row.error), gettext("It is asked about by itself and never charged a second time.")
    failed = row.status in (AttemptStatus.FAILED, AttemptStatus.CANCELLED)
    return (sentence(row.error), None) if failed else (None, None)


def of_mail(kind: str) -> str:
    return gettext(NAMES[kind])


HISTORY: dict[tuple[str, str], Words] = {
    **REVERSALS,
    ("payment_order", "bounced"): Words("arrow-back-up", _("took back %(amount)s that never arrived"), "bad"),
    ("payment_order", "given_back"): Words("receipt-refund", _("gave back %(amount)s, receipt %(number)s"), "warn"),
    ("payment_order", "lapses"): Words("hourglass", _("warned: the authorization lapses soon"), "warn"),
    ("payment_order", "created"): Words("coins", _("asked for %(amount)s")),
    ("payment_order", "cancel"): Words("ban", _("cancelled the payment order")),
    ("payment_order", "renewed"): Words("refresh", _("asked for %(amount)s after the order changed")),
    ("payment_order", "lowered"): Words("coins", _("asks for %(amount)s less"), "info"),
    ("payment_order", "receipt"): Words("receipt", _("received %(amount)s, receipt %(number)s"), "ok"),
    ("payment_order", "repaired"): Words("refresh", _("repaired what should have followed a payment"), "info"),
    ("payment_intent", "opened"): Words("link", _("opened a checkout of %(amount)s")),
    ("payment_intent", "pay"): Words("circle-check", _("paid the checkout"), "ok"),
    ("payment_intent", "expire"): Words("hourglass", _("closed a checkout: its time was over"), "warn"),
    ("payment_intent", "revoke"): Words("link-off", _("revoked the link"), "warn"),
    ("payment_intent", "supersede"): Words("history", _("replaced the checkout by a newer one")),
    ("payment_intent", "cancel"): Words("ban", _("closed the checkout")),
    ("payment_intent", "rotated"): Words("refresh", _("gave the link another address; the old one is dead"), "warn"),
    ("payment_intent", "extended"): Words("calendar-time", _("let the link live longer, until %(until)s")),
    ("payment_intent", "tries_granted"): Words("repeat", _("granted more tries: %(limit)s in all")),
    ("payment_intent", "forwarded"): Words("mail-forward", _("passed the link on to %(to)s")),
    ("payment_intent", "viewed"): Words("eye", _("opened the link")),
    ("attempt", "started"): Words("credit-card", _("tried %(card)s for %(amount)s")),
    ("attempt", "fell_back"): Words("arrow-right", _("went on to %(gateway)s: %(first)s was not reached"), "warn"),
    ("attempt", "no_fallback"): Words("alert-triangle", _("could not go on to the fallback gateway"), "warn"),
    ("attempt", "succeed"): Words("circle-check", _("heard that the payment succeeded"), "ok"),
    ("attempt", "decline"): Words("circle-x", _("heard that the card was declined"), "bad"),
    ("attempt", "fail"): Words("alert-triangle", _("heard that the payment failed"), "bad"),
    ("attempt", "ask_action"): Words("shield-check", _("was told that the bank asks the cardholder"), "warn"),
    ("attempt", "wait"): Words("clock", _("waits for the bank"), "info"),
    ("attempt", "lose_sight"): Words("refresh", _("has no answer yet and asks the gateway again"), "warn"),
    ("attempt", "cancel"): Words("ban", _("gave the payment up")),
    ("post_processing", "retried"): Words("refresh", _("had the steps after the payment tried again")),
    ("attempt", "quarantined"): Words("alert-triangle", _("put an answer aside that does not match"), "bad"),
}


def of_event(row: Row[Any]) -> EntryView:
    """One row of history; an event that nobody worded keeps its own name."""
    told = HISTORY.get((row.entity, row.event)) or Words("history", row.event.replace("_", " "))
    data = {"card": gettext("a card"), "number": "", **(row.data or {})}
    if "amount" in data and "currency" in data:
        data["amount"] = money(Money(data["amount"], data["currency"]))
    data["card"] = data["card"] or gettext("a card")
    return EntryView(
        kind="history",
        icon=told.icon,
        who=row.actor_name,
        what=str(told.what) % data,
        at=row.at,
        words=row.because,
        tone=told.tone,
    )
