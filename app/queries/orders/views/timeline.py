"""The timeline, and the rail beside the work."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from ....values import Value
from .action import Action, Link


class EntryView(Value):
    """One thing that happened. Reads as **who** what; `words` are what a person wrote, `link` leads to the thing.

    `visible`: the customer can see it (notes and files only, None elsewhere).
    """

    kind: Literal["note", "mail", "file", "history"]
    icon: str
    who: str
    what: str
    at: datetime
    detail: str | None = None
    words: str | None = None
    link: Link | None = None
    tone: str = ""
    visible: bool | None = None
    mail_status: str | None = None
    action: Action | None = None
    changes: tuple[tuple[str, str | None, str | None], ...] = ()


class TimelineView(Value):
    """`kind` is the filter in force, "" for all; `older` is the address of what came before the oldest shown."""

    entries: tuple[EntryView, ...]
    kind: str
    older: str | None
    add_note: Action | None = None
    add_file: Action | None = None


class LinkCheck(Value):
    label: str
    state: Literal["ok", "missing", "not-due"]
    href: str | None = None


class PersonView(Value):
    name: str
    role: str
    email: str


class MethodView(Value):
    """A saved method and its verdict on this order's route, with the decision the verdict leads to."""

    label: str
    expires: str
    is_default: bool
    verdict: str
    words: str
    decision: Action | None = None


class KeyDate(Value):
    label: str
    on: date


class RailView(Value):
    links: tuple[LinkCheck, ...]
    people: tuple[PersonView, ...]
    methods: tuple[MethodView, ...]
    coverage: str | None
    dates: tuple[KeyDate, ...]
