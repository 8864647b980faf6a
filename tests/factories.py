"""Records for tests: each function writes one sensible thing and commits it. Invented people, .test domains."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from app import canonical, clock, numbering
from app.access import Role
from app.commands.orders import signing
from app.commands.orders.signing import Hand
from app.db import db, transaction
from app.models import (
    Account,
    Address,
    Approval,
    Company,
    Contact,
    Due,
    Frequency,
    Gateway,
    Instalment,
    Invoice,
    InvoiceLine,
    Opportunity,
    OrderLine,
    Product,
    Quote,
    QuoteLine,
    Route,
    Routing,
    SalesOrder,
    TaxCode,
    TaxRate,
    User,
)
from app.states.invoice import InvoiceStatus
from app.states.quote import QuoteStatus

ZONE = "Europe/Berlin"
_count = itertools.count(1)


def company(**changes: Any) -> Company:
    """The seller, with a sandbox gateway and a route that takes every currency."""
    existing = db.session.get(Company, 1)
    if existing is not None:
        return existing
    with transaction() as session:
        facts: dict[str, Any] = {
            "name": "Brightwater Health Systems",
            "street": "Harbour Road 1",
            "postcode": "20457",
            "city": "Hamburg",
            "country": "DE",
            "email": "sales@brightwater.test",
            "time_zone": ZONE,
            "currency": "EUR",
        }
        row = Company(**(facts | changes))
        session.add(row)
        gateway = Gateway(key="sandbox", kind="sandbox", name="Sandbox", currencies=["EUR", "USD", "JPY", "KWD"])
        session.add(gateway)
        session.flush()
        session.add(Route(key="cards", name="Cards", position=1, gateway_id=gateway.id, descriptor="BRIGHTWATER"))
    return row


def user(role: Role = Role.SALESPERSON, **changes: Any) -> User:
    n = next(_count)
    company()
    with transaction() as session:
        facts = {
            "email": f"{role}{n}@brightwater.test",
            "name": f"{role.value.replace('_', ' ').title()} {n}",
            "password_hash": "!",
            "roles": [role.value],
        }
        row = User(**(facts | changes))
        session.add(row)
    return row


def account(*, currency: str = "EUR", **changes: Any) -> Account:
    """With one contact (billing contact too), one address for both uses."""
    company()
    n = next(_count)
    with transaction() as session:
        row = Account(
            **({"number": numbering.take("account"), "name": f"Northfield Clinics {n}", "currency": currency} | changes)
        )
        session.add(row)
        session.flush()
        person = Contact(
            account_id=row.id, name="Maria Keller", title="Head of operations", email=f"maria{n}@northfield.test"
        )
        place = Address(
            account_id=row.id, name=row.name, street="Lindenweg 14", postcode="80331", city="Munich", country="DE"
        )
        session.add_all([person, place])
        session.flush()
        row.billing_contact_id, row.billing_address_id, row.shipping_address_id = person.id, place.id, place.id
    return row


def tax_code(rate: str = "19") -> TaxCode:
    existing = db.session.query(TaxCode).filter_by(code=f"vat-{rate}").one_or_none()
    if existing is not None:
        return existing
    with transaction() as session:
        row = TaxCode(code=f"vat-{rate}", name=f"VAT {rate} %")
        session.add(row)
        session.flush()
        session.add(TaxRate(tax_code_id=row.id, valid_from=date(2020, 1, 1), rate=Decimal(rate)))
    return row


def product(**changes: Any) -> Product:
    n = next(_count)
    code = tax_code()
    with transaction() as session:
        facts: dict[str, Any] = {
            "sku": f"BT-{n}",
            "name": f"Bedside terminal {n}",
            "unit_price": Decimal("100"),
            "currency": "EUR",
            "routing": Routing.WAREHOUSE,
            "tax_code_id": code.id,
        }
        row = Product(**(facts | changes))
        session.add(row)
    return row


def line(position: int = 1, **changes: Any) -> dict[str, Any]:
    """Columns of a quote or order line: one terminal at 100.00 plus 19 %."""
    return {
        "position": position,
        "sku": f"BT-{position}",
        "description": f"Bedside terminal {position}",
        "quantity": Decimal(1),
        "unit_price": Decimal("100"),
        "discount_percent": Decimal(0),
        "tax_rate": Decimal(19),
        "frequency": None,
        "routing": Routing.WAREHOUSE,
        "activation_date": None,
    } | changes


def licence(position: int = 1, **changes: Any) -> dict[str, Any]:
    """A monthly line: ten licences at 24.50."""
    return line(
        position,
        **{
            "sku": f"CD-{position}",
            "description": "Care desk licence",
            "quantity": Decimal(10),
            "unit_price": Decimal("24.5"),
            "frequency": Frequency.MONTHLY,
            "routing": Routing.DIGITAL,
        }
        | changes,
    )


def quote(
    *,
    owner: User | None = None,
    customer: Account | None = None,
    lines: Sequence[dict[str, Any]] | None = None,
    deposit_percent: str | None = None,
    status: QuoteStatus = QuoteStatus.DRAFT,
    **changes: Any,
) -> Quote:
    """A quote with two lines (a terminal and a monthly licence), all due at signature unless a deposit is given."""
    owner = owner or user()
    customer = customer or account()
    customer_id, owner_id = customer.id, owner.id
    contact_id, address_id, currency = customer.billing_contact_id, customer.billing_address_id, customer.currency
    with transaction() as session:
        chance = Opportunity(account_id=customer_id, name="Clinic roll-out", owner_id=owner_id)
        session.add(chance)
        session.flush()
        facts: dict[str, Any] = {
            "number": numbering.take("quote"),
            "status": status,
            "account_id": customer_id,
            "contact_id": contact_id,
            "opportunity_id": chance.id,
            "owner_id": owner_id,
            "billing_address_id": address_id,
            "shipping_address_id": address_id,
            "currency": currency,
            "expires_on": clock.today(ZONE) + timedelta(days=30),
            "start_date": clock.today(ZONE),
            "term_months": 24,
            "billing_frequency": Frequency.MONTHLY,
        }
        row = Quote(**(facts | changes))
        row.lines = [QuoteLine(**x) for x in (lines or [line(1), licence(2)])]
        row.instalments = _plan(deposit_percent)
        session.add(row)
    return row


def _plan(deposit_percent: str | None) -> list[Instalment]:
    if deposit_percent is None:
        return [Instalment(position=1, percent=Decimal(100), due=Due.SIGNATURE)]
    first = Decimal(deposit_percent)
    return [
        Instalment(position=1, percent=first, due=Due.SIGNATURE),
        Instalment(position=2, percent=100 - first, due=Due.DELIVERY),
    ]


def approved_quote(**facts: Any) -> Quote:
    return quote(status=QuoteStatus.APPROVED, approved_at=clock.now(), content_hash="0" * 64, **facts)


def order(
    *,
    owner: User | None = None,
    customer: Account | None = None,
    lines: Sequence[dict[str, Any]] | None = None,
    deposit_percent: str | None = None,
    **changes: Any,
) -> SalesOrder:
    """A draft order as conversion leaves it (written directly; conversion has tests of its own)."""
    source = quote(
        owner=owner, customer=customer, lines=lines, deposit_percent=deposit_percent, status=QuoteStatus.CONVERTED
    )
    with transaction() as session:
        facts: dict[str, Any] = {
            name: getattr(source, name)
            for name in (
                "account_id",
                "contact_id",
                "opportunity_id",
                "owner_id",
                "billing_address_id",
                "shipping_address_id",
                "currency",
                "start_date",
                "term_months",
                "billing_frequency",
            )
        }
        facts |= {
            "number": numbering.take("order"),
            "quote_id": source.id,
            "quote_number": source.number,
            "quote_version": source.version,
        }
        row = SalesOrder(**(facts | changes))
        row.lines = [OrderLine(**x) for x in (lines or [line(1), licence(2)])]
        row.instalments = _plan(deposit_percent)
        session.add(row)
    return row


def invoice(order: SalesOrder, lines: int = 40, **changes: Any) -> Invoice:
    """Issued on terms and due in a fortnight, over 100.00 and 19 %; what commands issue is paid already."""
    today = clock.today(ZONE)
    with transaction() as session:
        facts: dict[str, Any] = {
            "number": numbering.take("invoice"),
            "status": InvoiceStatus.ISSUED,
            "account_id": order.account_id,
            "order_id": order.id,
            "currency": order.currency,
            "net": 10000,
            "tax": 1900,
            "gross": 11900,
            "tax_by_rate": [{"rate": "19", "base": 10000, "tax": 1900}],
            "billing": {"name": "Northfield", "address": ["Northfield"], "tax_id": "", "tax_status": "standard"},
            "issued_on": today,
            "supply_date": today,
            "due_date": today + timedelta(days=14),
        }
        row = Invoice(**(facts | changes))
        text = {"sku": "", "quantity": Decimal(1), "unit_price": Decimal("2.5"), "tax_rate": Decimal(19), "amount": 250}
        row.lines = [InvoiceLine(position=n, description=f"Line {n}", **text) for n in range(1, lines + 1)]
        session.add(row)
    return row


def hand(approval: Approval, **changes: Any) -> Hand:
    """Maria's signature, under the words as they stand now."""
    with transaction():
        agreed = canonical.sha256(signing.consent(db.session.get_one(Approval, approval.id)))
    facts = {"name": "Maria Keller", "title": "", "email": "maria@northfield.test", "agreed": agreed}
    return Hand(**(facts | changes))
