"""What can be chosen in the quote editor."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from sqlalchemy import or_, select

from ...db import db
from ...models import Account, Address, Company, Contact, Gateway, GatewayState, Opportunity, Product
from ...values import Value

ACCOUNTS = 200


class ProductChoice(Value):
    """`unit_price` is the list price in major units of `currency`."""

    id: int
    sku: str
    name: str
    unit_price: Decimal
    currency: str


class Choices(Value):
    """Pairs of id and words; products by id."""

    contacts: list[tuple[int, str]]
    opportunities: list[tuple[int, str]]
    addresses: list[tuple[int, str]]
    currencies: list[str]
    products: dict[int, ProductChoice]


def of(account: Account, used_products: Collection[int] = ()) -> Choices:
    """The account's own people and places, and the catalog; products already on the quote stay, sold or not."""
    session = db.session
    contacts = session.execute(
        select(Contact.id, Contact.name, Contact.email).where(Contact.account_id == account.id).order_by(Contact.name)
    )
    opportunities = session.execute(
        select(Opportunity.id, Opportunity.name).where(Opportunity.account_id == account.id).order_by(Opportunity.name)
    )
    addresses = session.scalars(select(Address).where(Address.account_id == account.id).order_by(Address.id))
    return Choices(
        contacts=[(r.id, f"{r.name}, {r.email}") for r in contacts],
        opportunities=[(r.id, r.name) for r in opportunities],
        addresses=[(a.id, ", ".join(a.lines)) for a in addresses],
        currencies=_currencies(account),
        products=_products(used_products),
    )


def accounts(search: str) -> list[tuple[str, str]]:
    """Number and name of at most ACCOUNTS accounts whose name or number contains `search`."""
    query = select(Account.number, Account.name).order_by(Account.name).limit(ACCOUNTS)
    if search:
        query = query.where(
            or_(Account.name.icontains(search, autoescape=True), Account.number.icontains(search, autoescape=True))
        )
    return [(r.number, r.name) for r in db.session.execute(query)]


def _currencies(account: Account) -> list[str]:
    """The account's first, then what the active gateways take."""
    taken = db.session.scalars(select(Gateway.currencies).where(Gateway.state == GatewayState.ACTIVE))
    ours = db.session.scalar(select(Company.currency).where(Company.id == 1))
    found = [account.currency, *([ours] if ours else []), *sorted({c for row in taken for c in row})]
    return list(dict.fromkeys(found))


def _products(used: Collection[int]) -> dict[int, ProductChoice]:
    query = select(Product.id, Product.sku, Product.name, Product.unit_price, Product.currency)
    query = query.where(or_(Product.active, Product.id.in_(used))).order_by(Product.name)
    return {r.id: ProductChoice(*r) for r in db.session.execute(query)}
