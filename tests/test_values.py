"""Value objects."""

from __future__ import annotations

import pytest

from app.money import Money
from app.values import Value, as_dict


class Parcel(Value):
    worth: Money
    lines: tuple[Money, ...] = ()
    note: str = ""


ONE = Money(1, "EUR")


def test_a_value_is_what_it_holds_and_stays_so() -> None:
    parcel = Parcel(ONE, (ONE,))
    assert parcel == Parcel(Money(1, "EUR"), (ONE,))
    assert len({parcel, Parcel(ONE, (ONE,)), Parcel(ONE)}) == 2
    with pytest.raises(AttributeError):
        parcel.note = "changed"  # type: ignore[misc]


def test_a_dict_of_it_has_dicts_within() -> None:
    one = {"minor": 1, "currency": "EUR"}
    assert as_dict(Parcel(ONE, (ONE, ONE))) == {"worth": one, "lines": (one, one), "note": ""}
