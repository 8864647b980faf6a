"""What a customer fills in."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, EmailField, HiddenField, IntegerField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional, ValidationError
from wtforms.widgets import HiddenInput

from ...errors import Refusal
from ...mail import recipients
from ..forms import Form, NoCardNumber

PNG = "data:image/png;base64,"


def _trim(value: str | None) -> str | None:
    return value.strip() if value else value


def reachable(form: Form, field: EmailField) -> None:
    """An address that mail can go to, by the same rule that mails are sent by."""
    try:
        recipients.checked(field.data or "")
    except Refusal:
        raise ValidationError(gettext("Enter an email address like name@company.com.")) from None


class CustomerForm(Form):
    def validate(self, extra_validators: Any = None) -> bool:
        """Leaves plain strings as errors: the templates print those, and pass over nested lists."""
        valid = bool(super().validate(extra_validators))
        for field in self:
            field.errors = [str(error) for error in field.errors]
        return valid


class SignForm(CustomerForm):
    """`sha256` and `edition` say which version was on the screen, `agreed` which words stood beside the box; only those
    can be signed."""

    kind = RadioField(_("How to sign"), choices=[("drawn", _("Draw")), ("typed", _("Type"))], default="typed")
    image = HiddenField(validators=[Length(max=500_000)])
    name = StringField(_("Full name"), [InputRequired(_("Enter your full name.")), Length(max=200)], filters=[_trim])
    title = StringField(_("Title"), [Optional(), Length(max=200)], filters=[_trim])
    email = EmailField(
        _("Email"),
        [InputRequired(_("Enter your email address.")), Length(max=254), reachable],
        filters=[_trim],
    )
    consent = BooleanField(validators=[InputRequired(_("Tick the box to accept the order."))])
    sha256 = HiddenField(validators=[InputRequired()])
    agreed = HiddenField(validators=[InputRequired()])
    edition = IntegerField(widget=HiddenInput(), validators=[InputRequired()])

    def validate_image(self, field: HiddenField) -> None:
        if self.kind.data == "drawn" and not field.data:
            raise ValidationError(_("Please sign in the box, or choose to type your name."))

    @property
    def drawing(self) -> bytes | None:
        """The PNG that was drawn; bytes that are none if it came damaged, which the command refuses."""
        if self.kind.data != "drawn" or not self.image.data:
            return None
        try:
            return base64.b64decode(self.image.data.removeprefix(PNG), validate=True)
        except (binascii.Error, ValueError):
            return b""


class ReasonForm(CustomerForm):
    """Why not, or what else; the words go to the owner as they are."""

    words = TextAreaField(
        validators=[InputRequired(_("Write a few words; they are all the sender sees.")), Length(max=4000)]
    )


class ForwardForm(CustomerForm):
    name = StringField(_("Their name"), [Optional(), Length(max=200)], filters=[_trim])
    email = EmailField(
        _("Their email"),
        [InputRequired(_("Enter their email address.")), Length(max=254), reachable],
        filters=[_trim],
    )


class CardForm(CustomerForm):
    """A card to keep; `instrument` is the gateway's alias of it, put there by its own field."""

    form_key = HiddenField(validators=[InputRequired()])
    instrument = HiddenField(validators=[InputRequired(_("Enter your card.")), NoCardNumber()])
    card_label = HiddenField(validators=[Optional(), Length(max=60), NoCardNumber()])
    name = StringField(
        _("Name on card"), [InputRequired(_("Enter the name on the card.")), Length(max=200)], filters=[_trim]
    )
    consent = BooleanField(validators=[InputRequired(_("Tick the box; without it the card may not be kept."))])


class PayForm(CustomerForm):
    """`instrument` is the gateway's alias of the card, put there by its own field; the number never comes here."""

    form_key = HiddenField(validators=[InputRequired(), Length(max=64)])
    edition = IntegerField(widget=HiddenInput(), validators=[InputRequired()])
    instrument = HiddenField(validators=[InputRequired(_("Enter your card.")), NoCardNumber()])
    card_label = HiddenField(validators=[Optional(), Length(max=60), NoCardNumber()])
    name = StringField(
        _("Name on card"), [InputRequired(_("Enter the name on the card.")), Length(max=200)], filters=[_trim]
    )
    receipt_email = EmailField(
        _("Receipt to"),
        [InputRequired(_("Enter where the receipt goes.")), Length(max=254), reachable],
        filters=[_trim],
    )
    save = BooleanField()

    def validate(self, extra_validators: Any = None, *, must_save: bool = False) -> bool:
        """`must_save`: the order has recurring lines, so it needs a card on file."""
        needed = {"save": [InputRequired(_("Tick the box; the order has recurring charges."))]} if must_save else {}
        return super().validate({**needed, **(extra_validators or {})})
