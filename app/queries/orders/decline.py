"""The decline coach: what the bank said in our words, whether a retry can work, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _
from sqlalchemy import Row

from ...states import declines
from ...states.attempt import AttemptStatus
from ...states.declines import DeclineClass
from ...states.order import BEFORE_BOOKING
from .next_best_action import ApprovalStage
from .views import Action, DeclineView

if TYPE_CHECKING:
    from .facts import Facts


def last(facts: Facts) -> DeclineView | None:
    """The last try, if it was declined and its money is still wanted."""
    row = _row(facts)
    if row is None:
        return None
    found = declines.explain(row.decline_code, row.advice)
    return DeclineView(
        title=_("%(card)s was declined: %(why)s", card=row.card_label or _("The card"), why=_lower(_(found.staff))),
        advice=_(found.staff_next),
        at=row.created_at,
        attempt=sum(1 for x in facts.attempts if x.payment_order_id == row.payment_order_id and x.id <= row.id),
        action=_way_out(facts),
    )


def _way_out(facts: Facts) -> Action | None:
    """The customer's own link takes another card at once; without one, staff collect."""
    if facts.approval_stage in (ApprovalStage.NONE, ApprovalStage.PREPARING):
        return (
            facts.actions.find("collect", label=_("Try another card")) if facts.row.status in BEFORE_BOOKING else None
        )
    return facts.actions.find("remind", label=_("Ask for another card"))


def retry_helps(facts: Facts) -> bool:
    row = _row(facts)
    return row is None or declines.explain(row.decline_code, row.advice).kind is not DeclineClass.STOP


def reason(row: Row[Any]) -> str | None:
    """Staff's words for an attempt that did not work out."""
    if row.status is AttemptStatus.DECLINED:
        return _(declines.explain(row.decline_code, row.advice).staff)
    return row.error if row.status in (AttemptStatus.FAILED, AttemptStatus.UNKNOWN) else None


def _row(facts: Facts) -> Row[Any] | None:
    open_ids = {x.row.id for x in facts.payment_orders if x.is_open}
    newest = next((x for x in facts.attempts if x.payment_order_id in open_ids), None)
    return newest if newest is not None and newest.status is AttemptStatus.DECLINED else None


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
