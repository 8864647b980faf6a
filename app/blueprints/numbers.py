"""Numbers as people type them, exact: never through a float, never rounded."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from wtforms import Field, Form, StringField
from wtforms.validators import ValidationError

from .. import typed

LONGEST = 24
MOST_PLACES = 15  # before the point or after it; Decimal would work with more, and take its time


def number(text: str) -> Decimal:
    """As typed. Raises ValueError, in words for whoever typed it."""
    if "," in text:
        raise ValueError(_("Write the number with a point and without thousands separators, such as 1234.50."))
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise ValueError(_("This is no number.")) from None
    if not found.is_finite() or "_" in text:
        raise ValueError(_("This is no number."))
    if len(text) > LONGEST or abs(found.adjusted()) > MOST_PLACES:
        raise ValueError(_("This number has too many digits."))
    return found


class NumberField(StringField):
    """A Decimal, or None if left empty. A comma is refused in words, since it means different things to different
    people."""

    data: Decimal | None

    def process_data(self, value: Decimal | None) -> None:
        self.data = value

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else plain(self.data)

    def process_formdata(self, valuelist: list[Any]) -> None:
        text = str(valuelist[0]).strip() if valuelist else ""
        self.data = None
        if text:
            self.data = number(text)


class AtMostDecimals:
    """Refuses more digits after the point than the column holds."""

    def __init__(self, places: int) -> None:
        self.places = places

    def __call__(self, form: Form, field: Field) -> None:
        if field.data is not None and -int(field.data.normalize().as_tuple().exponent) > self.places:
            raise ValidationError(ngettext("At most %(num)d decimal.", "At most %(num)d decimals.", self.places))


class Between:
    """Within bounds, both included; what is no number at all was refused before."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def __call__(self, form: Form, field: Field) -> None:
        if field.data is not None and not self.least <= field.data <= self.most:
            raise ValidationError(_("Between %(least)s and %(most)s.", least=self.least, most=self.most))


def plain(value: Decimal) -> str:
    """Without padding and without an exponent: `24.5`, `100`."""
    return format(value.normalize(), "f")


def id_or_none(value: Any) -> int | None:
    """The id behind a choice; the empty choice is none. Raises ValueError for what no id can be."""
    return typed.whole(value) if value not in (None, "", "None") else None
