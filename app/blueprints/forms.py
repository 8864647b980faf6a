"""The forms that all others are: what every text must be, whatever the form, before anything else is asked of it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from flask_babel import gettext
from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    Field,
    HiddenField,
    IntegerField,
    PasswordField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms import Form as WTForm
from wtforms.validators import Length, StopValidation
from wtforms.widgets import CheckboxInput

from .. import typed
from ..forms import mint_form_key

LONGEST = {TextAreaField: 10_000, PasswordField: 1000, StringField: 200}
KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Sound:
    """Text that can be kept: no control characters, and no longer than the field's own Length says. First of all
    validators, so that an Optional never waves through what it takes for blank."""

    def __call__(self, form: WTForm, field: Field) -> None:
        for text in (x for x in field.raw_data or () if isinstance(x, str)):
            if not typed.kept(text, lines=isinstance(field, TextAreaField)):
                raise StopValidation(
                    gettext("There is an invisible character in here that cannot be kept. Type it anew.")
                )
            if len(text) > (most := _most(field)):
                raise StopValidation(
                    gettext("At most %(most)s characters; this has %(count)s.", most=most, count=len(text))
                )


class CheckboxesField(SelectMultipleField):
    option_widget = CheckboxInput()


class NoCardNumber:
    """Card numbers are kept nowhere, and so in no note either."""

    def __call__(self, form: WTForm, field: Field) -> None:
        if typed.has_card_number(str(field.data or "")):
            raise StopValidation(gettext("This looks like a card number; card numbers are never kept here."))


def _most(field: Field) -> int:
    """Where a Length has words of its own, it speaks for itself."""
    own = [v.max for v in field.validators if isinstance(v, Length) and v.max >= 0 and not v.message]
    return min(own) if own else next(most for kind, most in LONGEST.items() if isinstance(field, kind))


def _is_prose(field: Field) -> bool:
    """Words and names; what is hidden, secret, an address or a number of its own kind is none."""
    return type(field) in (StringField, TextAreaField)


class Storable:
    """A whole number that a column can hold; what is none was refused before."""

    def __call__(self, form: WTForm, field: Field) -> None:
        if field.data is not None and abs(field.data) > typed.LARGEST:
            raise StopValidation(gettext("This number has too many digits."))


class InOurTime:
    """A day that can be counted from in both directions, as terms and links do."""

    def __call__(self, form: WTForm, field: Field) -> None:
        if field.data is not None and not 1990 <= field.data.year <= 2200:
            raise StopValidation(gettext("Choose a day between 1990 and 2200."))


FIRST: dict[type[Field], type] = {StringField: Sound, IntegerField: Storable, DateField: InOurTime}


class _Checked:
    """`codes` names the fields that hold numbers of another kind, such as phones and tax ids."""

    codes: ClassVar[frozenset[str]] = frozenset({"phone", "tax_id", "postcode"})

    class Meta:
        def bind_field(self, form: Any, unbound_field: Any, options: Any) -> Field:
            field = unbound_field.bind(form=form, **options)
            first = next((rule() for kind, rule in FIRST.items() if isinstance(field, kind)), None)
            prose = _is_prose(field) and field.short_name not in form.codes
            field.validators = [*([first] if first else ()), *field.validators, *([NoCardNumber()] if prose else ())]
            return field


class Form(_Checked, FlaskForm):
    """What one page posts."""


class Row(_Checked, WTForm):
    """One of several alike within a form."""


class KeyForm(Form):
    """Something that is done once, however often it is pressed: the key is minted when the form is rendered."""

    form_key = HiddenField(default=mint_form_key)

    @property
    def key(self) -> str:
        """The key it came with; a new one where it came without, or with one that we never mint."""
        sent = self.form_key.data or ""
        return sent if KEY.fullmatch(sent) else mint_form_key()
