"""Terms, payment plan and history of a quote in words."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext

from ...formatting import day, percent
from ...models import CollectionMethod, Due, Frequency, History, Instalment, Quote, Renewal
from ..orders.views import EntryView


class Words(NamedTuple):
    icon: str
    what: Any
    tone: str = ""


HISTORY: dict[str, Words] = {
    "created": Words("file-text", lazy_gettext("wrote the quote")),
    "imported": Words("upload", lazy_gettext("imported the quote")),
    "edited": Words("pencil", lazy_gettext("edited the quote")),
    "submit": Words("send", lazy_gettext("submitted it for approval")),
    "withdraw": Words("arrow-back-up", lazy_gettext("withdrew it")),
    "approve": Words("circle-check", lazy_gettext("approved it"), "ok"),
    "reject": Words("circle-x", lazy_gettext("rejected it"), "bad"),
    "revised": Words("versions", lazy_gettext("began version %(version)s")),
    "revision_discarded": Words("trash", lazy_gettext("discarded version %(version)s")),
    "convert": Words("file-invoice", lazy_gettext("converted it into order %(order)s"), "ok"),
    "expire": Words("hourglass", lazy_gettext("closed it: its last day was over"), "warn"),
    "supersede": Words("history", lazy_gettext("put version %(version)s in its place")),
}


def entry(row: History) -> EntryView:
    words = HISTORY.get(row.event) or Words("history", row.event.replace("_", " "))
    return EntryView(
        kind="history",
        icon=words.icon,
        who=row.actor_name,
        what=str(words.what) % (row.data or {}),
        at=row.at,
        words=row.because,
        tone=words.tone,
        changes=tuple((c["what"], c["before"], c["after"]) for c in (row.data or {}).get("changes", ())),
    )


def terms(quote: Quote) -> tuple[str, ...]:
    if quote.billing_frequency is None and quote.term_months is None:
        return (_("One-time"),)
    length = ngettext("%(num)d month", "%(num)d months", quote.term_months) if quote.term_months else _("Open end")
    billed = {
        Frequency.WEEKLY: _("billed weekly"),
        Frequency.MONTHLY: _("billed monthly"),
        Frequency.QUARTERLY: _("billed quarterly"),
        Frequency.YEARLY: _("billed yearly"),
        None: _("billed once"),
    }[quote.billing_frequency]
    renews = {
        Renewal.AUTO: _("renews automatically"),
        Renewal.MANUAL: _("renewal to be agreed"),
        Renewal.NONE: _("does not renew"),
    }[quote.renewal]
    return f"{length}, {billed}", renews


def payment_terms(days: int) -> str:
    return ngettext("invoices due in %(num)d day", "invoices due in %(num)d days", days)


def due(step: Instalment) -> str:
    if step.due is Due.DATE and step.due_date:
        return day(step.due_date)
    return _("On signing") if step.due is Due.SIGNATURE else _("On delivery")


def share(step: Instalment) -> str | None:
    return percent(step.percent) if step.percent is not None else None


def collection(method: CollectionMethod) -> str:
    return {
        CollectionMethod.PAYMENT_LINK: _("by payment link"),
        CollectionMethod.SAVED_METHOD: _("from the card on file"),
        CollectionMethod.STAFF_CARD: _("card taken by staff"),
        CollectionMethod.OFFLINE: _("offline"),
    }[method]
