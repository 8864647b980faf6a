"""What waits of recurring payments: those that are due and that nobody was asked for."""

from __future__ import annotations

from flask_babel import gettext as _

from ...models import PaymentAgreement
from ..agreements import untaken
from ..agreements.untaken import Untaken
from ..orders.views import Link
from .views import Keys, Slice, Waiting, cut


def rows(keys: Keys) -> tuple[Slice, tuple[Waiting, ...]]:
    """Two statements."""
    found = cut(untaken.QUERY.where(untaken.waiting()), PaymentAgreement.id, keys)
    return found, tuple(map(_waiting, untaken.of(found.rows)))


def _waiting(row: Untaken) -> Waiting:
    return Waiting(
        id=row.agreement_id,
        title=_("Due, and not asked for"),
        detail=row.because,
        links=(Link(row.agreement, row.url),),
        names=row.customer,
        amount=row.amount,
        since=row.due_at,
        next_at=row.next_at,
    )
