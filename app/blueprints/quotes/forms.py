"""The quote editor's form: what is typed, and the QuoteContent it makes."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    DateField,
    Field,
    FieldList,
    FormField,
    HiddenField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional

from ...commands.quotes.quote_content import InstalmentContent, LineContent, Problem, QuoteContent
from ...models import CollectionMethod, Due, Frequency, Renewal
from ...money import Money
from ...queries.quotes.choices import Choices, ProductChoice
from ..forms import KeyForm, Row
from ..numbers import NumberField, id_or_none

SPARE_ROWS = 3
MOST_LINES = 200
MOST_STEPS = 24

FREQUENCIES = [
    ("", _("Once")),
    (Frequency.WEEKLY.value, _("Weekly")),
    (Frequency.MONTHLY.value, _("Monthly")),
    (Frequency.QUARTERLY.value, _("Quarterly")),
    (Frequency.YEARLY.value, _("Yearly")),
]
RENEWALS = [
    (Renewal.NONE.value, _("Does not renew")),
    (Renewal.AUTO.value, _("Renews automatically")),
    (Renewal.MANUAL.value, _("To be agreed")),
]
DUES = [
    (Due.SIGNATURE.value, _("At signature")),
    (Due.DATE.value, _("On a date")),
    (Due.DELIVERY.value, _("On delivery")),
]
COLLECTIONS = [
    (CollectionMethod.PAYMENT_LINK.value, _("Payment link")),
    (CollectionMethod.SAVED_METHOD.value, _("Card on file")),
    (CollectionMethod.STAFF_CARD.value, _("Card taken by staff")),
    (CollectionMethod.OFFLINE.value, _("Offline")),
]


class LineForm(Row):
    product_id = SelectField(_("Product"), coerce=id_or_none, choices=[])
    description = StringField(_("Description"), [Length(max=500)])
    quantity = NumberField(_("Quantity"))
    unit_price = NumberField(_("Unit price"))
    discount_percent = NumberField(_("Discount"))
    activation_date = DateField(_("Active from"), [Optional()])

    @property
    def is_blank(self) -> bool:
        """A row left empty, or one to be removed by a quantity of 0."""
        typed = self.description.data or self.unit_price.data is not None or self.quantity.data is not None
        return self.quantity.data == 0 or (self.product_id.data is None and not typed and not self.errors)

    def content(self, currency: str, products: dict[int, ProductChoice]) -> LineContent:
        """Empty name and price are the catalog's. Notes errors on the fields for what is missing."""
        product = products.get(self.product_id.data) if self.product_id.data else None
        price = self.unit_price.data
        if price is None and product is not None and product.currency == currency:
            price = product.unit_price
        if price is None and product is not None and not self.unit_price.errors:
            _complain(self.unit_price, gettext("There is no list price in %(currency)s; type one.", currency=currency))
        return LineContent(
            product_id=product.id if product else 0,
            description=(self.description.data or "").strip() or (product.name if product else ""),
            quantity=Decimal(1) if self.quantity.data is None else self.quantity.data,
            unit_price=price or Decimal(0),
            discount_percent=self.discount_percent.data or Decimal(0),
            activation_date=self.activation_date.data,
        )


class InstalmentForm(Row):
    percent = NumberField(_("Percent"))
    amount = NumberField(_("Amount"))
    due = SelectField(_("Due"), choices=DUES, coerce=Due)
    due_date = DateField(_("Date"), [Optional()])
    collection = SelectField(_("How"), choices=COLLECTIONS, coerce=CollectionMethod)

    @property
    def is_blank(self) -> bool:
        return not self.percent.data and not self.amount.data and not self.errors

    def content(self, currency: str) -> InstalmentContent:
        return InstalmentContent(
            percent=self.percent.data or None,
            amount=self._minor(currency),
            due=self.due.data,
            due_date=self.due_date.data if self.due.data is Due.DATE else None,
            collection=self.collection.data,
        )

    def _minor(self, currency: str) -> int | None:
        if not self.amount.data:
            return None
        try:
            return Money.of(self.amount.data, currency).minor
        except ValueError:
            _complain(self.amount, gettext("%(currency)s has fewer decimals.", currency=currency))
            return 1


class QuoteForm(KeyForm):
    edition = HiddenField(filters=[id_or_none])
    contact_id = SelectField(_("Contact"), coerce=id_or_none)
    opportunity_id = SelectField(_("Opportunity"), coerce=id_or_none)
    billing_address_id = SelectField(_("Billing address"), coerce=id_or_none)
    shipping_address_id = SelectField(_("Shipping address"), coerce=id_or_none)
    currency = SelectField(_("Currency"), [InputRequired(_("Choose a currency."))])
    expires_on = DateField(
        _("Expires on"), [InputRequired(_("Choose the last day it can be accepted."))], description=_("The last day.")
    )
    start_date = DateField(_("Starts"), [Optional()], description=_("Empty: when it is booked."))
    term_months = IntegerField(_("Term in months"), [Optional()], description=_("Empty: open end."))
    billing_frequency = SelectField(
        _("Billed"), choices=FREQUENCIES, coerce=lambda v: Frequency(v) if v and v != "None" else None
    )
    renewal = SelectField(_("Renewal"), [InputRequired(_("Choose one."))], choices=RENEWALS, coerce=Renewal)
    payment_terms_days = IntegerField(_("Invoices due after days"), [InputRequired(_("Say how many days."))])
    notes = TextAreaField(_("Notes"), [Length(max=5000)], description=_("Internal; the customer never sees them."))
    lines = FieldList(FormField(LineForm), _("Lines"), max_entries=MOST_LINES)
    instalments = FieldList(FormField(InstalmentForm), _("Payment plan"), max_entries=MOST_STEPS)

    def offer(self, choices: Choices) -> None:
        """Fill the selects; must come before validation."""
        self.contact_id.choices = _optional(choices.contacts)
        self.opportunity_id.choices = _optional(choices.opportunities)
        self.billing_address_id.choices = _optional(choices.addresses)
        self.shipping_address_id.choices = _optional(choices.addresses)
        self.currency.choices = [(c, c) for c in choices.currencies]
        for row in self.lines:
            offer_products(row.form, choices)

    def content(self, account_id: int, choices: Choices) -> QuoteContent | None:
        """What was typed, or None with errors on the fields."""
        valid = self.validate()
        if not valid:
            return None
        currency = self.currency.data
        content = QuoteContent(
            account_id=account_id,
            contact_id=self.contact_id.data,
            opportunity_id=self.opportunity_id.data,
            billing_address_id=self.billing_address_id.data,
            shipping_address_id=self.shipping_address_id.data,
            currency=currency,
            start_date=self.start_date.data,
            term_months=self.term_months.data,
            billing_frequency=self.billing_frequency.data,
            renewal=self.renewal.data,
            payment_terms_days=self.payment_terms_days.data or 0,
            expires_on=self.expires_on.data,  # type: ignore[arg-type]
            notes=(self.notes.data or "").replace("\r\n", "\n").strip(),
            lines=tuple(row.content(currency, choices.products) for row in self._used(self.lines)),
            instalments=tuple(row.content(currency) for row in self._used(self.instalments)),
        )
        return None if self.errors_below() else content

    def attach(self, problems: Iterable[Problem]) -> None:
        """Put each problem beside its field; blank rows in between do not count."""
        for problem in problems:
            field = self._field(problem.field)
            if field is None:
                self.form_errors.append(problem.sentence)
            else:
                _complain(field, problem.sentence)

    def errors_below(self) -> bool:
        rows = [*self._used(self.lines), *self._used(self.instalments)]
        return any(field.errors for row in rows for field in row)

    def _field(self, name: str) -> Field | None:
        part, *rest = name.split("-")
        if not rest:
            return getattr(self, part, None)
        rows = self._used(getattr(self, part))
        return rows[int(rest[0])][rest[1]]

    @staticmethod
    def _used(rows: FieldList) -> list[Any]:
        return [row.form for row in rows if not row.form.is_blank]


def offer_products(row: Any, choices: Choices) -> None:
    """The catalog, each with its list price for the script that fills it in."""
    row.product_id.choices = [("", gettext("Choose a product")), *map(_product, choices.products.values())]


def _product(product: ProductChoice) -> tuple[int, str, dict[str, str]]:
    facts = {"data-price": format(product.unit_price.normalize(), "f"), "data-currency": product.currency}
    return product.id, f"{product.name} ({product.sku})", facts | {"data-name": product.name}


def _optional(pairs: list[tuple[int, str]]) -> list[tuple[Any, Any]]:
    return [("", gettext("None")), *pairs]


def _complain(field: Field, sentence: str) -> None:
    field.errors = [*field.errors, sentence]
