"""Paying: the last step of an approval, and the page of a payment link."""

from __future__ import annotations

from flask import redirect, render_template
from flask.typing import ResponseReturnValue

from ...access import public
from ...commands.orders import signing
from ...commands.payments import live_links
from ...extensions import limiter
from ...hypermedia import see_other
from ...navigation import company
from ...queries.public import approval, checkout
from ...queries.public.approval import ApprovalPage, Stage
from ...queries.public.checkout import DEAD, Checkout, State
from . import bp, till
from .dead import dead
from .link import Link
from .till import Till


@bp.get("/approve/<string:token>/pay")
@public
@limiter.limit("120/minute")
def approve_pay(token: str) -> ResponseReturnValue:
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    if page is None or page.stage is not Stage.PAY:
        return redirect(link.url())
    return till.show(_of_approval(link, page))


@bp.post("/approve/<string:token>/pay")
@public
@limiter.limit("20/minute")
def approve_pay_now(token: str) -> ResponseReturnValue:
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    if page is None or page.stage is not Stage.PAY:
        return see_other(link.url())
    return till.pay(_of_approval(link, page))


@bp.get("/approve/<string:token>/bank")
@public
@limiter.limit("30/minute")
def approve_bank(token: str) -> ResponseReturnValue:
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    if page is None or page.stage is not Stage.PAY:
        return redirect(link.url())
    return till.to_bank(_of_approval(link, page))


@bp.get("/approve/<string:token>/progress")
@public
@limiter.limit("120/minute")
def approve_progress(token: str) -> ResponseReturnValue:
    link = Link.read("approve", token)
    page = approval.by_link(link.public_id, link.generation)
    return till.progress(page.checkout if page else None, link.url())


def _of_approval(link: Link, page: ApprovalPage) -> Till:
    if page.checkout is None or page.signed is None:
        raise ValueError("only a signed submission is paid")
    return Till(
        link=link,
        home=link.url(),
        post_to=link.url("pay"),
        checkout=page.checkout,
        intent=lambda: signing.checkout(page.id).id,
        seller=page.order.seller.name,
        payer=page.signed.name,
        payer_email=page.signed.email,
        order=page.order,
        terms=page.order,
    )


@bp.get("/pay/<string:token>")
@public
@limiter.limit("120/minute")
def pay(token: str) -> ResponseReturnValue:
    link = Link.read("pay", token)
    found = checkout.by_link(link.public_id, link.generation)
    if found is None or found.state in DEAD:
        return dead(link, found.state if found else None)
    if found.state is State.AUTHORIZED:
        return render_template("public/authorized.html", link=link, checkout=found)
    if found.state is State.PAID:
        return render_template("public/paid.html", link=link, checkout=found, papers=checkout.papers_of(found))
    return till.show(_of_link(link, found))


@bp.post("/pay/<string:token>")
@public
@limiter.limit("20/minute")
def pay_now(token: str) -> ResponseReturnValue:
    link = Link.read("pay", token)
    found = checkout.by_link(link.public_id, link.generation)
    if found is None or found.state in DEAD | {State.PAID, State.AUTHORIZED}:
        return see_other(link.url())
    return till.pay(_of_link(link, found))


@bp.get("/pay/<string:token>/bank")
@public
@limiter.limit("30/minute")
def pay_bank(token: str) -> ResponseReturnValue:
    link = Link.read("pay", token)
    found = checkout.by_link(link.public_id, link.generation)
    if found is None or found.state is not State.ACTION:
        return redirect(link.url())
    return till.to_bank(_of_link(link, found))


@bp.post("/pay/<string:token>/viewed")
@public
@limiter.limit("30/minute")
def pay_viewed(token: str) -> ResponseReturnValue:
    """Sent by our own script after three seconds on screen."""
    link = Link.read("pay", token)
    found = checkout.by_link(link.public_id, link.generation)
    if found is not None and found.state is State.PAY:
        live_links.mark_viewed(found.intent_id)
    return "", 204


@bp.get("/pay/<string:token>/progress")
@public
@limiter.limit("120/minute")
def pay_progress(token: str) -> ResponseReturnValue:
    link = Link.read("pay", token)
    return till.progress(checkout.by_link(link.public_id, link.generation), link.url())


def _of_link(link: Link, found: Checkout) -> Till:
    home = link.url()
    seller, terms = company().name, checkout.terms_of(found)
    return Till(link, home, home, found, intent=lambda: found.intent_id, seller=seller, terms=terms)
