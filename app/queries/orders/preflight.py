"""Everything on one screen before a link leaves the house."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flask_babel import gettext as _

from ... import settings
from ...clock import end_of_day
from ...mail import suppression
from ...money import Money
from ...navigation import company
from ...values import Value
from .. import routes

if TYPE_CHECKING:
    from .facts import Facts


class Check(Value):
    """One thing that must hold, or is good to know: pass, warn or block (badges.CHECK)."""

    verdict: str
    what: str
    reason: str


class Preflight(Value):
    """`due_now` is paid by card in the flow; `transfers` is due then, too, by bank transfer."""

    total: Money
    due_now: Money | None
    transfers: Money | None
    expires_at: datetime | None
    checks: tuple[Check, ...]

    @property
    def blocked(self) -> bool:
        return any(check.verdict == "block" for check in self.checks)


def of_approval(facts: Facts) -> Preflight:
    due = facts.rest_at_signature
    return Preflight(
        total=facts.totals.gross,
        due_now=due or None,
        transfers=facts.transfers_at_signature or None,
        expires_at=_expires_at(facts),
        checks=tuple(_checks(facts, bool(due))),
    )


def _expires_at(facts: Facts) -> datetime | None:
    """As the submission will reckon: the setting's days, and never longer than the quote."""
    if facts.row.quote_expires_on is None:
        return None
    life = timedelta(days=settings.get(settings.APPROVAL_LINK_DAYS))
    return min(facts.now + life, end_of_day(facts.row.quote_expires_on, company().time_zone))


def _checks(facts: Facts, pays: bool) -> list[Check]:
    row = facts.row
    return [
        Check("pass" if facts.lines else "block", _("Lines"), _("%(n)s lines are sold.", n=len(facts.lines))),
        _link(_("Quote"), row.quote_id, row.quote_number),
        _link(_("Opportunity"), row.opportunity_id, row.opportunity_name),
        _quote_in_force(facts),
        *_recipient(facts),
        Check("block", _("Hold"), row.hold_reason) if row.hold_reason else Check("pass", _("Hold"), _("None.")),
        *([_route(facts)] if pays else []),
        *([Check("warn", facts.unapplied.what, facts.unapplied.reason)] if facts.unapplied else []),
    ]


def _recipient(facts: Facts) -> list[Check]:
    """Whom the order's contact makes it go to; another one may still be chosen below."""
    email = facts.row.contact_email
    if not email:
        return []
    if (why := suppression.among([email])) and email in why:
        return [Check("warn", _("Goes to"), why[email] + " " + _("Choose another contact."))]
    paper = _("with %(file)s attached", file=f"{facts.row.number}.pdf")
    return [Check("pass", _("Goes to"), _("%(to)s, contact of the order, %(paper)s.", to=email, paper=paper))]


def _link(name: str, id: int | None, words: str | None) -> Check:
    if id is None:
        return Check("block", name, _("Not linked; nothing is sent without it. Sales operations can link it."))
    return Check("pass", name, words or "")


def _quote_in_force(facts: Facts) -> Check:
    last_day = facts.row.quote_expires_on
    if last_day is not None and last_day < facts.today:
        return Check("block", _("Quote valid"), _("It has expired. Revise it and have it approved."))
    return Check("pass", _("Quote valid"), _("In force."))


def _route(facts: Facts) -> Check:
    """Whether a card could be charged at all; which card is the customer's to choose."""
    found = facts.way_of(facts.rest_at_signature)
    if found is None:
        missing = _("No route takes this currency at the moment.") + " " + _("A payment admin can open a route for it.")
        return Check("block", _("Payment route"), missing)
    if not found.open:
        return Check("block", _("Payment route"), routes.why_closed(found))
    return Check("pass", _("Payment route"), found.route.name)
