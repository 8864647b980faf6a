"""Everything on one screen before a customer is asked for a card."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select

from .. import clock, links, settings
from ..db import db, get
from ..errors import Refusal
from ..formatting import ago
from ..mail import recipients, requests
from ..mail.kinds import MethodRequested
from ..mail.recipients import Recipient
from ..mail.rendering import Bodies, render, subject_of
from ..models import Account, Company, Contact, MethodRequest, OrderEmail
from ..values import Value
from .orders.preflight import Check
from .orders.views import MailView
from .routes import RouteRow


class CardPreflight(Value):
    """`again`: the link that the contact has is sent once more. `refusals` keep it from being sent at all."""

    person: str
    to: tuple[Recipient, ...]
    route: str
    gateway: str
    again: bool
    expires_at: datetime
    subject: str | None
    last_mail: MailView | None
    checks: tuple[Check, ...]
    refusals: tuple[Refusal, ...]


def view(
    account: Account,
    contact: Contact,
    route: RouteRow | None,
    *,
    usable: MethodRequest | None,
    live: MethodRequest | None,
    refusals: Sequence[Refusal],
) -> CardPreflight:
    """`usable` is the link that sending would send again, `live` one that it would end."""
    to = _to(contact)
    content = _content(account, to, usable)
    return CardPreflight(
        person=contact.name,
        to=to,
        route=route.name if route else "",
        gateway=route.gateway.name if route else "",
        again=usable is not None,
        expires_at=usable.expires_at if usable else _new_expiry(),
        subject=subject_of(content, company=get(Company, 1), owner=None) if content else None,
        last_mail=_last_mail(account, contact),
        checks=tuple(_checks(route, contact, usable, live)),
        refusals=tuple(refusals),
    )


def preview(account: Account, contact: Contact, usable: MethodRequest | None) -> Bodies | None:
    """The very mail, with the link withheld; None where it could reach nobody."""
    content = _content(account, _to(contact), usable)
    if content is None:
        return None
    return render(content, company=get(Company, 1), owner=None, link=links.PLACEHOLDER)


def _to(contact: Contact) -> tuple[Recipient, ...]:
    try:
        return tuple(recipients.for_method(contact))
    except Refusal:
        return ()


def _content(account: Account, to: tuple[Recipient, ...], usable: MethodRequest | None) -> MethodRequested | None:
    if not to:
        return None
    return requests.method_request(account, to[0], expires_at=usable.expires_at if usable else _new_expiry())


def _new_expiry() -> datetime:
    return clock.now() + timedelta(days=settings.get(settings.PAYMENT_LINK_DAYS))


def _last_mail(account: Account, contact: Contact) -> MailView | None:
    """How the last such mail to this contact fared: a failed one must be seen before the next is sent."""
    row = db.session.execute(
        select(OrderEmail.status, OrderEmail.recipients, OrderEmail.created_at, OrderEmail.last_error)
        .join(MethodRequest, MethodRequest.id == OrderEmail.subject_id)
        .where(
            OrderEmail.subject_kind == MethodRequest.__tablename__,
            MethodRequest.account_id == account.id,
            MethodRequest.contact_id == contact.id,
        )
        .order_by(OrderEmail.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return MailView(row.status, ", ".join(r["address"] for r in row.recipients), row.created_at, row.last_error)


def _checks(
    route: RouteRow | None, contact: Contact, usable: MethodRequest | None, live: MethodRequest | None
) -> list[Check]:
    found = []
    if route is not None:
        words = _("The card is kept at %(gateway)s, for “%(route)s”.", gateway=route.gateway.name, route=route.name)
        found.append(Check("pass", _("Route"), words))
    if usable is not None:
        words = _(
            "%(name)s was asked %(when)s; the same link goes out again.", name=contact.name, when=ago(usable.created_at)
        )
        found.append(Check("pass", _("Asked before"), words))
    elif live is not None:
        words = _("%(name)s has a link that ends when this one is sent.", name=contact.name)
        found.append(Check("warn", _("Asked before"), words))
    return found
