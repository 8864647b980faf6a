"""What a checkout is called: by what it is for, and who opened it."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext, lazy_gettext
from sqlalchemy import ColumnElement, Row, select

from ...models import ActorKind, History, IntentPurpose, PaymentIntent


def _(text: str) -> Any:
    return lazy_gettext(text)


PURPOSES = {
    IntentPurpose.LINK: _("Payment link"),
    IntentPurpose.APPROVAL: _("Payment step of the approval"),
    IntentPurpose.STAFF: _("Collected by staff"),
}
OPENED_BY: ColumnElement[str] = (
    select(History.actor_kind)
    .where(
        History.entity == PaymentIntent.__tablename__,
        History.entity_id == PaymentIntent.id,
        History.event == "opened",
    )
    .order_by(History.sequence)
    .limit(1)
    .correlate(PaymentIntent)
    .scalar_subquery()
    .label("opened_by")
)


def name(row: Row[Any]) -> str:
    """Of a row with its `purpose`, and whom it was `opened_by`."""
    if row.purpose is IntentPurpose.STAFF and row.opened_by == ActorKind.SYSTEM:
        return gettext("Charged by the schedule")
    return str(PURPOSES[row.purpose])
