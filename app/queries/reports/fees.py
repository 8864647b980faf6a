"""What gateways kept for themselves, by month and by the card's brand, as payouts say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import String, case, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ...db import read_columns
from ...models import Attempt, Gateway, LineKind, SettlementLine, SettlementMatch, Transaction
from ...money import Money
from ...values import Value
from ..months import Month
from .asked import Asked

OTHER_FEES, NO_BRAND = "fees", "unknown"


class brand_of(FunctionElement[str]):
    """`Visa` of the label `Visa ending 4242`."""

    name = "brand_of"
    type = String()
    inherit_cache = True


@compiles(brand_of)
def _sqlite(element: brand_of, compiler: Any, **kw: Any) -> str:
    label = compiler.process(element.clauses, **kw)
    return f"substr({label}, 1, instr({label} || ' ending ', ' ending ') - 1)"


@compiles(brand_of, "postgresql")
def _postgresql(element: brand_of, compiler: Any, **kw: Any) -> str:
    return f"split_part({compiler.process(element.clauses, **kw)}, ' ending ', 1)"


class FeeRow(Value):
    """`volume` is what was charged, `fees` all that was kept; `rate` what the one is of the other, in percent, and
    None where nothing was charged."""

    month: Month
    brand: str
    charges: int
    volume: Money
    fees: Money
    rate: Decimal | None


def view(asked: Asked) -> tuple[FeeRow, ...]:
    """Latest month first, largest fees first; one statement. What no card is behind stands on rows of its own."""
    rows = sorted(read_columns(_query(asked)), key=lambda r: (-r.month, -int(r.fees), r.brand))
    months = asked.span.months
    return tuple(
        FeeRow(
            month=months[r.month],
            brand=_name(r.brand),
            charges=int(r.charges),
            volume=Money(int(r.volume), asked.currency),
            fees=Money(int(r.fees), asked.currency),
            rate=(Decimal(int(r.fees)) * 100 / int(r.volume)).quantize(Decimal("0.01")) if r.volume else None,
        )
        for r in rows
    )


def _name(brand: str) -> str:
    return {OTHER_FEES: _("Other fees"), NO_BRAND: _("Unknown card")}.get(brand, brand)


def _query(asked: Asked) -> Any:
    """A fee that stands on a line of its own (a dispute's, a month's) is kept apart by its kind: it is no card's."""
    charged = SettlementLine.kind == LineKind.CHARGE
    its_own = SettlementLine.kind.in_((LineKind.FEE, LineKind.ADJUSTMENT))
    known = func.coalesce(func.nullif(brand_of(Attempt.card_label), ""), NO_BRAND)
    brand = case((its_own, OTHER_FEES), else_=known)
    kept = SettlementLine.fee - case((SettlementLine.kind == LineKind.FEE, SettlementLine.gross), else_=0)
    counted = (charged, kept != 0)
    inner = (
        select(
            asked.span.month_of(SettlementLine.at).label("month"),  # type: ignore[arg-type]
            brand.label("brand"),
            case((charged, 1), else_=0).label("charge"),
            case((charged, SettlementLine.gross), else_=0).label("volume"),
            kept.label("fee"),
        )
        .join(Gateway, Gateway.id == SettlementLine.gateway_id)
        .outerjoin(SettlementMatch, SettlementMatch.line_id == SettlementLine.id)
        .outerjoin(Transaction, Transaction.id == SettlementMatch.transaction_id)
        .outerjoin(Attempt, Attempt.id == Transaction.attempt_id)
        .where(
            SettlementLine.currency == asked.currency,
            asked.span.holds(SettlementLine.at),  # type: ignore[arg-type]
            counted[0] | counted[1],
        )
    )
    if asked.gateway:
        inner = inner.where(Gateway.key == asked.gateway)
    found = inner.subquery()
    sums = (func.sum(found.c.charge), func.sum(found.c.volume), func.sum(found.c.fee))
    names = ("charges", "volume", "fees")
    labelled = (s.label(name) for s, name in zip(sums, names, strict=True))
    return select(found.c.month, found.c.brand, *labelled).group_by(found.c.month, found.c.brand)
