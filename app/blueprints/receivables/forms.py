"""What AR fills in."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from wtforms import DateField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from ...models import ReceiptKind
from ...queries.calendar import selling_day
from ..forms import Form, KeyForm
from ..numbers import id_or_none
from ..payments.forms import AmountForm, trimmed
from .words import KINDS, REASONS

WAYS = [(kind.value, KINDS[kind]) for kind in (ReceiptKind.WIRE, ReceiptKind.CHEQUE, ReceiptKind.CASH)]


class CameForm(AmountForm):
    """Money that came. The currency is chosen only where it is not known yet."""

    kind = SelectField(_("How it came"), [InputRequired()], choices=WAYS)
    currency = SelectField(_("Currency"), [InputRequired()], validate_choice=True)
    reference = StringField(
        _("Reference"),
        [DataRequired(_("Enter the reference; it tells two payments apart.")), Length(max=80)],
        [trimmed],
        description=_("The cheque's number, the wire's reference, or the number in the cash book."),
    )
    received_on = DateField(_("Received on"), [InputRequired(_("Choose the day."))], default=selling_day)
    note = StringField(_("Note"), [Optional(), Length(max=500)], [trimmed])


class ReverseForm(KeyForm):
    on = DateField(_("On"), [InputRequired(_("Choose the day."))], default=selling_day)
    reason = TextAreaField(_("Reason"), [DataRequired(_("Say why.")), Length(max=500)])


class PayOutForm(AmountForm):
    kind = SelectField(_("How it goes back"), [InputRequired()], choices=WAYS)
    reference = StringField(
        _("Reference"), [DataRequired(_("Enter the reference of the payment.")), Length(max=80)], [trimmed]
    )
    on = DateField(_("Paid on"), [InputRequired(_("Choose the day."))], default=selling_day)
    reason = TextAreaField(_("Reason"), [DataRequired(_("Say why.")), Length(max=500)])


class RefusalForm(Form):
    reason = TextAreaField(_("Reason"), [DataRequired(_("Say why; whoever asked will read it.")), Length(max=500)])


class ApplyForm(AmountForm):
    invoice = SelectField(_("Invoice"), [InputRequired(_("Choose an invoice."))], coerce=id_or_none)


class CashForm(AmountForm):
    receipt = SelectField(_("Unapplied cash"), [InputRequired(_("Choose a receipt."))], coerce=id_or_none)


class TakeOffForm(AmountForm):
    reason = TextAreaField(_("Reason"), [DataRequired(_("Say why.")), Length(max=500)])


class MoveForm(TakeOffForm):
    invoice = SelectField(_("To invoice"), [InputRequired(_("Choose an invoice."))], coerce=id_or_none)


class WriteOffForm(KeyForm):
    reason = TextAreaField(
        _("Reason"),
        [DataRequired(_("Say why; auditors will read it.")), Length(max=500)],
        description=_("It stays with the invoice and in the audit trail."),
    )


class CreditForm(KeyForm):
    """`line-<id>` fields are read by the route; the invoice says which there are."""

    reason = SelectField(
        _("Reason"),
        [InputRequired(_("Choose a reason."))],
        choices=[(reason.value, words) for reason, words in REASONS.items()],
    )
    note = StringField(
        _("Note"), [Optional(), Length(max=500)], [trimmed], description=_("The customer reads it on the credit note.")
    )
