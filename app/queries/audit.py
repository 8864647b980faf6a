"""The audit trail, newest first, by key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select

from ..db import db
from ..models.company import Audit
from ..values import Value

PAGE = 50

# What the first part of an action belongs to; the rest is found under "all".
KINDS: dict[str, tuple[str, ...]] = {
    "money": (
        *("charge", "receipt", "payment_order", "payment_link", "method", "settlement", "receivables"),
        *("post_processing", "event"),
    ),
    "sandbox": ("sandbox",),
    "orders": ("order",),
    "settings": ("setting", "company", "terms", "gateway", "route"),
    "people": ("person", "password"),
}


class Entry(Value):
    id: int
    at: datetime
    by: str
    action: str
    subject: str
    before: Any
    after: Any
    address: str

    @property
    def differences(self) -> list[tuple[str, Any, Any]]:
        """What changed, field by field; a plain value has no field's name."""
        if isinstance(self.before, dict) or isinstance(self.after, dict):
            before, after = self.before or {}, self.after or {}
            return [(key, before.get(key), after.get(key)) for key in sorted({*before, *after})]
        if self.before is None and self.after is None:
            return []
        return [("", self.before, self.after)]


class Page(Value):
    entries: list[Entry]
    older: int | None
    newer: int | None


def page(*, kind: str = "", before: int | None = None, after: int | None = None) -> Page:
    """At most PAGE entries older than the entry `before`, or newer than `after`.

    `kind` is one of KINDS. `older` and `newer` of the answer are the keys of its neighbours.
    """
    columns = (
        Audit.id,
        Audit.at,
        Audit.actor_name,
        Audit.action,
        Audit.subject,
        Audit.before,
        Audit.after,
        Audit.address,
    )
    backwards = after is not None
    query = select(*columns).order_by(Audit.id.asc() if backwards else Audit.id.desc()).limit(PAGE + 1)
    if kind:
        nouns = KINDS[kind]
        query = query.where(or_(Audit.action.in_(nouns), *(Audit.action.like(f"{noun}.%") for noun in nouns)))
    if before is not None:
        query = query.where(Audit.id < before)
    if after is not None:
        query = query.where(Audit.id > after)
    found = [Entry(*row) for row in db.session.execute(query)]
    more, entries = len(found) > PAGE, found[:PAGE]
    if backwards:
        entries.reverse()
    has_older, has_newer = (backwards or more), (more if backwards else before is not None)
    return Page(
        entries, entries[-1].id if entries and has_older else None, entries[0].id if entries and has_newer else None
    )
