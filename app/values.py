"""Value objects: what commands take, queries answer and gateways are asked, written once and never changed."""

from __future__ import annotations

from typing import Any, dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Value(msgspec.Struct, frozen=True):
    """Equal and hashed by what it holds; a changed one is made by `msgspec.structs.replace`.

    Not a dataclass, as there are hundreds: the methods of each of those are compiled anew whenever a process starts.
    """


def as_dict(value: Value) -> dict[str, Any]:
    """By the names of its fields; the values in it are dicts too."""
    return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}


def _plain(held: Any) -> Any:
    if isinstance(held, Value):
        return as_dict(held)
    return tuple(map(_plain, held)) if isinstance(held, tuple) else held
