"""Linking what an order came without: its quote, its opportunity. Nothing that is sold or owed changes by it."""

from __future__ import annotations

from ... import audit
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...models import Actor, Opportunity, OpportunityStage, Quote, SalesOrder, User
from ...queries.calendar import selling_day
from ...queries.quotes import convertible
from ...states.order import OrderStatus
from ...states.quote import QuoteEvent
from ..quotes.conversion import order_of
from ..quotes.quotes import name


def link_quote(order_id: int, quote_id: int, *, by: User) -> SalesOrder:
    """Say which approved quote an order stands on; the quote is then converted, and its opportunity comes along.

    Raises Refusal: `not_permitted`, `closed`, `linked_already`, `foreign_account`, `other_currency`,
    `already_converted`, `superseded`, `expired`, `not_approved`, `not_latest`, `other_opportunity`.
    """
    with transaction():
        demand(by, Permission.ORDER_EDIT)
        quote = lock(Quote, quote_id)  # before the order, as conversion and sync hold them
        order = _open_order(order_id)
        if order.quote_id is not None:
            raise Refusal(
                "linked_already",
                "%(order)s stands on %(quote)s already.",
                order=order.number,
                quote=order.quote_number,
            )
        _refuse_quote(order, quote)
        order.quote_id, order.quote_number = quote.id, quote.number
        order.quote_version, order.quote_hash = quote.version, quote.content_hash
        db.session.flush()
        order.record("quote_linked", by=Actor.of(by), quote=quote.number, version=quote.version)
        audit.note("order.link_quote", order.number, by=Actor.of(by), after=name(quote))
        quote.transition(QuoteEvent.CONVERT, by=Actor.of(by), order=order.number)
        if order.opportunity_id is None and quote.opportunity_id is not None:
            _link(order, get(Opportunity, quote.opportunity_id), by)
        return order


def _refuse_quote(order: SalesOrder, quote: Quote) -> None:
    if quote.account_id != order.account_id:
        raise Refusal(
            "foreign_account", "%(quote)s is for another account.", "Choose one of this one.", quote=quote.number
        )
    if quote.currency != order.currency:
        raise Refusal(
            "other_currency",
            "%(quote)s is in %(theirs)s, %(order)s in %(ours)s.",
            quote=quote.number,
            theirs=quote.currency,
            order=order.number,
            ours=order.currency,
        )
    taken = order_of(quote.number)
    if taken is not None:
        raise Refusal(
            "already_converted",
            "%(quote)s became %(order)s already; a quote has one order.",
            quote=quote.number,
            order=taken.number,
        )
    newer = convertible.newer_under_way(quote.number, quote.version)
    status = quote.status_on(selling_day())
    refusal = convertible.refusal(quote.number, quote.version, status, quote.expires_on, newer)
    if refusal is not None:
        raise refusal
    if None not in (order.opportunity_id, quote.opportunity_id) and order.opportunity_id != quote.opportunity_id:
        raise Refusal(
            "other_opportunity",
            "%(quote)s belongs to another opportunity than %(order)s.",
            "Choose a quote of the order's own opportunity.",
            quote=quote.number,
            order=order.number,
        )


def link_opportunity(order_id: int, opportunity_id: int, *, by: User) -> SalesOrder:
    """Say which opportunity an order won.

    Raises Refusal: `not_permitted`, `closed`, `linked_already`, `foreign_account`, `other_opportunity`.
    """
    with transaction():
        demand(by, Permission.ORDER_EDIT)
        order = _open_order(order_id)
        if order.opportunity_id == opportunity_id:
            return order  # its quote has just brought it along
        if order.opportunity_id is not None:
            raise Refusal("linked_already", "%(order)s has an opportunity already.", order=order.number)
        opportunity = lock(Opportunity, opportunity_id)
        if opportunity.account_id != order.account_id:
            raise Refusal("foreign_account", "This opportunity belongs to another account.", "Choose one of this one.")
        if order.quote is not None and order.quote.opportunity_id not in (None, opportunity.id):
            raise Refusal(
                "other_opportunity",
                "%(quote)s, which %(order)s stands on, belongs to another opportunity.",
                "Choose the quote's own.",
                quote=order.quote_number,
                order=order.number,
            )
        _link(order, opportunity, by)
        return order


def _link(order: SalesOrder, opportunity: Opportunity, by: User) -> None:
    order.opportunity_id = opportunity.id
    order.record("opportunity_linked", by=Actor.of(by), opportunity=opportunity.name)
    audit.note("order.link_opportunity", order.number, by=Actor.of(by), after=opportunity.name)
    if opportunity.stage is not OpportunityStage.WON:
        opportunity.stage = OpportunityStage.WON
        opportunity.record("won", by=Actor.of(by), order=order.number)


def _open_order(order_id: int) -> SalesOrder:
    order = lock(SalesOrder, order_id)
    if order.status is OrderStatus.CANCELLED:
        raise Refusal("closed", "%(order)s is cancelled; it does not change any more.", order=order.number)
    return order
