"""How a page gets at a card without ever seeing its number."""

from __future__ import annotations

import msgspec

from ..money import Money
from ..values import Value


class CardField(Value):
    """The gateway's own field. `component` names the partial `components/card_fields/<component>.html` that shows it;
    `facts` are what it needs (a publishable key, never a secret); `sources` widen the page's content security policy
    by directive."""

    component: str
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    sources: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class Purpose(Value):
    """What the field is shown for: to pay `amount`, or to save a card where it is None. `capture_later`: it is only
    authorized now."""

    amount: Money | None
    currency: str
    save: bool
    capture_later: bool = False
