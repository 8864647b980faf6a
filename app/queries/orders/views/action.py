"""What a person can do, and where a word leads."""

from __future__ import annotations

from typing import Literal

from ....values import Value


class Action(Value):
    """Something a person can do next. With a `refusal` it stays visible, disabled, saying why and who can.

    `how`: "dialog" opens the page at `href` in place, "page" goes there, "post" does it at once.
    """

    key: str
    label: str
    icon: str
    href: str
    how: Literal["dialog", "page", "post"] = "page"
    danger: bool = False
    refusal: str | None = None


class Link(Value):
    text: str
    href: str | None = None
