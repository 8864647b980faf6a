"""What an order without quote or opportunity can be linked to: the account's own, and free."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import aliased

from ...db import db
from ...models import Opportunity, Quote, SalesOrder
from ...states.quote import UNDER_WAY, QuoteStatus
from ..calendar import selling_day
from .editing import Choice

MOST = 200


def quotes(account_id: int, currency: str) -> list[Choice]:
    """Approved quotes in force, in their latest version, that no order stands on; newest first."""
    later = aliased(Quote)
    newer = select(later.id).where(later.number == Quote.number, later.version > Quote.version)
    taken = select(SalesOrder.id).where(SalesOrder.quote_number == Quote.number)
    query = (
        select(Quote.id, Quote.number, Quote.version, Opportunity.name)
        .outerjoin(Opportunity, Opportunity.id == Quote.opportunity_id)
        .where(
            Quote.account_id == account_id,
            Quote.currency == currency,
            Quote.status == QuoteStatus.APPROVED,
            Quote.expires_on >= selling_day(),
            ~newer.where(later.status.in_(UNDER_WAY)).exists(),
            ~taken.exists(),
        )
        .order_by(Quote.id.desc())
        .limit(MOST)
    )
    return [
        (str(q.id), ", ".join(x for x in (f"{q.number} v{q.version}", q.name) if x)) for q in db.session.execute(query)
    ]


def opportunities(account_id: int) -> list[Choice]:
    query = select(Opportunity.id, Opportunity.name).where(Opportunity.account_id == account_id)
    return [(str(x.id), x.name) for x in db.session.execute(query.order_by(Opportunity.id.desc()).limit(MOST))]
