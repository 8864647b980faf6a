"""What was repaired last, with the evidence before and after."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, or_, select

from ...badges import badge_of
from ...db import read_columns
from ...formatting import money
from ...models import History
from ...money import Money
from ...values import Value
from . import words
from .diagnosis import Repair

MOST = 20


class Repaired(Value):
    """`changes`: what it is, before and after, whatever is not the same."""

    what: str
    who: str
    at: datetime
    changes: tuple[tuple[str, str, str], ...]
    unchanged: tuple[tuple[str, str], ...]


def last(payment_order_ids: Collection[int], invoice_ids: Collection[int]) -> tuple[Repaired, ...]:
    """The newest first; one statement."""
    about = (("payment_order", payment_order_ids), ("invoice", invoice_ids))
    mine = [and_(History.entity == name, History.entity_id.in_(list(ids))) for name, ids in about]
    query = select(History.data, History.actor_name, History.at).where(History.event == "repaired", or_(*mine))
    return tuple(_read(row) for row in read_columns(query.order_by(History.id.desc()).limit(MOST)))


def _read(row: Row[Any]) -> Repaired:
    before, after = row.data["before"], row.data["after"]
    pairs = [(key, _shown(key, before.get(key)), _shown(key, after.get(key))) for key in words.EVIDENCE]
    return Repaired(
        what=str(words.DONE[Repair(row.data["repair"])]),
        who=row.actor_name,
        at=row.at,
        changes=tuple((str(words.EVIDENCE[k]), was, now) for k, was, now in pairs if was != now),
        unchanged=tuple((str(words.EVIDENCE[k]), now) for k, was, now in pairs if was == now and now),
    )


def _shown(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return money(Money(value["minor"], value["currency"]))
    return badge_of("invoice", value).word if key == "status" and value else str(value or "")
