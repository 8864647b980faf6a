"""What staff fill in about a dispute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, DateField, RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, Optional
from wtforms.widgets import ListWidget

from ..forms import CheckboxesField, Form
from ..payments.forms import AmountForm

WORDS = (
    "product_description",
    "service_date",
    "access_log",
    "customer_name",
    "customer_email",
    "billing_address",
    "uncategorized_text",
)


def end_of(day: date | None) -> datetime | None:
    """Of the last day that a letter gives; banks count in UTC."""
    return datetime.combine(day, time(23, 59), UTC) if day else None


class RecordForm(AmountForm):
    reason = StringField(_("What the bank says"), [DataRequired(_("Say what the bank says.")), Length(max=100)])
    due_date = DateField(_("Answer by"), [Optional()])
    provider_id = StringField(
        _("The processor's number"),
        [Optional(), Length(max=100)],
        description=_("If the letter names one: then the processor's events find this dispute."),
    )
    inquiry = BooleanField(_("Only an inquiry"), description=_("The bank asks, and has not taken the money."))


class AnswerForm(Form):
    """`files` are the kinds of our own documents that go along."""

    product_description = TextAreaField(_("What was sold"), [Optional(), Length(max=2000)])
    service_date = StringField(_("When it was delivered"), [Optional(), Length(max=200)])
    access_log = TextAreaField(
        _("Use of what was delivered"),
        [Optional(), Length(max=2000)],
        description=_("Log-ins, tracking numbers, who signed for it."),
    )
    customer_name = StringField(_("Customer"), [Optional(), Length(max=200)])
    customer_email = StringField(_("Customer's address for mail"), [Optional(), Length(max=200)])
    billing_address = TextAreaField(_("Billing address"), [Optional(), Length(max=500)])
    uncategorized_text = TextAreaField(_("Anything else"), [Optional(), Length(max=2000)])
    files = CheckboxesField(_("Documents that go along"), widget=ListWidget(prefix_label=False))

    @property
    def words(self) -> dict[str, str]:
        return {name: self[name].data.strip() for name in WORDS if self[name].data}


class AcceptForm(Form):
    reason = TextAreaField(_("Reason"), [Optional(), Length(max=500)])


class DecideForm(Form):
    end = RadioField(
        _("How did it end?"),
        [InputRequired(_("Say how it ended."))],
        choices=[("won", _("Won: the money came back")), ("lost", _("Lost"))],
    )


class ReopenForm(Form):
    reason = TextAreaField(_("What the letter says"), [Optional(), Length(max=500)])
    due_date = DateField(_("Answer by"), [Optional()])
