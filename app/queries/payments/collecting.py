"""What staff see before they charge a card: how much, which way it goes, with which card, and what follows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Row

from ... import clock
from ...formatting import ago, day, money
from ...gateways.card_field import CardField, Purpose
from ...money import Money
from ...states.order import BEFORE_BOOKING
from ...values import Value
from .. import card_fields
from ..coverage import RouteFacts
from ..orders import methods
from ..orders.facts import Facts
from ..orders.next_best_action import ApprovalStage
from ..orders.unapplied import Unapplied
from ..orders.views import DeclineView, Link
from . import standing
from .facts import Collection, order_trail
from .source import Source


class CardChoice(Value):
    """A card on file; one that cannot be charged stays visible with the reason. `consent` is what its holder said."""

    id: int
    label: str
    expires: str
    is_default: bool
    verdict: str
    words: str
    chargeable: bool
    consent: str


class Challenge(Value):
    """The bank's question to the cardholder: an address to go to, or to frame (`kind` "in_page")."""

    attempt: int
    action: dict[str, Any]
    since: datetime


class CollectView(Value):
    """`steps` is what happens next; `failed_card` the label of the card that was tried last and did not work."""

    number: str | None
    order: str
    trail: tuple[Link, Link]
    customer: str
    account: str
    person: str
    purpose: str
    amount: Money
    route: str
    descriptor: str
    new_card: CardField
    cards: tuple[CardChoice, ...]
    steps: tuple[str, ...]
    decline: DeclineView | None
    failed_card: str
    waiting: str | None
    challenge: Challenge | None
    tries_left: int | None
    unapplied: Unapplied | None

    @property
    def usable(self) -> tuple[CardChoice, ...]:
        return tuple(card for card in self.cards if card.chargeable)


def of_first(order: Facts) -> CollectView:
    """What is due at signature; its payment order may not be there yet, and is made when it is charged."""
    first = next((x for x in order.payment_orders if x.row.first and x.is_open), None)
    collection = Collection(order, first) if first else None
    return _view(order, collection, order.rest_at_signature, follows=_booking(order))


def of(collection: Collection) -> CollectView:
    order = collection.order if collection.row.first else None
    return _view(collection.source, collection, collection.balance, follows=_booking(order) if order else None)


def _view(source: Source, collection: Collection | None, amount: Money, *, follows: str | None) -> CollectView:
    row, way = source.row, collection.way if collection else source.way_of(amount)
    route, descriptor = (way.facts if way else None), (way.route.descriptor if way and way.open else "")
    asked = collection.challenged if collection else None
    return CollectView(
        number=collection.number if collection else None,
        order=row.number,
        trail=collection.trail if collection else order_trail(row.number),
        customer=row.account_name,
        account=row.account_number,
        person=row.contact_name or row.account_name,
        purpose=collection.row.purpose if collection else _("First payment for order %(number)s", number=row.number),
        amount=amount,
        route=f"{route.name}, {route.gateway_name}" if route else "",
        descriptor=descriptor,
        new_card=card_fields.on(way, Purpose(amount, amount.currency, save=False)),
        cards=tuple(_card(source, route, x) for x in source.methods),
        steps=_steps(source, amount, descriptor, follows, billed=bool(collection and collection.period)),
        decline=standing.decline(collection) if collection else None,
        failed_card=_failed_card(collection),
        waiting=standing.waits(collection) if collection and not asked else None,
        challenge=Challenge(asked.id, asked.next_action or {}, asked.created_at) if asked else None,
        tries_left=_tries_left(collection),
        unapplied=source.unapplied,
    )


def _card(source: Source, route: RouteFacts | None, row: Row[Any]) -> CardChoice:
    found = methods.worth(row, route, source.today)
    return CardChoice(
        id=row.id,
        label=methods.label(row),
        expires=f"{row.exp_month:02d}/{row.exp_year % 100:02d}",
        is_default=row.id == source.row.default_method_id,
        verdict=found.verdict,
        words=found.reason if found.chargeable else f"{found.reason} {found.decision}",
        chargeable=found.chargeable,
        consent=_("Kept with consent, recorded by %(who)s %(when)s.", who=row.consent_by, when=ago(row.consent_at)),
    )


def _failed_card(collection: Collection | None) -> str:
    last = collection.last_failure if collection else None
    return last.card_label if last is not None else ""


def _tries_left(collection: Collection | None) -> int | None:
    """Of the live checkout; None where the next try opens a new one."""
    if collection is None or collection.row.intent_status != "live" or collection.row.expires_at <= clock.now():
        return None
    return max(collection.row.attempt_limit - collection.row.tries, 0)


def _steps(source: Source, amount: Money, descriptor: str, follows: str | None, *, billed: bool) -> tuple[str, ...]:
    """`billed`: its invoice is there already."""
    charged = _("%(amount)s is charged at once.", amount=money(amount))
    if descriptor:
        charged += " " + _("The statement shows %(name)s.", name=descriptor)
    to = " " + _("It goes to %(to)s.", to=source.row.contact_email) if source.row.contact_email else ""
    made = (
        _("A receipt is made, which pays the invoice.")
        if billed
        else _("A receipt is made, and an invoice that it pays.")
    )
    refused = _("If the bank declines, nothing is charged and you can try another card here.")
    return tuple(step for step in (charged, follows, made + to, refused) if step)


def _booking(order: Facts) -> str | None:
    """What the first payment does to the order."""
    if order.row.status not in BEFORE_BOOKING:
        return None
    start = order.row.start_date
    if start is not None and start > order.today:
        done = _("The order is booked and starts on %(day)s.", day=day(start))
    else:
        done = _("The order is booked and activated.")
    if order.approval_stage in (ApprovalStage.SENT, ApprovalStage.VIEWED, ApprovalStage.PREPARING):
        done += " " + _("The customer is not asked for a signature any more.")
    return done


HOW = ("phone", "person", "writing")
"""How a customer tells staff that they agree."""


def consent(view: CollectView, how: str, *, card: str, keeps: bool) -> str:
    """What was agreed, by whom and how, in the words that are stored with the attempt and the card."""
    way = {"phone": _("on the phone"), "person": _("in person"), "writing": _("in writing")}[how]
    said = _(
        "%(person)s of %(customer)s agreed %(way)s that %(amount)s for %(order)s is charged to %(card)s.",
        person=view.person,
        customer=view.customer,
        way=way,
        amount=money(view.amount),
        order=view.order,
        card=card,
    )
    return said + " " + _("The card may be kept for later payments.") if keeps else said
