"""How a page gets at a card without ever seeing its number."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..money import Money


@dataclass(frozen=True, slots=True)
class CardField:
    """The gateway's own field. `component` names the partial `components/card_fields/<component>.html` that shows it;
    `facts` are what it needs (a publishable key, never a secret); `sources` widen the page's content security policy
    by directive."""

    component: str
    facts: dict[str, str] = field(default_factory=dict)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What the field is shown for: to pay `amount`, or to save a card where it is None. `capture_later`: it is only
    authorized now."""

    amount: Money | None
    currency: str
    save: bool
    capture_later: bool = False
