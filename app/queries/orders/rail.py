"""The rail: what the order is linked to, whose it is, which cards it can charge, and its dates."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

from flask_babel import gettext as _

from ...access import Permission, why_not
from ...clock import local_date
from ...navigation import company
from ...states.order import BEFORE_BOOKING, OrderStatus
from . import fulfillment, methods
from .parties import account_link, coverage_url, quote_link
from .views import KeyDate, LinkCheck, PersonView, RailView

if TYPE_CHECKING:
    from .facts import Facts

State = Literal["ok", "missing", "not-due"]


def view(facts: Facts) -> RailView:
    return RailView(_links(facts), _people(facts), methods.views(facts), coverage_url(facts.row), _dates(facts))


def _links(facts: Facts) -> tuple[LinkCheck, ...]:
    """The links meter: quote, opportunity, account and contact must be there, the others come in their time."""
    row = facts.row
    quote = quote_link(row)
    ships = fulfillment.status(facts)
    payment = "#panel-payment" if why_not(facts.reader, Permission.PAYMENT_VIEW) is None else None
    return (
        LinkCheck(_("Quote"), _present(row.quote_id), quote.href if quote else None),
        LinkCheck(_("Opportunity"), _present(row.opportunity_id)),
        LinkCheck(_("Account"), "ok", account_link(row).href),
        LinkCheck(_("Contact"), _present(row.contact_id)),
        LinkCheck(_("Payment order"), _later(bool(facts.payment_orders)), payment),
        LinkCheck(_("Invoice"), _invoiced(facts), payment if facts.invoices else None),
        LinkCheck(_("Fulfillment"), _later(ships not in ("none", "unsent", "cancelled")), "#panel-fulfillment"),
        LinkCheck(_("Tracking"), "not-due"),
    )


def _present(id: int | None) -> State:
    return "missing" if id is None else "ok"


def _later(there: bool) -> State:
    return "ok" if there else "not-due"


def _invoiced(facts: Facts) -> State:
    """Money that was taken without an invoice is missing one."""
    if facts.invoices:
        return "ok"
    return "missing" if facts.figures.captured and facts.waiting is None else "not-due"


def _people(facts: Facts) -> tuple[PersonView, ...]:
    row = facts.row
    found = [PersonView(row.owner_name, _("Owner"), row.owner_email)]
    if row.contact_id is not None:
        found.append(PersonView(row.contact_name, row.contact_title or _("Contact"), row.contact_email))
    if row.billing_contact_id not in (None, row.contact_id):
        found.append(PersonView(row.billing_contact_name, _("Billing contact"), row.billing_contact_email))
    return tuple(found)


def _dates(facts: Facts) -> tuple[KeyDate, ...]:
    row, zone = facts.row, company().time_zone
    open_approval = row.status in BEFORE_BOOKING and row.approval_id is not None and row.closed_at is None
    candidates: tuple[tuple[str, date | None], ...] = (
        (_("Created"), local_date(row.created_at, zone)),
        (_("Quote valid until"), row.quote_expires_on if row.status in BEFORE_BOOKING else None),
        (_("Sent for approval"), local_date(row.sent_at, zone) if row.sent_at else None),
        (_("Link expires"), local_date(row.expires_at, zone) if open_approval else None),
        (_("Signed"), local_date(row.signed_at, zone) if row.signed_at else None),
        (_("Starts"), row.start_date if row.status is not OrderStatus.ACTIVATED else None),
        (_("Active since"), row.activated_on),
        (_("Invoice due"), min((x.due_date for x in facts.invoices if x.open and x.due_date), default=None)),
    )
    return tuple(KeyDate(label, on) for label, on in candidates if on is not None)
