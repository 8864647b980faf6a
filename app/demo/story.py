"""Tells the demo company's deals by the commands that people use, each step on the day it is said to have happened."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from .. import canonical, clock
from ..commands.office import accounts
from ..commands.orders import activation, approvals, order_papers, orders, signing
from ..commands.orders.signing import Hand
from ..commands.payments import charges, collection
from ..commands.payments.charges import Instrument
from ..commands.quotes import conversion, quotes
from ..commands.quotes.quote_content import InstalmentContent, LineContent, QuoteContent
from ..db import db, transaction
from ..gateways.sandbox.cards import BY_SLUG
from ..models import Account, Actor, Approval, Contact, Opportunity, Product, Routing, SalesOrder, User
from ..money import exponent
from ..queries.calendar import selling_day
from . import agreements, dunning
from .deals import Deal
from .post import deliver

# What a list price in EUR is about in other currencies.
FACTORS = {"EUR": "1", "USD": "1.1", "GBP": "0.86", "CHF": "0.95", "JPY": "163", "KWD": "0.335"}
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15"
REASONS = {
    "reject": "The discount is above what we give; take it back to five percent.",
    "decline": "The budget for this year was moved to another project. Please come back in spring.",
    "change": "Please move two of the training days to February and quote the premium support separately.",
    "cancel": "Bought from the framework contract instead.",
}


def working_hours(start: datetime, count: int) -> list[datetime]:
    """`count` moments from `start` on, most of a day apart and by day, the last of them before now."""
    latest = clock.now() - timedelta(minutes=5)
    pause = min(timedelta(hours=17), (latest - start) / count)
    moments: list[datetime] = []
    for i in range(count):
        moment = start + i * pause
        by_day = moment.replace(hour=8 + moment.hour % 9, minute=(moment.minute + 13 * i) % 60)
        earliest = moments[-1] + timedelta(minutes=3) if moments else by_day
        moments.append(max(by_day, earliest))
    return [min(m, latest - timedelta(minutes=count - i)) for i, m in enumerate(moments)]


class Telling:
    """One deal as it goes along; every step is a method, named in `Deal.steps` as `step` or `step:detail`."""

    def __init__(self, deal: Deal, account_id: int, owner: User, manager: User) -> None:
        self.deal, self.owner, self.manager = deal, owner, manager
        self.account_id = account_id
        self.quote_id = self.order_id = self.approval_id = 0

    def tell(self) -> None:
        steps = self.deal.steps.split()
        moments = working_hours(clock.now() - timedelta(days=self.deal.days_ago), len(steps) + 1)
        with clock.turned_back(clock.now() - moments[0]):
            self._write()
        for name, moment in zip(steps, moments[1:], strict=True):
            step, _, detail = name.partition(":")
            method: Callable[..., None] = getattr(self, step)
            with clock.turned_back(clock.now() - moment):
                method(*([detail] if detail else []))
                deliver()

    def _write(self) -> None:
        deal = self.deal
        opportunity = accounts.add_opportunity(self.account_id, name=deal.name, by=self.owner)
        self.quote_id = quotes.create(self._content(opportunity), by=self.owner).id

    def _content(self, opportunity: Opportunity) -> QuoteContent:
        deal, account = self.deal, db.session.get_one(Account, self.account_id)
        start = selling_day() + timedelta(days=deal.start_in) if deal.start_in is not None else None
        return QuoteContent(
            account_id=account.id,
            contact_id=_signer(account).id,
            opportunity_id=opportunity.id,
            billing_address_id=account.billing_address_id,
            shipping_address_id=account.shipping_address_id,
            currency=account.currency,
            start_date=start,
            term_months=deal.term_months,
            billing_frequency=deal.frequency,
            renewal=deal.renewal,
            payment_terms_days=account.payment_terms_days,
            expires_on=selling_day() + timedelta(days=deal.valid_days),
            notes=deal.notes,
            lines=tuple(_lines(deal, account.currency)),
            instalments=tuple(InstalmentContent(percent=Decimal(share), due=due) for share, due in deal.plan),
        )

    def submit(self) -> None:
        quotes.submit(self.quote_id, by=self.owner)

    def approve(self) -> None:
        quotes.approve(self.quote_id, by=self.manager)

    def reject(self) -> None:
        quotes.reject(self.quote_id, reason=REASONS["reject"], by=self.manager)

    def revise(self) -> None:
        self.quote_id = quotes.revise(self.quote_id, by=self.owner).id

    def convert(self) -> None:
        self.order_id = conversion.convert(self.quote_id, by=self.owner).id
        if self.deal.notes:
            order_papers.add_note(self.order_id, self.deal.notes, visible=False, by=self.owner)

    def send(self) -> None:
        self.approval_id = approvals.submit(self.order_id, message=self.deal.message, by=self.owner).id

    def view(self) -> None:
        signing.mark_viewed(self.approval_id)

    def sign(self) -> None:
        approval, order = self._approval()
        with transaction():
            agreed = canonical.sha256(signing.consent(approval))
        contact = approval.contact
        hand = Hand(contact.name, contact.title, contact.email, agreed, ip="198.51.100.24", user_agent=PHONE)
        signing.sign(approval.id, hand, sha256=approval.snapshot.sha256, edition=order.edition)

    def pay(self, card: str) -> None:
        """The customer pays with the test card `card`, and keeps it on file."""
        approval, _ = self._approval()
        name = approval.contact.name
        intent = signing.checkout(approval.id)
        pay_with = _instrument(card, consent_text="Save this card for what this order says is charged later.")
        charge = charges.start(intent.id, pay_with=pay_with, form_key=secrets.token_hex(8), by=Actor.customer(name))
        charges.execute(charge.id)

    def fail(self, card: str) -> None:
        """The customer tries to pay and `card` is declined."""
        self.pay(card)

    def collect(self, card: str) -> None:
        """The manager takes a card on the phone."""
        first = collection.prepare_first(self.order_id, by=self.manager)
        collection.collect(first.id, pay_with=_instrument(card), form_key=secrets.token_hex(8), by=self.manager)

    def decline(self) -> None:
        signing.decline(self.approval_id, reason=REASONS["decline"])

    def change(self) -> None:
        signing.request_change(self.approval_id, message=REASONS["change"])

    def book(self) -> None:
        orders.book(self.order_id, by=self.manager)

    def cancel(self) -> None:
        orders.cancel(self.order_id, because=REASONS["cancel"], by=self.owner)

    def _approval(self) -> tuple[Approval, SalesOrder]:
        approval = db.session.get_one(Approval, self.approval_id)
        return approval, db.session.get_one(SalesOrder, self.order_id)


def tell(deals: tuple[Deal, ...], account_ids: dict[str, int], people: dict[str, User], manager: User) -> None:
    """The deals that were not told yet, oldest first."""
    known = {(row.account_id, row.name) for row in db.session.execute(select(Opportunity.account_id, Opportunity.name))}
    for deal in sorted(deals, key=lambda d: -d.days_ago):
        if (account_ids[deal.customer], deal.name) not in known:
            Telling(deal, account_ids[deal.customer], people[deal.owner], manager).tell()


def live_through(days: int) -> None:
    """What the clock does by itself, once for each of the last days: quotes and links expire, orders start, what recurs
    is charged."""
    for ago in range(days, -1, -1):
        with clock.turned_back(timedelta(days=ago)):
            quotes.expire_due()
            orders.expire_approvals()
            activation.start_due()
            agreements.live_through()
            dunning.live_through()
            deliver()


def _signer(account: Account) -> Contact:
    return account.contacts[0]


def _instrument(card: str, consent_text: str | None = None) -> Instrument:
    known = BY_SLUG[card]
    label = f"{known.brand} ending {known.last4}"
    return Instrument(known.alias(12, 2029), label, save=consent_text is not None, consent_text=consent_text)


def _lines(deal: Deal, currency: str) -> list[LineContent]:
    products = {p.sku: p for p in db.session.scalars(select(Product))}
    wanted = list(deal.lines)
    others = [sku for sku in products if sku not in {x[0] for x in wanted}]
    for i in range(len(wanted), deal.rows):
        wanted.append((others[i % len(others)], 1 + i * 7 % 24, 5 if i % 6 == 0 else 0))
    return [_line(products[sku], quantity, discount, currency, deal) for sku, quantity, discount in wanted]


def _line(product: Product, quantity: int, discount: int, currency: str, deal: Deal) -> LineContent:
    """Service days are a week after the start."""
    later = product.routing is Routing.SERVICE and product.frequency is None and deal.start_in is not None
    return LineContent(
        product_id=product.id,
        description=product.name,
        quantity=Decimal(quantity),
        unit_price=_price(product, currency),
        discount_percent=Decimal(discount),
        activation_date=selling_day() + timedelta(days=(deal.start_in or 0) + 7) if later else None,
    )


def _price(product: Product, currency: str) -> Decimal:
    """The list price, or about as much in another currency."""
    if currency == product.currency:
        return product.unit_price
    return (product.unit_price * Decimal(FACTORS[currency])).quantize(Decimal(1).scaleb(-exponent(currency)))
