"""The order's head: what it is, how it stands, what to do next."""

from __future__ import annotations

from datetime import date
from typing import Literal

from ....money import Money
from ....values import Value
from .action import Action, Link


class OrderRef(Value):
    """What a panel or a dialog alone needs to know of the order it belongs to."""

    number: str
    url: str


class OrderHead(Value):
    """`url` is the page's path; panels live below it. `edition` is what edit forms were opened on.

    `gap` names what is missing before money or goods may move ("No quote is linked …"), with the action that mends it.
    """

    number: str
    url: str
    status: str
    account: Link
    quote: Link | None
    owner: str
    start_date: date | None
    total: Money
    due_now: Money | None
    due_now_words: str
    tags: tuple[str, ...]
    edition: int
    gap: str | None = None
    gap_action: Action | None = None


class NextStep(Value):
    """The next best action in words: one primary, perhaps a second, the rest in the menu."""

    sentence: str
    detail: str | None
    icon: str
    tone: Literal["", "ok", "warn", "bad", "info"] = ""
    primary: Action | None = None
    secondary: Action | None = None
    more: tuple[Action, ...] = ()
