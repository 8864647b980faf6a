"""What the page waits for: a customer on the checkout, or an outcome that is not known yet. Only then it refreshes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask_babel import gettext as _

from ...formatting import money
from ...states.attempt import AttemptStatus
from ...states.intent import IntentStatus

if TYPE_CHECKING:
    from ..payments.source import Source

ON_THE_CHECKOUT = timedelta(minutes=10)
"""How long after opening it a customer counts as being on the checkout."""


def words(facts: Source) -> str | None:
    return _attempt(facts) or _following_up(facts) or _visitor(facts)


def _attempt(facts: Source) -> str | None:
    open_one = next((x for x in facts.payment_orders if facts.confirming and x.row.last_attempt in WORDS), None)
    if open_one is None:
        return None
    return str(WORDS[open_one.row.last_attempt]()) % {"amount": money(facts.money(open_one.figures.balance))}


def _following_up(facts: Source) -> str | None:
    """Paid, and receipt, invoice and activation are being made."""
    unfinished = any(
        x.transaction_id is not None and x.done_at is None and x.post_processing_error is None for x in facts.attempts
    )
    return _("Paid. Receipt, invoice and activation follow in a moment.") if unfinished else None


def _visitor(facts: Source) -> str | None:
    since = facts.now - ON_THE_CHECKOUT
    visiting = any(
        x.is_open and x.row.intent_status is IntentStatus.LIVE and x.row.viewed_at and x.row.viewed_at > since
        for x in facts.payment_orders
    )
    return _("The customer is on the checkout.") if visiting else None


WORDS = {
    AttemptStatus.STARTED: lambda: _("%(amount)s is being charged."),
    AttemptStatus.PENDING: lambda: _("The bank is confirming %(amount)s."),
    AttemptStatus.REQUIRES_ACTION: lambda: _("The customer is confirming %(amount)s with their bank."),
    AttemptStatus.UNKNOWN: lambda: _("The gateway has not said yet what became of %(amount)s; it is asked again."),
}
