"""From the approved quote to its one sales order."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ... import numbering
from ...access import Permission, demand
from ...db import db, lock, transaction
from ...errors import Refusal
from ...models import Actor, Instalment, Opportunity, OpportunityStage, OrderLine, Quote, SalesOrder, User
from ...models.quote import LINE_FACTS, PLAN_FACTS, TERMS
from ...queries.calendar import selling_day
from ...queries.quotes import convertible
from ...states.quote import QuoteEvent
from ..post import papers
from .quotes import name, refuse_unready

CARRIED = (
    *TERMS,
    "account_id",
    "contact_id",
    "opportunity_id",
    "owner_id",
    "billing_address_id",
    "shipping_address_id",
)


def convert(quote_id: int, *, by: User) -> SalesOrder:
    """The order of this quote: made now, or by whoever asked before. Safe to ask any number of times at once.

    Raises `superseded`, `not_latest`, `expired`, `not_approved`, `account_mismatch`, `not_ready`.
    """
    with transaction():
        demand(by, Permission.QUOTE_CONVERT)
        quote = lock(Quote, quote_id)
        return order_of(quote.number) or _first_order(quote, by)


def order_of(quote_number: str) -> SalesOrder | None:
    """The one order of all versions of a quote."""
    query = select(SalesOrder).where(SalesOrder.quote_number == quote_number)
    return db.session.scalars(query).one_or_none()


def _first_order(quote: Quote, by: User) -> SalesOrder:
    """Writes the order; whoever lost the race to another version of the quote is answered with the winner's."""
    refuse_unless_convertible(quote)
    try:
        with db.session.begin_nested():
            return _write(quote, by)
    except IntegrityError:
        winner = order_of(quote.number)
        if winner is None:
            raise
        return winner


def refuse_unless_convertible(quote: Quote) -> None:
    """Raises `superseded`, `not_latest`, `expired`, `not_approved`, `account_mismatch`, `not_ready`."""
    newer = convertible.newer_under_way(quote.number, quote.version)
    status = quote.status_on(selling_day())
    refusal = convertible.refusal(quote.number, quote.version, status, quote.expires_on, newer)
    if refusal is not None:
        raise refusal
    _refuse_mixed_accounts(quote)
    refuse_unready(quote)


def _refuse_mixed_accounts(quote: Quote) -> None:
    parts = (quote.contact, quote.opportunity, quote.billing_address, quote.shipping_address)
    if any(part is not None and part.account_id != quote.account_id for part in parts):
        raise Refusal(
            "account_mismatch",
            "The contact, opportunity or an address of %(quote)s belongs to another account.",
            "Revise the quote and choose the account's own.",
            quote=name(quote),
        )


def _write(quote: Quote, by: User) -> SalesOrder:
    actor = Actor.of(by)
    order = SalesOrder(
        number=numbering.take("order"),
        quote_id=quote.id,
        quote_number=quote.number,
        quote_version=quote.version,
        quote_hash=quote.content_hash,
        **{fact: getattr(quote, fact) for fact in CARRIED},
        lines=lines_of(quote),
        instalments=instalments_of(quote),
    )
    db.session.add(order)
    db.session.flush()
    order.record("converted", by=actor, quote=quote.number, version=quote.version)
    papers.preview(order)
    quote.transition(QuoteEvent.CONVERT, by=actor, order=order.number)
    _win(quote.opportunity_id, order, actor)
    return order


def lines_of(quote: Quote) -> list[OrderLine]:
    return [OrderLine(**{f: getattr(x, f) for f in ("position", "product_id", *LINE_FACTS)}) for x in quote.lines]


def instalments_of(quote: Quote) -> list[Instalment]:
    return [Instalment(**{f: getattr(x, f) for f in ("position", *PLAN_FACTS)}) for x in quote.instalments]


def _win(opportunity_id: int | None, order: SalesOrder, by: Actor) -> None:
    if opportunity_id is None:
        return
    opportunity = lock(Opportunity, opportunity_id)
    if opportunity.stage is not OpportunityStage.WON:
        opportunity.stage = OpportunityStage.WON
        opportunity.record("won", by=by, order=order.number)
