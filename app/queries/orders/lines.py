"""The lines panel, and what the lines come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, select

from ...db import read_columns
from ...models import Frequency, OrderLine, Routing, Subscription
from ...money import Money, PricedLine, Totals, line_amount, totals
from .views import LinesView, LineView, RecurringView, TaxView

if TYPE_CHECKING:
    from .facts import Facts

SHIPPED_FROM = frozenset({Routing.WAREHOUSE, Routing.THIRD_PARTY})
PERIOD_MONTHS = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.YEARLY: 12}

LINES: Any = (
    select(
        OrderLine.id,
        OrderLine.sku,
        OrderLine.description,
        OrderLine.quantity,
        OrderLine.unit_price,
        OrderLine.discount_percent,
        OrderLine.tax_rate,
        OrderLine.frequency,
        OrderLine.routing,
        OrderLine.activation_date,
        OrderLine.activated_on,
        OrderLine.packed,
        OrderLine.shipped,
        OrderLine.fulfilled,
        Subscription.status.label("subscription_status"),
        Subscription.starts_on,
        Subscription.ends_on,
    )
    .outerjoin(Subscription, Subscription.order_line_id == OrderLine.id)
    .where(OrderLine.order_id == bindparam("order_id"))
    .order_by(OrderLine.position)
)


def rows(order_id: int) -> Sequence[Row[Any]]:
    """The order's lines by position, each with its subscription if it has one; one statement."""
    return read_columns(LINES, order_id=order_id).all()


def priced(row: Any) -> PricedLine:
    return PricedLine(row.quantity, row.unit_price, row.discount_percent, row.tax_rate)


def totals_of(lines: Iterable[Any], currency: str, prices_include_tax: bool) -> Totals:
    return totals((priced(x) for x in lines), currency, prices_include_tax=prices_include_tax)


def view(facts: Facts) -> LinesView:
    whole = facts.totals
    periods = recurring(facts.lines, facts.row.currency, facts.row.prices_include_tax)
    return LinesView(
        lines=facts.line_views,
        net=whole.net,
        taxes=tuple(TaxView(t.rate, t.tax) for t in whole.by_rate),
        total=whole.gross,
        prices_include_tax=facts.row.prices_include_tax,
        recurring=tuple(RecurringView(f, amount) for f, amount in periods.items()),
        over_term=over_term(whole.gross, periods, facts.row.term_months),
        edit=facts.actions.editing("edit_lines"),
    )


def line_view(row: Row[Any], currency: str) -> LineView:
    return LineView(
        id=row.id,
        sku=row.sku,
        description=row.description,
        frequency=row.frequency,
        routing=row.routing,
        active_from=row.activation_date,
        activated_on=row.activated_on,
        quantity=row.quantity,
        packed=row.packed,
        shipped=row.shipped,
        fulfilled=row.fulfilled,
        unit_price=row.unit_price,
        discount_percent=row.discount_percent,
        tax_rate=row.tax_rate,
        amount=line_amount(priced(row), currency),
        ships=row.routing in SHIPPED_FROM,
        locked=bool(row.packed),
    )


def recurring(lines: Sequence[Any], currency: str, prices_include_tax: bool) -> dict[Frequency, Money]:
    """What one period of each frequency comes to, gross; `lines` are those of an order or a quote."""
    by_frequency = {f: [x for x in lines if x.frequency is f] for f in Frequency}
    return {f: totals_of(found, currency, prices_include_tax).gross for f, found in by_frequency.items() if found}


def over_term(total: Money, periods: dict[Frequency, Money], months: int | None) -> Money | None:
    """The total plus every further period of the term; None without an end or where the term cuts a period."""
    if not periods or months is None or any(months % PERIOD_MONTHS.get(f, months + 1) for f in periods):
        return None
    further = sum(amount.minor * (months // PERIOD_MONTHS[f] - 1) for f, amount in periods.items())
    return Money(total.minor + further, total.currency)
