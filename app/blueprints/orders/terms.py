"""Editing the terms and the payment plan of a draft in place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Response
from flask_babel import lazy_gettext as _
from wtforms import DateField, FieldList, FormField, IntegerField, SelectField
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import HiddenInput

from ...access import Permission, me, requires
from ...commands.orders import order_edits
from ...commands.orders.order_edits import Step, TermsEdit
from ...errors import Refusal, StaleVersion
from ...models import CollectionMethod, Due, Frequency, Renewal
from ...money import Money, exponent
from ...queries.orders import editing
from ...queries.orders.facts import Facts, PlanStep
from ..forms import Form, Row
from ..numbers import AtMostDecimals, Between, NumberField
from . import bp, regions

MOST = 999_999_999_999

FREQUENCIES = [
    ("", _("Once")),
    (Frequency.WEEKLY, _("Weekly")),
    (Frequency.MONTHLY, _("Monthly")),
    (Frequency.QUARTERLY, _("Quarterly")),
    (Frequency.YEARLY, _("Yearly")),
]
RENEWALS = [
    (Renewal.AUTO, _("Renews automatically")),
    (Renewal.MANUAL, _("To be agreed")),
    (Renewal.NONE, _("Does not renew")),
]
DUES = [("", "–"), (Due.SIGNATURE, _("At signature")), (Due.DATE, _("On a date")), (Due.DELIVERY, _("On delivery"))]
COLLECTIONS = [
    (CollectionMethod.PAYMENT_LINK, _("Payment link")),
    (CollectionMethod.SAVED_METHOD, _("Card on file")),
    (CollectionMethod.STAFF_CARD, _("Card taken by staff")),
    (CollectionMethod.OFFLINE, _("Offline")),
]


def _frequency(value: Any) -> Frequency | None:
    return Frequency(value) if value else None


def _due(value: Any) -> Due | None:
    return Due(value) if value else None


class StepForm(Row):
    due = SelectField(_("Due"), choices=DUES, coerce=_due)
    due_date = DateField(_("Date"), [Optional()])
    percent = NumberField(
        _("Percent"),
        [Optional(), Between(0, 100), AtMostDecimals(3)],
    )
    amount = NumberField(_("Amount"), [Optional(), Between(0, MOST)])
    collection = SelectField(_("How"), choices=COLLECTIONS, coerce=CollectionMethod)

    @property
    def is_blank(self) -> bool:
        return not self.percent.data and not self.amount.data

    def validate(self, extra_validators: Any = None) -> bool:
        valid = super().validate(extra_validators)
        if self.is_blank:
            return valid
        if self.percent.data and self.amount.data:
            self.amount.errors = [str(_("Give a percentage or an amount, not both."))]
        if self.due.data is None:
            self.due_date.errors = [str(_("Say when it is due."))]
        if self.due.data is Due.DATE and self.due_date.data is None:
            self.due_date.errors = [str(_("Choose the day."))]
        return valid and not (self.amount.errors or self.due_date.errors)


class TermsForm(Form):
    edition = IntegerField(widget=HiddenInput(), validators=[InputRequired()])
    start_date = DateField(_("Starts"), [Optional()], description=_("Empty: when it is booked."))
    term_months = IntegerField(
        _("Term in months"),
        [Optional(), Between(1, 240)],
        description=_("Empty: open end."),
    )
    billing_frequency = SelectField(_("Billed"), choices=FREQUENCIES, coerce=_frequency)
    renewal = SelectField(_("Renewal"), [InputRequired()], choices=RENEWALS, coerce=Renewal)
    payment_terms_days = IntegerField(
        _("Invoices due after days"),
        [InputRequired(_("Say how many days.")), Between(0, 365)],
    )
    plan = FieldList(FormField(StepForm))

    def steps(self, currency: str) -> tuple[Step, ...]:
        return tuple(_step(row.form, currency) for row in self.plan if not row.form.is_blank)

    def validate_amounts(self, currency: str) -> bool:
        """Amounts have no more digits than their currency."""
        for row in self.plan:
            field = row.form.amount
            if field.data and field.data != field.data.quantize(Decimal(1).scaleb(-exponent(currency))):
                field.errors = [str(_("%(currency)s has fewer decimals.", currency=currency))]
        return not any(row.form.amount.errors for row in self.plan)

    def edit(self, currency: str) -> TermsEdit:
        return TermsEdit(
            start_date=self.start_date.data,
            term_months=self.term_months.data,
            billing_frequency=self.billing_frequency.data,
            renewal=self.renewal.data,
            payment_terms_days=self.payment_terms_days.data or 0,
            plan=self.steps(currency),
        )


def _step(form: StepForm, currency: str) -> Step:
    amount = Money.of(form.amount.data, currency).minor if form.amount.data else None
    date = form.due_date.data if form.due.data is Due.DATE else None
    return Step(form.due.data, form.collection.data, form.percent.data if amount is None else None, amount, date)


@bp.get("/<number>/terms/edit")
@requires(Permission.ORDER_EDIT)
def edit_terms(number: str) -> Response:
    facts = regions.load_order(number)
    refusal = editing.not_a_draft(facts)
    if refusal is not None:
        raise refusal
    row = facts.row
    names = ("edition", "start_date", "term_months", "billing_frequency", "renewal", "payment_terms_days")
    plan = [_values(step, row.currency) for step in facts.plan] + [{}]
    return _answer(facts, TermsForm(formdata=None, data={n: getattr(row, n) for n in names} | {"plan": plan}))


def _values(step: PlanStep, currency: str) -> dict[str, Any]:
    return {
        "due": step.due,
        "due_date": step.due_date,
        "percent": step.percent,
        "amount": Money(step.amount, currency).major if step.amount is not None else None,
        "collection": step.collection,
    }


@bp.post("/<number>/terms")
@requires(Permission.ORDER_EDIT)
def save_terms(number: str) -> Response:
    facts = regions.load_order(number)
    form, currency = TermsForm(), facts.row.currency
    if not (form.validate() and form.validate_amounts(currency)):
        return _answer(facts, form, 422)
    try:
        order_edits.edit_terms(facts.row.id, form.edit(currency), edition=form.edition.data or 0, by=me())
    except StaleVersion:
        return _conflict(number, form)
    except Refusal as refusal:
        form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
        return _answer(regions.load_order(number), form, refusal.status)
    return regions.changed(number, "summary", "lines", *regions.TERMS, toast="Terms saved")


def _conflict(number: str, form: TermsForm) -> Response:
    facts = regions.load_order(number)
    names = ("start_date", "term_months", "billing_frequency", "renewal", "payment_terms_days")
    rows = [(str(form[n].label.text), editing.shown(form[n].data), editing.shown(getattr(facts.row, n))) for n in names]
    form.edition.data = facts.row.edition
    form.edition.raw_data = None
    return _answer(facts, form, 409, conflict=editing.conflict(facts, "terms", rows))


def _answer(facts: Facts, form: TermsForm, status: int = 200, **more: Any) -> Response:
    blank = StepForm(formdata=None, prefix="plan-__index__-")
    return regions.panel(facts, "summary", status=status, editing="terms", form=form, blank_step=blank, **more)
