"""Everything on one screen before a payment link leaves the house; what stands in the way is the command's to say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import String, cast, select

from ... import links, settings
from ...db import db, get
from ...errors import Refusal
from ...formatting import ago, day, money
from ...mail import recipients, requests
from ...mail.kinds import PaymentLink
from ...mail.recipients import Recipient
from ...mail.rendering import Bodies, render, subject_of
from ...models import CollectionMethod, Company, OrderEmail, PaymentIntent, PaymentOrder
from ...money import Money
from ...states.intent import IntentStatus
from ...states.mail import GONE_OUT
from ...values import Value
from .. import routes
from ..orders.plan import collection_words
from ..orders.preflight import Check
from ..orders.views import Link, MailView
from .facts import Collection


class LinkPreflight(Value):
    """`again`: the link that the customer has is sent once more. `refusals` keep it from being sent at all."""

    number: str
    trail: tuple[Link, Link]
    of_order: bool
    customer: str
    purpose: str
    amount: Money
    due_date: date | None
    collection: str
    again: bool
    tries_left: int | None
    expires_at: datetime
    to: tuple[Recipient, ...]
    subject: str | None
    last_mail: MailView | None
    checks: tuple[Check, ...]
    refusals: tuple[Refusal, ...]


def view(
    collection: Collection, row: PaymentOrder, *, usable: PaymentIntent | None, refusals: Sequence[Refusal]
) -> LinkPreflight:
    """`usable` is the link that sending would send again; `refusals` everything the command would refuse for."""
    to = _to(row)
    content = _content(collection, row, usable, to)
    return LinkPreflight(
        number=collection.number,
        trail=collection.trail,
        of_order=collection.order is not None,
        customer=collection.source.row.account_name,
        purpose=row.purpose,
        amount=usable.money if usable else collection.balance,
        due_date=row.due_date,
        collection=collection_words(row.collection),
        again=usable is not None,
        tries_left=max(usable.attempt_limit - collection.row.tries, 0) if usable else None,
        expires_at=usable.expires_at if usable else _new_end(row),
        to=to,
        subject=_subject(row, content),
        last_mail=_last_mail(collection),
        checks=tuple(_checks(collection, row, to, usable)),
        refusals=tuple(refusals),
    )


def preview(collection: Collection, row: PaymentOrder, usable: PaymentIntent | None) -> Bodies | None:
    """The very mail, with the link withheld; None where there is nobody to write to."""
    content = _content(collection, row, usable, _to(row))
    if content is None:
        return None
    owner = row.order.owner if row.order else None
    return render(content, company=get(Company, 1), owner=owner, link=links.PLACEHOLDER)


def _subject(row: PaymentOrder, content: PaymentLink | None) -> str | None:
    owner = row.order.owner if row.order else None
    return subject_of(content, company=get(Company, 1), owner=owner) if content else None


def _to(row: PaymentOrder) -> tuple[Recipient, ...]:
    try:
        return tuple(recipients.for_link(row))
    except Refusal:
        return ()


def _content(
    collection: Collection, row: PaymentOrder, usable: PaymentIntent | None, to: tuple[Recipient, ...]
) -> PaymentLink | None:
    if not to:
        return None
    amount, expires_at = (usable.money, usable.expires_at) if usable else (collection.balance, _new_end(row))
    return requests.payment_link(row, to[0], amount=amount, expires_at=expires_at)


def _new_end(row: PaymentOrder) -> datetime:
    return row.link_end(settings.get(settings.PAYMENT_LINK_DAYS), get(Company, 1).time_zone)


def _last_mail(collection: Collection) -> MailView | None:
    """How the last mail with a link for this fared: a failed one must be seen before the next is sent."""
    row = collection.row
    if row.mail_id is None:
        return None
    to = ", ".join(r["address"] for r in row.recipients)
    return MailView(row.mail_status, to, row.mailed_at, row.last_error)


def _checks(
    collection: Collection, row: PaymentOrder, to: tuple[Recipient, ...], usable: PaymentIntent | None
) -> list[Check]:
    source = collection.source
    found = [*_context(collection, to), _route(collection)]
    if row.due_date is not None and row.due_date < source.today:
        found.append(Check("warn", _("Due date"), _("It was due on %(day)s already.", day=day(row.due_date))))
    if row.collection is not CollectionMethod.PAYMENT_LINK:
        words = _("It is meant to be collected another way: %(how)s.", how=collection_words(row.collection))
        found.append(Check("warn", _("Collection method"), words))
    if usable is None and collection.has_live_link:
        words = _("The customer's link was tried too often. They get a new one, and the old one dies.")
        found.append(Check("warn", _("Tries"), words))
    if source.unapplied is not None:
        found.append(Check("warn", source.unapplied.what, source.unapplied.reason))
    return found + [_other_link(x) for x in _others(collection)]


def _context(collection: Collection, to: tuple[Recipient, ...]) -> list[Check]:
    """What no link of an order goes out without. A period of an agreement has been consented to."""
    order = collection.source.row
    if collection.period is not None:
        return [Check("pass", _("Agreement"), order.number)]
    return [
        _linked(_("Quote"), order.quote_id, order.quote_number),
        _linked(_("Opportunity"), order.opportunity_id, order.opportunity_name),
        *(_address(order.id, person.address) for person in to[:1]),
    ]


def _linked(name: str, id: int | None, words: str | None) -> Check:
    if id is None:
        return Check("block", name, _("Not linked; no payment mail goes out without it."))
    return Check("pass", name, words or "")


def _route(collection: Collection) -> Check:
    way, currency = collection.way, collection.source.row.currency
    if way is None:
        words = _("No payment route takes %(currency)s for this at the moment.", currency=currency)
        return Check("block", _("Payment route"), words)
    if not way.open:
        return Check("block", _("Payment route"), routes.why_closed(way))
    names = {"route": way.route.name, "gateway": way.gateway.name, "currency": currency}
    return Check("pass", _("Payment route"), _("%(route)s at %(gateway)s takes %(currency)s.", **names))


def _address(order_id: int, address: str) -> Check:
    """Whether mail of this order has ever reached the address; an address that was never tried may be mistyped."""
    got = db.session.scalar(
        select(OrderEmail.sent_at)
        .where(
            OrderEmail.order_id == order_id,
            OrderEmail.status.in_(GONE_OUT),
            cast(OrderEmail.recipients, String).contains(json.dumps(address), autoescape=True),
        )
        .order_by(OrderEmail.id.desc())
        .limit(1)
    )
    if got is None:
        return Check("warn", _("Address"), _("No mail of this order has gone to %(to)s yet; check it.", to=address))
    return Check("pass", _("Address"), _("%(to)s got a mail of this order %(when)s.", to=address, when=ago(got)))


def _others(collection: Collection) -> list[Any]:
    """Other payment orders of the order that the customer could pay at this moment."""
    return [
        x
        for x in collection.source.payment_orders
        if x.row.id != collection.row.id and x.is_open and x.row.intent_status is IntentStatus.LIVE
    ]


def _other_link(other: Any) -> Check:
    amount = money(Money(other.figures.balance, other.row.currency))
    words = _("%(number)s over %(amount)s can be paid at the same time.", number=other.row.number, amount=amount)
    return Check("warn", _("Another checkout is open"), words)
