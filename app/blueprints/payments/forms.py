"""What staff fill in to request and to collect money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    DateField,
    Field,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError
from wtforms.widgets import HiddenInput

from ...models import CollectionMethod
from ...money import Money
from ...money import total as add_up
from ...queries.payments.collecting import HOW
from ...queries.payments.shares import Share
from ..forms import CheckboxesField, Form, KeyForm, NoCardNumber
from ..numbers import Between, NumberField, id_or_none

NEW_CARD = "new"
COLLECTIONS = [
    (CollectionMethod.PAYMENT_LINK.value, _("Payment link")),
    (CollectionMethod.SAVED_METHOD.value, _("Card on file")),
    (CollectionMethod.STAFF_CARD.value, _("Card taken by staff")),
    (CollectionMethod.OFFLINE.value, _("Offline")),
]


def trimmed(value: str | None) -> str | None:
    return " ".join(value.split()) if value else value


class ReasonForm(Form):
    reason = TextAreaField(
        _("Reason"),
        [DataRequired(_("Say why.")), Length(max=500)],
        description=_("It stays with the order's history."),
    )


class DecisionForm(Form):
    """Nothing to fill in: the page says what is decided."""


class VoidForm(KeyForm):
    reason = TextAreaField(_("Reason"), [DataRequired(_("Say why.")), Length(max=500)])


class AmountForm(KeyForm):
    amount = NumberField(_("Amount"), [InputRequired(_("Enter an amount."))])

    def money(self, currency: str) -> Money | None:
        """The amount; None with an error beside its field where it has more digits than the currency."""
        try:
            return Money.of(self.amount.data or 0, currency)
        except ValueError:
            complain(self.amount, gettext("%(currency)s has fewer decimals.", currency=currency))
            return None


class RefundForm(AmountForm):
    reason = TextAreaField(
        _("Reason"),
        [DataRequired(_("Say why; the reason stays with the refund.")), Length(max=500)],
        description=_("The customer reads it in their mail."),
    )
    credit = BooleanField(
        _("Issue a credit note as well"),
        description=_("Once the refund has succeeded, it is taken off the invoice; else it is owed again."),
    )


class ExtendForm(Form):
    until = DateField(_("Lives until"), [InputRequired(_("Choose a day."))])


class CollectForm(KeyForm):
    """`pay_with` is the id of a card on file, or "new"; `instrument` is then the gateway's alias of the card, put there
    by its own field. A card number never comes here. `amount` is what the page said is charged, in minor units."""

    amount = IntegerField(widget=HiddenInput(), validators=[InputRequired()])
    pay_with = RadioField(_("Card"), [InputRequired(_("Choose a card."))], validate_choice=False)
    instrument = HiddenField(validators=[NoCardNumber()])
    card_label = HiddenField(validators=[Optional(), Length(max=60), NoCardNumber()])
    agreed = SelectField(
        _("How did the customer agree?"),
        [InputRequired(_("Say how the customer agreed; it is kept with the payment."))],
        choices=[
            ("", _("Choose …")),
            *zip(HOW, (_("On the phone"), _("In person"), _("In writing")), strict=True),
        ],
    )
    save = BooleanField(_("Keep this card for later payments"), description=_("Only if the customer agreed to it."))

    def offer(self, cards: list[tuple[str, str]]) -> None:
        self.pay_with.choices = [*cards, (NEW_CARD, gettext("New card"))]

    @property
    def takes_new_card(self) -> bool:
        return bool(self.pay_with.data == NEW_CARD)

    def validate_pay_with(self, field: Field) -> None:
        if field.data not in {value for value, _label in field.choices}:
            raise ValidationError(gettext("This card cannot be charged; choose another one."))

    def validate_instrument(self, field: Field) -> None:
        if self.takes_new_card and not field.data:
            raise ValidationError(gettext("Enter the card."))


class RequestForm(KeyForm):
    """`share` says what is asked for: what is left, a percentage of the order's total, some of its lines, or an amount.
    `route_id` is empty where the rules choose the route."""

    share = RadioField(_("Amount"), [InputRequired(_("Choose how much."))], default="rest")
    percent = NumberField(_("Percent"), [Between(0, 100)])
    amount = NumberField(_("Amount"))
    lines = CheckboxesField(_("Lines"), coerce=int)
    purpose = StringField(
        _("What for"), [DataRequired(_("Say what it is for; the customer reads it.")), Length(max=200)], [trimmed]
    )
    due_date = DateField(_("Due"), [Optional()])
    contact_id = SelectField(_("Whom to ask"), [Optional()], coerce=id_or_none)
    collection = SelectField(_("How it is collected"), [InputRequired()], choices=COLLECTIONS, coerce=CollectionMethod)
    route_id = SelectField(_("Route"), [Optional()], coerce=id_or_none)

    def wanted(self, *, total: Money, left: Money, shares: Sequence[Share] = ()) -> Money | None:
        """The amount; None with an error beside its field where there is none."""
        if self.share.data == "rest":
            return left
        if self.share.data == "lines":
            return self._of_lines(shares, total.currency)
        chosen: Any = self.percent if self.share.data == "percent" else self.amount
        if chosen.errors:
            return None
        if not chosen.data or chosen.data <= 0:
            complain(chosen, gettext("Enter a number above zero."))
            return None
        if chosen is self.percent:
            return total.percent(Decimal(chosen.data))
        try:
            return Money.of(chosen.data, total.currency)
        except ValueError:
            complain(chosen, gettext("%(currency)s has fewer decimals.", currency=total.currency))
            return None

    def _of_lines(self, shares: Sequence[Share], currency: str) -> Money | None:
        if not self.line_ids:
            complain(self.lines, gettext("Choose at least one line."))
        if self.lines.errors:
            return None
        return add_up((share.left for share in shares if share.line_id in self.line_ids), currency)

    @property
    def line_ids(self) -> list[int]:
        """Those that are asked for; none where something else is chosen."""
        return list(self.lines.data or ()) if self.share.data == "lines" else []

    def check_due_date(self, today: date) -> None:
        if self.due_date.data is not None and self.due_date.data < today:
            complain(self.due_date, gettext("This day is over. Choose today or a later one."))

    @property
    def chosen(self) -> Field:
        """The field that holds the amount, for what is said about it."""
        return {"percent": self.percent, "amount": self.amount, "lines": self.lines}.get(
            self.share.data or "", self.share
        )


def complain(field: Field, sentence: str) -> None:
    field.errors = [*field.errors, sentence]
