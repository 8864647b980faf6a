"""Numbers as people type them, exact: never through a float, never rounded."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import gettext as _
from wtforms import StringField


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
        if not text:
            return
        if "," in text:
            raise ValueError(_("Write the number with a point and without thousands separators, such as 1234.50."))
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError(_("This is no number.")) from None
        if not number.is_finite():
            raise ValueError(_("This is no number."))
        self.data = number


def plain(value: Decimal) -> str:
    """Without padding and without an exponent: `24.5`, `100`."""
    return format(value.normalize(), "f")


def id_or_none(value: Any) -> int | None:
    """The id behind a choice; the empty choice is none. Raises ValueError for anything else."""
    return int(value) if value not in (None, "", "None") else None
