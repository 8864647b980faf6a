"""What people fill in about agreements."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    DateField,
    FieldList,
    FormField,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from ...commands.agreements.agreements import LineFacts
from ...models import Account, CollectionMethod, Frequency, Missed, Proration
from ...queries.agreements.page import cards
from ...queries.agreements.views import AgreementPage, LineView
from ...queries.dunning import policies
from ..forms import Form, KeyForm, Row
from ..numbers import AtMostDecimals, NumberField, id_or_none
from ..payments.forms import trimmed

MISSED = [
    (Missed.SKIP.value, _("Skip them; nothing is charged for them")),
    (Missed.COLLECT.value, _("Collect them, one after the other")),
]
CUT_SHORT = [(Proration.NONE.value, _("costs the whole price")), (Proration.DAILY.value, _("costs its days"))]
KEEP, GIVE_UP = "keep", "give_up"
OWED = [
    (KEEP, _("Is still owed; go on collecting it")),
    (GIVE_UP, _("Give it up here; its invoice stays with receivables")),
]
BY_INVOICE = "invoice"
MOST_LINES = 40
OFTEN = [
    (Frequency.WEEKLY.value, _("Weeks")),
    (Frequency.MONTHLY.value, _("Months")),
    (Frequency.QUARTERLY.value, _("Quarters")),
    (Frequency.YEARLY.value, _("Years")),
]


class ActivateForm(Form):
    """Where the first day went by while it was a draft."""

    first_on = DateField(_("First payment on"), [InputRequired(_("Choose the day."))])


class PauseForm(Form):
    until = DateField(_("Until"), [Optional()], description=_("Empty: until somebody resumes it."))
    missed = RadioField(_("Payments that fall due meanwhile"), choices=MISSED, default=Missed.SKIP.value)
    because = TextAreaField(_("Reason"), [DataRequired(_("Say why.")), Length(max=500)])


class ResumeForm(Form):
    """`owed` only where a payment had failed before the pause."""

    missed = RadioField(_("Payments that fell due meanwhile"), choices=MISSED, default=Missed.SKIP.value)
    owed = RadioField(_("What was not paid before"), choices=OWED, default=KEEP)

    @property
    def gives_up(self) -> bool:
        return "owed" in self and self.owed.data == GIVE_UP


class CancelForm(Form):
    when = RadioField(
        _("When"),
        choices=[("end", _("At the end of the period that is paid")), ("now", _("Now"))],
        default="end",
    )
    because = TextAreaField(_("Reason"), [DataRequired(_("Say why.")), Length(max=500)])


class Collected(Form):
    """Where a card is charged, or a link is sent."""

    collection = SelectField(_("Collected by"), [InputRequired()])

    def offer(self, account_id: int) -> None:
        by_card = [(f"card-{id}", label) for id, label in cards(account_id)]
        self.collection.choices = [*by_card, (BY_INVOICE, _("Invoice with a payment link"))]

    @property
    def collected(self) -> tuple[CollectionMethod, int | None]:
        chosen = str(self.collection.data)
        if chosen == BY_INVOICE:
            return CollectionMethod.PAYMENT_LINK, None
        return CollectionMethod.SAVED_METHOD, int(chosen.removeprefix("card-"))


class ChangeForm(Collected):
    """With two fields for each line, see `change_form`."""

    next_on = DateField(
        _("Next payment on"), [Optional()], description=_("Later only; the following ones keep its day.")
    )
    proration = SelectField(_("A last period that is cut short"), choices=CUT_SHORT)
    because = StringField(_("Reason"), [Optional(), Length(max=200)], [trimmed])
    version = HiddenField()


class RenewForm(Form):
    months = NumberField(
        _("Months"),
        [InputRequired(), AtMostDecimals(0), NumberRange(1, 120, _("Take a whole number from 1 to 120."))],
    )
    because = StringField(_("Reason"), [Optional(), Length(max=200)], [trimmed])
    version = HiddenField()


def change_form(view: AgreementPage, account_id: int, **given: Any) -> ChangeForm:
    """For this agreement; `given` goes to the form."""
    fields: dict[str, Any] = {}
    for line in view.lines:
        names = {"line": line.description}
        fields[f"quantity_{line.id}"] = _quantity(_("Quantity of %(line)s", **names))
        fields[f"price_{line.id}"] = _price(_("Price of %(line)s", **names))
    made: ChangeForm = type("ChangeForm", (ChangeForm,), fields)(**given)
    made.offer(account_id)
    if view.ends_on is None:
        del made.proration
    return made


def sent_version(field: HiddenField) -> int:
    """That of the page the form was opened on; 0 where it is none."""
    sent = str(field.data or "")
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 9 else 0


def typed_lines(form: ChangeForm, lines: tuple[LineView, ...]) -> dict[int, tuple[Decimal, Decimal]]:
    """What was typed for each line that is different from what is agreed."""
    typed = {line.id: (form[f"quantity_{line.id}"].data, form[f"price_{line.id}"].data) for line in lines}
    agreed = {line.id: (line.quantity, line.unit_price) for line in lines}
    return {id: pair for id, pair in typed.items() if pair != agreed[id]}


def _quantity(label: Any) -> Any:
    words = _("Enter a quantity above zero.")
    return NumberField(
        label, [InputRequired(words), AtMostDecimals(3), NumberRange(Decimal("0.001"), Decimal(1_000_000), words)]
    )


def _price(label: Any) -> Any:
    words = _("Enter a price, 0 or more.")
    return NumberField(
        label, [InputRequired(words), AtMostDecimals(4), NumberRange(Decimal(0), Decimal(1_000_000_000), words)]
    )


class LineForm(Row):
    description = StringField(_("What for"), [DataRequired(_("Say what is paid for.")), Length(max=300)], [trimmed])
    quantity = _quantity(_("Quantity"))
    unit_price = _price(_("Price each period, without tax"))
    tax_rate = NumberField(
        _("Tax rate in percent"),
        [InputRequired(_("Enter the rate, 0 where there is none.")), AtMostDecimals(3), NumberRange(0, 100)],
    )

    @property
    def is_blank(self) -> bool:
        """A row left empty, or one to be removed by a quantity of 0."""
        return self.quantity.data == 0 or not any(field.raw_data and field.raw_data[0].strip() for field in self)

    def validate(self, extra_validators: Any = None) -> bool:
        return self.is_blank or super().validate(extra_validators)

    @property
    def facts(self) -> LineFacts:
        return LineFacts(
            description=self.description.data or "",
            quantity=self.quantity.data or Decimal(1),
            unit_price=self.unit_price.data or Decimal(0),
            tax_rate=self.tax_rate.data or Decimal(0),
        )


class NewForm(KeyForm, Collected):
    lines = FieldList(FormField(LineForm), _("Lines"), max_entries=MOST_LINES)
    contact_id = SelectField(_("Contact"), coerce=id_or_none, description=_("Empty: who gets the account's bills."))
    policy_id = SelectField(_("When a payment fails"), coerce=id_or_none)
    every = NumberField(
        _("Every"), [InputRequired(), AtMostDecimals(0), NumberRange(1, 99, _("Take a whole number from 1 to 99."))]
    )
    frequency = SelectField(_("Of"), [InputRequired()], choices=OFTEN, default=Frequency.MONTHLY.value)
    starts_on = DateField(_("First payment on"), [InputRequired(_("Choose the day."))])
    trial_ends_on = DateField(_("Trial until"), [Optional()], description=_("The last day before the first payment."))
    ends_on = DateField(_("Ends on"), [Optional()], description=_("Empty: it goes on until it is cancelled."))
    proration = SelectField(_("A last period that is cut short"), choices=CUT_SHORT)
    consent_by = StringField(_("Agreed by"), [DataRequired(_("Say who agreed.")), Length(max=200)], [trimmed])
    consent_how = StringField(
        _("How"), [DataRequired(_("Say how, such as by phone or in a letter.")), Length(max=100)], [trimmed]
    )
    consent_text = TextAreaField(
        _("What was agreed"), [DataRequired(_("Write down what the customer agreed to.")), Length(max=2000)]
    )

    def offer_all(self, account: Account) -> None:
        """Fill the selects; must come before validation."""
        self.offer(account.id)
        self.contact_id.choices = [("", gettext("None")), *((row.id, row.name) for row in account.contacts)]
        self.policy_id.choices = [(id_or_none(value), name) for value, name in policies.choices()]

    @property
    def used(self) -> list[LineForm]:
        return [row.form for row in self.lines if not row.form.is_blank]

    def validate(self, extra_validators: Any = None) -> bool:
        valid: bool = super().validate(extra_validators)
        if not self.used:
            first = self.lines[0] if len(self.lines) else self.lines.append_entry()
            first.form.description.errors = [gettext("Say what is paid for.")]
        return valid and bool(self.used)
