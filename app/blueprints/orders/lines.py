"""Editing the lines of a draft in place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Response
from flask_babel import lazy_gettext as _
from wtforms import (
    DateField,
    FieldList,
    FormField,
    HiddenField,
    IntegerField,
    SelectField,
    StringField,
)
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import HiddenInput

from ...access import Permission, me, requires
from ...commands.orders import order_edits
from ...commands.orders.order_edits import LineEdit
from ...errors import Refusal, StaleVersion
from ...models import Routing
from ...queries.orders import editing
from ...queries.orders.facts import Facts
from ..forms import Form, Row
from ..numbers import AtMostDecimals, Between, NumberField, id_or_none
from . import bp, regions

SPARE_ROWS = 1
MOST = 999_999_999

ROUTINGS = [
    (Routing.WAREHOUSE, _("Warehouse")),
    (Routing.THIRD_PARTY, _("3PL")),
    (Routing.DIGITAL, _("Digital")),
    (Routing.SERVICE, _("Service queue")),
]


class LineForm(Row):
    line_id = HiddenField(filters=[id_or_none])
    product_id = SelectField(_("Product"), coerce=id_or_none, choices=[], validate_choice=False)
    description = StringField(_("Description"), [Length(max=500)])
    quantity = NumberField(_("Quantity"), [Optional(), Between(0, MOST), AtMostDecimals(3)])
    unit_price = NumberField(_("Unit price"), [Optional(), Between(0, MOST), AtMostDecimals(4)])
    discount_percent = NumberField(_("Discount"), [Optional(), Between(0, 100), AtMostDecimals(3)])
    routing = SelectField(_("Routing"), choices=ROUTINGS, coerce=Routing, default=Routing.WAREHOUSE)
    activation_date = DateField(_("Active from"), [Optional()])

    @property
    def is_blank(self) -> bool:
        """A row left empty, or one to be removed."""
        untouched = self.line_id.data is None and self.product_id.data is None and not self.description.data
        return untouched or self.quantity.data == 0

    def validate(self, extra_validators: Any = None) -> bool:
        valid = super().validate(extra_validators)
        if self.is_blank:
            return valid
        if self.line_id.data is None and self.product_id.data is None:
            self.product_id.errors = [str(_("Choose a product."))]
        if self.quantity.data is None and not self.quantity.errors:
            self.quantity.errors = [str(_("Say how many."))]
        if self.unit_price.data is None and not self.unit_price.errors:
            self.unit_price.errors = [str(_("Give the price of one."))]
        return valid and not (self.product_id.errors or self.quantity.errors or self.unit_price.errors)

    def edit(self) -> LineEdit:
        return LineEdit(
            line_id=self.line_id.data,
            product_id=self.product_id.data,
            description=(self.description.data or "").strip(),
            quantity=self.quantity.data or Decimal(0),
            unit_price=self.unit_price.data or Decimal(0),
            discount_percent=self.discount_percent.data or Decimal(0),
            routing=self.routing.data,
            activation_date=self.activation_date.data,
        )


class LinesForm(Form):
    edition = IntegerField(widget=HiddenInput(), validators=[InputRequired()])
    lines = FieldList(FormField(LineForm))

    def edits(self) -> list[LineEdit]:
        return [row.form.edit() for row in self.lines if not row.form.is_blank]


@bp.get("/<number>/lines/edit")
@requires(Permission.ORDER_EDIT)
def edit_lines(number: str) -> Response:
    facts = regions.load_order(number)
    refusal = editing.not_a_draft(facts)
    if refusal is not None:
        raise refusal
    rows = [editing.line_values(row) for row in facts.lines] + [{}] * SPARE_ROWS
    return _answer(facts, LinesForm(formdata=None, data={"edition": facts.row.edition, "lines": rows}))


@bp.post("/<number>/lines")
@requires(Permission.ORDER_EDIT)
def save_lines(number: str) -> Response:
    facts = regions.load_order(number)
    form = LinesForm()
    if not form.validate():
        return _answer(facts, form, 422)
    try:
        order_edits.edit_lines(facts.row.id, form.edits(), edition=form.edition.data or 0, by=me())
    except StaleVersion:
        return _conflict(number, form)
    except Refusal as refusal:
        form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
        return _answer(regions.load_order(number), form, refusal.status)
    return regions.changed(number, "lines", "summary", "shipping", "fulfillment", *regions.TERMS, toast="Lines saved")


def _conflict(number: str, form: LinesForm) -> Response:
    """Both versions side by side; the form now stands on the newer one, so saving again is a decision."""
    facts = regions.load_order(number)
    rows = editing.lines_side_by_side(facts, form.edits())
    stored = {row.id for row in facts.lines}
    for row in form.lines:
        if row.form.line_id.data not in stored:
            row.form.line_id.data = None
    form.edition.data = facts.row.edition
    form.edition.raw_data = None
    return _answer(facts, form, 409, conflict=editing.conflict(facts, "lines", rows))


def _answer(facts: Facts, form: LinesForm, status: int = 200, **more: Any) -> Response:
    catalogue = editing.products(facts.row.currency)
    own = {row.id: row for row in facts.lines}
    for row in form.lines:
        line = own.get(row.form.line_id.data)
        row.form.product_id.choices = [("", line.sku)] if line else [("", _("Choose a product")), *catalogue]
    blank = LineForm(formdata=None, prefix="lines-__index__-")
    blank.product_id.choices = [("", _("Choose a product")), *catalogue]
    return regions.panel(facts, "lines", status=status, editing="lines", form=form, blank_line=blank, **more)
