"""Quotes for tests, written through the commands: two priced products on one account."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from app import clock
from app.access import Role
from app.commands.quotes import quotes
from app.commands.quotes.quote_content import InstalmentContent, LineContent, QuoteContent
from app.models import Account, Due, Frequency, Quote, Routing, User
from tests import factories


def content(customer: Account | None = None, **changes: Any) -> QuoteContent:
    """Two terminals at 100.00 and ten licences at 24.50 a month, 19 %: 529.55; 30 % at signature."""
    customer = customer or factories.account()
    terminal = factories.product()
    licence = factories.product(
        name="Care desk licence", unit_price=Decimal("24.5"), frequency=Frequency.MONTHLY, routing=Routing.DIGITAL
    )
    basis = QuoteContent(
        account_id=customer.id,
        contact_id=customer.billing_contact_id,
        billing_address_id=customer.billing_address_id,
        shipping_address_id=customer.shipping_address_id,
        currency=customer.currency,
        expires_on=clock.today(factories.ZONE) + timedelta(days=30),
        term_months=24,
        billing_frequency=Frequency.MONTHLY,
        lines=(line(terminal.id, 2, "100"), line(licence.id, 10, "24.5")),
        instalments=(
            InstalmentContent(percent=Decimal(30)),
            InstalmentContent(percent=Decimal(70), due=Due.DELIVERY),
        ),
    )
    return replace(basis, **changes)


def line(product_id: int, quantity: int | str, unit_price: str, **changes: Any) -> LineContent:
    return replace(
        LineContent(
            product_id=product_id, description="A thing", quantity=Decimal(quantity), unit_price=Decimal(unit_price)
        ),
        **changes,
    )


def people() -> tuple[User, User]:
    """Who writes quotes, and who approves them."""
    return factories.user(Role.SALESPERSON), factories.user(Role.SALES_MANAGER)


def approved(seller: User, manager: User, customer: Account | None = None, **changes: Any) -> Quote:
    quote = quotes.create(content(customer, **changes), by=seller)
    quotes.submit(quote.id, by=seller)
    return quotes.approve(quote.id, by=manager)
