"""Dunning policies for the admin's pages and for whoever chooses one for an agreement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from ...db import db
from ...errors import NotFound
from ...models import DunningCase, DunningPolicy, DunningPolicyVersion, PaymentAgreement
from ...states.dunning import CaseStatus, Plan
from ...values import Value


class PolicyView(Value):
    """`chosen` agreements name it; `stories` go on under one of its versions."""

    id: int
    name: str
    standard: bool
    version: int
    plan: Plan
    made_by: str
    made_at: datetime
    chosen: int
    stories: int


def _count(model: Any, *conditions: Any) -> Any:
    return select(func.count()).select_from(model).where(*conditions).correlate(DunningPolicy).scalar_subquery()


def view() -> tuple[PolicyView, ...]:
    """The standard one first; one statement."""
    versions = select(DunningPolicyVersion.id).where(DunningPolicyVersion.policy_id == DunningPolicy.id)
    goes_on = (DunningCase.status == CaseStatus.OPEN) & DunningCase.policy_version_id.in_(versions)
    newest = (DunningPolicyVersion.policy_id == DunningPolicy.id) & (
        DunningPolicyVersion.version == DunningPolicy.version
    )
    rows = db.session.execute(
        select(
            DunningPolicy,
            DunningPolicyVersion,
            _count(PaymentAgreement, PaymentAgreement.dunning_policy_id == DunningPolicy.id),
            _count(DunningCase, goes_on),
        )
        .join(DunningPolicyVersion, newest)
        .order_by(DunningPolicy.standard.desc(), DunningPolicy.name)
    )
    return tuple(
        PolicyView(x.id, x.name, x.standard, x.version, v.plan, v.made_by, v.created_at, chosen, stories)
        for x, v, chosen, stories in rows
    )


def one(policy_id: int) -> PolicyView:
    """Raises NotFound."""
    found = next((x for x in view() if x.id == policy_id), None)
    if found is None:
        raise NotFound(f"dunning policy {policy_id}")
    return found


def choices() -> list[tuple[str, str]]:
    """For a form: the empty choice is the standard policy, whichever that is."""
    rows = db.session.execute(select(DunningPolicy.id, DunningPolicy.name, DunningPolicy.standard)).all()
    standard = next(x.name for x in rows if x.standard)
    named = [(str(x.id), x.name) for x in sorted(rows, key=lambda x: x.name)]
    return [("", _("The standard policy, now “%(name)s”", name=standard)), *named]
