"""The account's saved cards, and what may be done with each on the order's route."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _
from sqlalchemy import Row, bindparam, select

from ...db import read_columns
from ...models import PaymentMethod, Token
from ..coverage import Coverage, MethodFacts, RouteFacts, judge
from ..nested import json_rows
from .views import MethodView

if TYPE_CHECKING:
    from .facts import Facts

MOST_METHODS = 20

GATEWAYS = (
    select(json_rows(gateway=Token.gateway_id))
    .where(Token.method_id == PaymentMethod.id, Token.valid)
    .correlate(PaymentMethod)
    .scalar_subquery()
)

METHODS: Any = (
    select(
        PaymentMethod.id,
        PaymentMethod.brand,
        PaymentMethod.last4,
        PaymentMethod.exp_month,
        PaymentMethod.exp_year,
        PaymentMethod.holder,
        PaymentMethod.hard_declined_at,
        PaymentMethod.detached_at,
        PaymentMethod.consent_by,
        PaymentMethod.consent_at,
        GATEWAYS.label("gateways"),
    )
    .where(PaymentMethod.account_id == bindparam("account_id"), PaymentMethod.detached_at.is_(None))
    .order_by(PaymentMethod.id.desc())
    .limit(MOST_METHODS)
)


def rows(account_id: int) -> Sequence[Row[Any]]:
    """The account's cards on file, newest first, each with the gateways that hold it; one statement."""
    return read_columns(METHODS, account_id=account_id).all()


def label(row: Row[Any]) -> str:
    return _("%(brand)s ending %(last4)s", brand=row.brand, last4=row.last4)


def coverage(facts: Facts, row: Row[Any]) -> Coverage:
    """What the row's card is worth on the order's route today."""
    return worth(row, facts.route, facts.today)


def worth(row: Row[Any], route: RouteFacts | None, day: date) -> Coverage:
    known = MethodFacts(
        exp_year=row.exp_year,
        exp_month=row.exp_month,
        detached=row.detached_at is not None,
        hard_declined=row.hard_declined_at is not None,
        gateways=frozenset(x["gateway"] for x in row.gateways),
    )
    return judge(known, route, day)


def views(facts: Facts) -> tuple[MethodView, ...]:
    return tuple(_view(facts, row) for row in facts.methods)


def _view(facts: Facts, row: Row[Any]) -> MethodView:
    found = coverage(facts, row)
    return MethodView(
        label=label(row),
        expires=f"{row.exp_month:02d}/{row.exp_year % 100:02d}",
        is_default=row.id == facts.row.default_method_id,
        verdict=found.verdict,
        words=found.reason if found.chargeable else f"{found.reason} {found.decision}",
    )
