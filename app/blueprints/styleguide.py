"""Every part of the pages on one sheet, with invented data; not there in production."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, render_template
from wtforms import (
    BooleanField,
    DateField,
    DecimalField,
    FileField,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired

from .. import badges
from ..access import signed_in
from ..clock import now
from ..money import Money
from ..queries.orders.views import Action
from .forms import Form

bp = Blueprint("styleguide", __name__)


class SampleForm(Form):
    name = StringField("Full name", [InputRequired("Write the name of whoever signs.")])
    amount = DecimalField("Amount", [InputRequired()], places=2)
    units = DecimalField("Quantity", [InputRequired()], places=3, description="Up to three decimals.")
    due = DateField("Due date")
    frequency = SelectField("Billing frequency", choices=[("monthly", "Monthly"), ("yearly", "Yearly")])
    note = TextAreaField("Note")
    visible = BooleanField("Visible to the customer", description="Internal otherwise.")
    method = RadioField("Collection method", choices=[("link", "Payment link"), ("saved", "Card on file")])
    kind = RadioField("How to sign", choices=[("drawn", "Draw"), ("typed", "Type")], default="typed")
    image = HiddenField()
    upload = FileField("File", description="PDF, image or office document, up to 10 MB.")


def _form() -> SampleForm:
    form = SampleForm(formdata=None, data={"name": "", "amount": Decimal("4821"), "units": Decimal("120")})
    form.name.errors = ["Write the name of whoever signs."]
    return form


def _actions() -> dict[str, Any]:
    return {
        "primary": Action("remind", "Send reminder", "send", "#"),
        "secondary": Action("pdf", "Open PDF", "file-text", "#"),
        "more": (
            Action("draft", "Convert to draft", "arrow-back-up", "#", how="dialog"),
            Action("collect", "Collect now", "credit-card", "#", refusal="Your role does not let you collect. Ask AR."),
            Action("cancel", "Cancel order", "ban", "#", how="dialog", danger=True),
        ),
    }


@bp.get("/styleguide")
@signed_in
def index() -> str:
    return render_template(
        "styleguide.html",
        form=_form(),
        now=now(),
        hours=timedelta(hours=1),
        money=Money,
        kinds=badges.KINDS,
        **_actions(),
    )
