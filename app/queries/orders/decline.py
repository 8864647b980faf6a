"""The decline coach: what the bank said in our words, whether a retry can work, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _
from sqlalchemy import Row

from ...states import declines
from ...states.attempt import AttemptStatus
from ...states.declines import DeclineClass
from ...states.order import BEFORE_BOOKING
from . import methods
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
    best = _best(facts, row.card_label)
    return DeclineView(
        title=_("%(card)s was declined: %(why)s", card=row.card_label or _("The card"), why=_lower(_(found.staff))),
        advice=_(found.staff_next),
        at=row.created_at,
        attempt=sum(1 for x in facts.attempts if x.payment_order_id == row.payment_order_id and x.id <= row.id),
        action=_way_out(facts),
        retry=_retry(found),
        suggested=_suggestion(best),
        charge=_charge(facts, row, best),
        mail=_mail(facts, row),
    )


def _retry(found: declines.Decline) -> str:
    """Whether the same card can work, and when."""
    if found.retry:
        return _("The same card may be tried again %(when)s.", when=_(found.retry))
    return _("Trying the same card again cannot work.")


def _best(facts: Facts, declined: str) -> Row[Any] | None:
    """The card on file to try instead: one that is ready and is not the declined one, the default first."""
    ready = [x for x in facts.methods if methods.coverage(facts, x).chargeable and methods.label(x) != declined]
    return next((x for x in ready if x.id == facts.row.default_method_id), ready[0] if ready else None)


def _suggestion(best: Row[Any] | None) -> str:
    if best is None:
        return _("No other card on file is ready, so the customer must enter one.")
    return _("%(card)s is on file and ready.", card=methods.label(best))


def _charge(facts: Facts, row: Row[Any], best: Row[Any] | None) -> Action | None:
    """Leads to the page where the card is chosen and the customer's word is asked for."""
    if best is None:
        return None
    label = _("Charge %(card)s", card=methods.label(best))
    if facts.row.status in BEFORE_BOOKING:
        return facts.actions.find("collect", label=label)
    return facts.actions.find("charge", label=label, number=row.payment_order_number)


def _mail(facts: Facts, row: Row[Any]) -> Action | None:
    """The mail with a link, drafted and looked over on its preflight; whoever has an approval link has one already."""
    if facts.held_by_customer:
        return None
    return facts.actions.find("send_link", label=_("Draft a mail with a link"), number=row.payment_order_number)


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
