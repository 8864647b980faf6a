"""What a quote says, apart from what became of it: as typed or imported, checked, and written onto a draft."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ... import formatting
from ...db import db
from ...errors import Refusal
from ...language import marked
from ...models import (
    Account,
    Address,
    CollectionMethod,
    Company,
    Contact,
    Due,
    Frequency,
    Instalment,
    Opportunity,
    Product,
    Quote,
    QuoteLine,
    Renewal,
    SalesOrder,
    TaxCode,
    TaxStatus,
)
from ...money import CURRENCIES
from ...queries.calendar import selling_day
from ...values import Value

LONGEST_DESCRIPTION = 500
MOST_OF_A_LINE = 10**12  # in major units: two hundred such lines are still a sum that the database can hold


class LineContent(Value, kw_only=True):
    """Name, frequency and routing come from the product; prices are major units with up to four decimals."""

    product_id: int
    description: str
    quantity: Decimal
    unit_price: Decimal
    discount_percent: Decimal = Decimal(0)
    activation_date: date | None = None


class InstalmentContent(Value, kw_only=True):
    """Percent of the total, or `amount` in minor units."""

    percent: Decimal | None = None
    amount: int | None = None
    due: Due = Due.SIGNATURE
    due_date: date | None = None
    collection: CollectionMethod = CollectionMethod.PAYMENT_LINK


class QuoteContent(Value, kw_only=True):
    account_id: int
    contact_id: int | None = None
    opportunity_id: int | None = None
    billing_address_id: int | None = None
    shipping_address_id: int | None = None
    currency: str
    start_date: date | None = None
    term_months: int | None = None
    billing_frequency: Frequency | None = None
    renewal: Renewal = Renewal.NONE
    payment_terms_days: int = 14
    expires_on: date
    notes: str = ""
    lines: tuple[LineContent, ...] = ()
    instalments: tuple[InstalmentContent, ...] = ()


# Everything of a QuoteContent that is a column of its own.
COLUMNS = tuple(f for f in QuoteContent.__struct_fields__ if f not in ("lines", "instalments"))


class Problem(Value):
    """One thing that cannot be saved; `field` is named as in the editor, such as `lines-2-quantity`."""

    field: str
    sentence: str


class InvalidContent(Refusal):
    """The content cannot be saved as it is; each problem belongs beside its field."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("invalid_content", " ".join(p.sentence for p in self.problems), status=422)


def read(quote: Quote | SalesOrder, **given: Any) -> QuoteContent:
    """What `quote` says; equal contents compare equal. An order has no expiry and notes of its own: give them."""
    return QuoteContent(
        **{name: given[name] if name in given else getattr(quote, name) for name in COLUMNS},
        lines=tuple(LineContent(**{n: getattr(x, n) for n in LineContent.__struct_fields__}) for x in quote.lines),
        instalments=tuple(
            InstalmentContent(**{n: getattr(x, n) for n in InstalmentContent.__struct_fields__})
            for x in quote.instalments
        ),
    )


def write(quote: Quote, content: QuoteContent) -> None:
    """Make the draft say `content`, priced and taxed as of its start. Raises InvalidContent.

    Call inside transaction(); `quote` is new or locked.
    """
    found = list(problems(content))
    if found:
        raise InvalidContent(found)
    session = db.session()
    account = session.get_one(Account, content.account_id)
    products = _products(content)
    for name in COLUMNS:
        setattr(quote, name, getattr(content, name))
    quote.account = account
    quote.prices_include_tax = session.get_one(Company, 1).prices_include_tax
    quote.lines = []
    quote.instalments = []
    session.add(quote)
    session.flush()  # the old rows go before the new ones take their positions
    day = content.start_date or selling_day()
    quote.lines = [_line(i, line, products[line.product_id], account, day) for i, line in enumerate(content.lines, 1)]
    quote.instalments = [_instalment(i, step) for i, step in enumerate(content.instalments, 1)]
    session.flush()


def tax_rate(product: Product, account: Account, day: date) -> Decimal:
    """In percent: the product's dated rate, or none for exempt and reverse-charge customers. Raises LookupError."""
    return product.tax_code.rate_on(day) if account.tax_status is TaxStatus.STANDARD else Decimal(0)


def _line(position: int, line: LineContent, product: Product, account: Account, day: date) -> QuoteLine:
    return QuoteLine(
        position=position,
        product_id=product.id,
        sku=product.sku,
        description=line.description,
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount_percent=line.discount_percent,
        tax_rate=tax_rate(product, account, day),
        frequency=product.frequency,
        routing=product.routing,
        activation_date=line.activation_date,
    )


def _instalment(position: int, step: InstalmentContent) -> Instalment:
    return Instalment(
        position=position,
        percent=step.percent,
        amount=step.amount,
        due=step.due,
        due_date=step.due_date,
        collection=step.collection,
    )


def _products(content: QuoteContent) -> dict[int, Product]:
    ids = {line.product_id for line in content.lines}
    query = select(Product).where(Product.id.in_(ids)).options(selectinload(Product.tax_code, TaxCode.rates))
    return {p.id: p for p in db.session.scalars(query)}


def problems(content: QuoteContent) -> Iterator[Problem]:
    """Everything that keeps `content` from being saved, in the order of the editor's fields."""
    account = db.session.get(Account, content.account_id)
    if account is None:
        yield Problem("account_id", gettext("Choose an account."))
        return
    yield from _belongings(content)
    if content.currency not in CURRENCIES:
        yield Problem("currency", gettext("This is no currency; use an ISO code such as EUR."))
        return
    if content.term_months is not None and not 1 <= content.term_months <= 240:
        yield Problem("term_months", gettext("The term is between 1 and 240 months; leave it empty for an open end."))
    if not 0 <= content.payment_terms_days <= 365:
        yield Problem("payment_terms_days", gettext("Payment terms are between 0 and 365 days."))
    products = _products(content)
    day = content.start_date or selling_day()
    for i, line in enumerate(content.lines):
        for field, sentence in _line_problems(line, products.get(line.product_id), account, day):
            yield Problem(f"lines-{i}-{field}", sentence)
    for i, step in enumerate(content.instalments):
        for field, sentence in _step_problems(step, content.currency):
            yield Problem(f"instalments-{i}-{field}", sentence)


def _belongings(content: QuoteContent) -> Iterator[Problem]:
    """Contact, opportunity and addresses must be the account's own."""
    foreign_address = marked("This address does not belong to the account; choose one of its own.")
    for field, model, sentence in (
        ("contact_id", Contact, marked("This contact does not belong to the account; choose one of its own.")),
        (
            "opportunity_id",
            Opportunity,
            marked("This opportunity does not belong to the account; choose one of its own."),
        ),
        ("billing_address_id", Address, foreign_address),
        ("shipping_address_id", Address, foreign_address),
    ):
        chosen = getattr(content, field)
        if chosen is None:
            continue
        owner = db.session.scalar(select(model.account_id).where(model.id == chosen))  # type: ignore[attr-defined]
        if owner != content.account_id:
            yield Problem(field, gettext(sentence))


def _line_problems(
    line: LineContent, product: Product | None, account: Account, day: date
) -> Iterator[tuple[str, str]]:
    if product is None:
        yield "product_id", gettext("Choose a product from the catalog.")
        return
    if not line.description.strip():
        yield "description", gettext("Say in words what is sold.")
    if len(line.description) > LONGEST_DESCRIPTION:
        words = gettext("At most %(most)s characters; this has %(count)s.")
        yield "description", words % {"most": LONGEST_DESCRIPTION, "count": len(line.description)}
    if not 0 < line.quantity < 10**9 or _decimals(line.quantity) > 3:
        yield "quantity", gettext("The quantity is more than 0, with at most three decimals.")
    if not 0 <= line.unit_price < 10**10 or _decimals(line.unit_price) > 4:
        yield "unit_price", gettext("The price is 0 or more, with at most four decimals.")
    if not 0 <= line.discount_percent <= 100 or _decimals(line.discount_percent) > 3:
        yield "discount_percent", gettext("The discount is between 0 and 100 percent, with at most three decimals.")
    if line.quantity * line.unit_price >= MOST_OF_A_LINE:
        yield (
            "unit_price",
            gettext("A line comes to less than 1,000,000,000,000; divide it into orders of their own."),
        )
    try:
        tax_rate(product, account, day)
    except LookupError:
        yield (
            "product_id",
            gettext(
                "%(code)s has no rate on %(date)s; an admin can add one.",
                code=product.tax_code.name,
                date=formatting.day(day),
            ),
        )


def _step_problems(step: InstalmentContent, currency: str) -> Iterator[tuple[str, str]]:
    if (step.percent is None) == (step.amount is None):
        yield "percent", gettext("Give either a percentage or an amount.")
    if step.percent is not None and (not 0 < step.percent <= 100 or _decimals(step.percent) > 3):
        yield "percent", gettext("The percentage is between 0 and 100, with at most three decimals.")
    if step.amount is not None and not 0 < step.amount < MOST_OF_A_LINE * 1000:
        yield "amount", gettext("The amount is more than 0, and less than a whole order can come to.")
    if step.due is Due.DATE and step.due_date is None:
        yield "due_date", gettext("Choose the day it is due.")


def _decimals(value: Decimal) -> int:
    """Digits after the point, padding aside."""
    places = value.normalize().as_tuple().exponent
    return max(0, -int(places)) if isinstance(places, int) else 99
