"""Who turned a setting last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from ..db import db
from ..models.company import Audit
from ..values import Value


class Change(Value):
    by: str
    at: datetime
    after: Any


def last_changes(keys: Sequence[str]) -> dict[str, Change]:
    """By key; settings that nobody has touched are left out."""
    last = (
        select(func.max(Audit.id))
        .where(Audit.action == "setting.changed", Audit.subject.in_(keys))
        .group_by(Audit.subject)
    )
    rows = db.session.execute(select(Audit.subject, Audit.actor_name, Audit.at, Audit.after).where(Audit.id.in_(last)))
    return {row.subject: Change(row.actor_name, row.at, row.after) for row in rows}
