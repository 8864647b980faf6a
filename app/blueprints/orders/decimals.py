"""Numbers as forms take them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import ngettext
from wtforms import Field, Form
from wtforms.validators import ValidationError


class AtMostDecimals:
    """Refuses more digits after the point than the column holds; nothing is ever rounded for anybody."""

    def __init__(self, places: int) -> None:
        self.places = places

    def __call__(self, form: Form, field: Field) -> None:
        value = field.data
        if not isinstance(value, Decimal):
            return
        if not value.is_finite() or value != value.quantize(Decimal(1).scaleb(-self.places)):
            raise ValidationError(ngettext("At most %(num)d decimal.", "At most %(num)d decimals.", self.places))


def number_or_none(value: Any) -> int | None:
    """An id from a hidden field or a choice; anything else is none."""
    text = str(value or "")
    return int(text) if text.isdigit() else None
