"""How a payment order stands, in a sentence, with the one thing to do next."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext as _
from flask_babel import ngettext

from ...formatting import ago, day, money
from ...models import CollectionMethod
from ...states.mail import AMISS
from ..orders.views import Action, DeclineView, NextStep
from ..orders.waiting import WORDS
from . import actions, words
from .facts import Collection

LAPSES_SOON = timedelta(days=2)
ORDER = ("charge", "send_link", "offline", "revoke_link", "withdraw", "capture", "void", "refund", "dispute", "pack")
BY_STAFF = (CollectionMethod.SAVED_METHOD, CollectionMethod.STAFF_CARD)


def view(collection: Collection) -> NextStep:
    sentence, detail, icon, tone = _told(collection)
    first, second = _steps(collection)
    rest = [key for key in ORDER if key not in (first, second)]
    return NextStep(
        sentence=sentence,
        detail=detail,
        icon=icon,
        tone=tone,  # type: ignore[arg-type]
        primary=_find(collection, first),
        secondary=_find(collection, second),
        more=tuple(a for key in rest if (a := _find(collection, key)) is not None),
    )


def _find(collection: Collection, key: str | None) -> Action | None:
    if key is None:
        return None
    label = None
    if key == "send_link" and collection.has_live_link:
        label = _("Send the link again")
    if key == "charge" and collection.challenged is not None:
        label = _("Confirm with the cardholder")
    return actions.find(collection, key, label)


def _steps(collection: Collection) -> tuple[str | None, str | None]:
    """Primary and secondary: the way the payment order is meant to be collected, then the other one."""
    if collection.challenged is not None:
        return "charge", None
    if collection.figures.held:
        return "capture", "void"
    if not collection.is_open or collection.source.confirming:
        return None, None
    if collection.source.held_by_customer:
        return "charge", None
    if collection.row.collection is CollectionMethod.OFFLINE:
        return "offline", "send_link"
    if collection.last_failure is not None or collection.row.collection in BY_STAFF:
        return "charge", "send_link"
    return "send_link", "charge"


Told = tuple[str, str | None, str, str]
"""Sentence, detail, icon, tone."""


def _told(collection: Collection) -> Told:
    if collection.is_cancelled:
        return _("This payment order is cancelled."), _("Nothing is collected with it any more."), "ban", ""
    if collection.figures.held:
        return _held(collection)
    if not collection.is_open:
        return _paid(collection)
    if collection.challenged is not None:
        detail = _("Answer it with them, or take another way; nothing is charged until then.")
        told = _("The bank asks the cardholder to confirm %(amount)s.", amount=_due(collection))
        return told, detail, "shield-check", "warn"
    if (waiting := waits(collection)) is not None:
        return waiting, _("Nothing can be changed until the gateway has said how it ends."), "refresh", "info"
    if (found := decline(collection)) is not None:
        return found.title, found.advice, "circle-x", "bad"
    if collection.source.held_by_customer:
        detail = _("It is part of what they are asked to sign and pay in one go.")
        return _("%(amount)s is asked for with the signature.", amount=_due(collection)), detail, "signature", "info"
    return _asked(collection)


def _due(collection: Collection) -> str:
    return money(collection.balance)


def _held(collection: Collection) -> Told:
    amount, until = money(collection.source.money(collection.figures.held)), collection.held_until
    detail = _("Nothing is charged yet. Capture it, or let it go.")
    if until is not None:
        detail = _("Nothing is charged yet. The bank holds it until %(when)s.", when=day(until))
    lapses = until is not None and until - collection.source.now < LAPSES_SOON
    if (due := collection.figures.to_come) < collection.figures.held:
        detail += " " + _("Only %(amount)s of it is still due.", amount=money(collection.source.money(due)))
    told = _("%(amount)s is authorized.", amount=amount)
    return told, detail, "shield-check", "warn" if lapses else "info"


def _paid(collection: Collection) -> Told:
    figures, amount_of = collection.figures, collection.source.money
    if figures.contested:
        told = _("The customer's bank contests %(amount)s.", amount=money(amount_of(figures.contested)))
        return (
            told,
            _("Answer it before its day is over; the dispute says what the bank asks."),
            "alert-triangle",
            "bad",
        )
    if figures.disputed:
        told = _("%(amount)s went back to the cardholder's bank.", amount=money(amount_of(figures.disputed)))
        detail = _("What it had paid is owed again, and is asked for anew with a payment order of its own.")
        return told, detail, "arrow-back-up", "bad"
    if figures.refunded:
        told = _("%(amount)s is refunded.", amount=money(amount_of(figures.refunded)))
        kept = _("%(amount)s is kept.", amount=money(amount_of(figures.kept)))
        return told, kept if figures.kept else None, "receipt-refund", ""
    proven = next((x for x in collection.attempts if x.receipt_id is not None and x.receipt_amount > 0), None)
    amount = money(collection.source.money(collection.figures.captured))
    detail = f"{proven.receipt_number}, {proven.paid_with}, {ago(proven.receipt_at)}" if proven else None
    return _("%(amount)s is paid.", amount=amount), detail, "circle-check", "ok"


def _asked(collection: Collection) -> Told:
    row, amount = collection.row, _due(collection)
    if row.mail_status in AMISS:
        detail = row.last_error or _("The mail server refused it.")
        return _("The mail with the link did not arrive."), detail, "mail-x", "bad"
    if collection.has_live_link:
        detail = _("It lives until %(day)s.", day=day(row.expires_at)) + " " + _tries(collection)
        return _("The customer has a link to pay %(amount)s.", amount=amount), detail, "link", "info"
    if row.collection is CollectionMethod.OFFLINE:
        return _("%(amount)s is requested, to be paid offline.", amount=amount), None, "coins", ""
    return _("%(amount)s is requested.", amount=amount), _("The customer has no live link to pay it."), "coins", ""


def _tries(collection: Collection) -> str:
    left = max(collection.row.attempt_limit - collection.row.tries, 0)
    return ngettext("%(num)d try is left.", "%(num)d tries are left.", left)


def waits(collection: Collection) -> str | None:
    """What is going on while an outcome is open; None if nothing is."""
    said = WORDS.get(collection.row.last_attempt) if collection.is_open else None
    return str(said()) % {"amount": _due(collection)} if said else None


def decline(collection: Collection) -> DeclineView | None:
    """The decline coach: why the last try came to nothing, whether a retry can work, what else can."""
    row = collection.last_failure
    if row is None:
        return None
    title, remedy = words.of_failure(row)
    tried = len({x.id for x in collection.attempts})
    return DeclineView(title=title, advice=remedy, at=row.created_at, attempt=tried)
