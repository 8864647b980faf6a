"""Terms and payment plan in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _
from flask_babel import ngettext

from ...formatting import day
from ...models import CollectionMethod, Due, Frequency, Renewal

if TYPE_CHECKING:
    from .facts import PlanStep


def terms(row: Any) -> tuple[str, ...]:
    """Of an order or a quote, or a row of one."""
    length = ngettext("%(num)d month", "%(num)d months", row.term_months) if row.term_months else _("Open end")
    billed = {
        Frequency.WEEKLY: _("billed weekly"),
        Frequency.MONTHLY: _("billed monthly"),
        Frequency.QUARTERLY: _("billed quarterly"),
        Frequency.YEARLY: _("billed yearly"),
        None: _("billed once"),
    }[row.billing_frequency]
    renews = {
        Renewal.AUTO: _("renews automatically"),
        Renewal.MANUAL: _("renewal to be agreed"),
        Renewal.NONE: _("does not renew"),
    }[row.renewal]
    if row.billing_frequency is None and row.term_months is None:
        return (_("One-time"),)
    return f"{length}, {billed}", renews


def payment_terms(days: int) -> str:
    return ngettext("invoices due in %(num)d day", "invoices due in %(num)d days", days)


def due_words(step: PlanStep) -> str:
    if step.due is Due.DATE and step.due_date:
        return day(step.due_date)
    return {Due.SIGNATURE: _("On signing"), Due.DELIVERY: _("On delivery"), Due.DATE: _("On a date")}[step.due]


def collection_words(method: CollectionMethod) -> str:
    return {
        CollectionMethod.PAYMENT_LINK: _("by payment link"),
        CollectionMethod.SAVED_METHOD: _("from the card on file"),
        CollectionMethod.STAFF_CARD: _("card taken by staff"),
        CollectionMethod.OFFLINE: _("offline"),
    }[method]
