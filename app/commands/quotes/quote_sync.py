"""A newer approved version flows into the order that an older one became, as long as the order can still be changed."""

from __future__ import annotations

from typing import Any

from ...access import Permission, demand
from ...db import db, lock, transaction
from ...errors import Refusal
from ...models import Account, Actor, Quote, SalesOrder, User
from ...queries.quotes import convertible
from ...states.order import WITH_CUSTOMER
from ...states.quote import QuoteEvent
from ..orders import orders
from ..payments import lowering, payment_orders
from ..post import papers
from . import conversion, quote_content, quotes
from .quote_words import differences

# The order keeps its owner: it may have been handed on since.
CARRIED = tuple(fact for fact in conversion.CARRIED if fact != "owner_id")


def sync(quote_id: int, *, by: User) -> SalesOrder:
    """The order then says what this version says. One that is with its customer goes back to draft first, which ends
    the approval and its links.

    Raises `no_order`, `order_too_far`, `payment_in_progress`, and what `convert` raises.
    """
    with transaction():
        demand(by, Permission.QUOTE_CONVERT)
        quote = lock(Quote, quote_id)
        order = conversion.order_of(quote.number)
        if order is None:
            raise Refusal("no_order", "%(quote)s is no order yet; convert it.", quote=quote.number)
        if order.quote_id == quote.id:
            return order
        conversion.refuse_unless_convertible(quote)
        lock(Account, order.account_id)
        order = lock(SalesOrder, order.id)
        refusal = convertible.out_of_reach(order.number, order.status)
        if refusal is not None:
            raise refusal
        payment_orders.refuse_while_paying(order)
        if order.status in WITH_CUSTOMER:
            order = orders.convert_to_draft(order.id, because=f"{quotes.name(quote)} was approved", by=by)
        _take_over(order, quote, by)
    return order


def _take_over(order: SalesOrder, quote: Quote, by: User) -> None:
    changes = _changes(order, quote)
    order.lines, order.instalments = [], []
    db.session.flush()  # the old rows go before the new ones take their positions
    for fact in CARRIED:
        setattr(order, fact, getattr(quote, fact))
    order.lines, order.instalments = conversion.lines_of(quote), conversion.instalments_of(quote)
    order.quote_id, order.quote_version, order.quote_hash = quote.id, quote.version, quote.content_hash
    order.edition += 1
    db.session.flush()
    db.session.refresh(order)  # contact and addresses follow their ids
    actor = Actor.of(by)
    payment_orders.withdraw_open(order, by=actor, because="A newer version of the quote took over")
    lowering.lower_to_order(order, by=actor, because="A newer version of the quote took over")
    order.record("synced", by=actor, quote=quote.number, version=quote.version, changes=changes, edition=order.edition)
    quote.transition(QuoteEvent.CONVERT, by=actor, order=order.number)
    papers.preview(order)


def _changes(order: SalesOrder, quote: Quote) -> list[dict[str, Any]]:
    """Line by line and term by term, what the order said and says now."""
    before = quote_content.read(order, expires_on=quote.expires_on, notes=quote.notes)
    found = differences(before, quote_content.read(quote))
    return [dict(zip(("what", "before", "after"), difference, strict=True)) for difference in found]
