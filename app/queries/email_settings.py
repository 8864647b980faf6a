"""What the pages of Order Email Settings show: every kind with its rule in words, and its editions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from .. import links
from ..db import get, read_columns
from ..language import gettext
from ..mail import examples, kinds, office_kinds, policy
from ..mail.kinds import Content
from ..mail.policy import Rule
from ..mail.rendering import render
from ..models import Company, MailEdition, SalesOrder
from ..values import Value

E = MailEdition
_NEWEST = select(func.max(E.id)).group_by(E.kind)
WHO = select(E.kind, E.edition, E.made_by, E.at).where(E.id.in_(_NEWEST))


class KindRow(Value):
    kind: str
    name: str
    is_on: bool
    people: str
    own_words: bool
    made_by: str | None
    at: datetime | None


class Edition(Value):
    number: int
    is_on: bool
    people: str
    sender: str
    reply_to: str
    subject: str
    body: str
    made_by: str
    at: datetime


def overview() -> list[tuple[str, list[KindRow]]]:
    """Mails to customers, then those to colleagues; two statements."""
    who = {row.kind: row for row in read_columns(WHO)}
    rows = [_row(kind.kind, who.get(kind.kind)) for kind in kinds.KINDS]
    return [
        (_("To customers"), [row for row in rows if row.kind not in policy.TO_COLLEAGUES]),
        (_("To colleagues"), [row for row in rows if row.kind in policy.TO_COLLEAGUES]),
    ]


def _row(kind: str, who: Any) -> KindRow:
    setting = policy.of(kind)
    own = bool(setting.subject or setting.body)
    by, at = (who.made_by, who.at) if who else (None, None)
    return KindRow(kind, gettext(kinds.NAMES[kind]), policy.is_on(kind), people(kind), own, by, at)


def people(kind: str, rule: Rule | None = None) -> str:
    """The rule in words."""
    if kind not in policy.RULES:
        return why_one(kind)
    rule = rule or policy.rule_of(kind)
    copies = ", ".join(gettext(policy.SOURCES[source]) for source in rule.copies)
    found = [gettext(policy.SOURCES[rule.to])]
    found += [_("in copy: %(copies)s", copies=copies)] if copies else []
    found += [_("in hidden copy: %(copies)s", copies=", ".join(rule.fixed))] if rule.fixed else []
    return "; ".join(found)


def why_one(kind: str) -> str:
    """Why nobody chooses who gets this kind; empty where somebody does."""
    if kind in policy.RULES:
        return ""
    if kind in office_kinds.TO_COLLEAGUES:
        return _("Whoever works in the team")
    if kind in policy.TO_COLLEAGUES:
        return _("Owner of the order or the agreement")
    return _("Only the person who is asked: whoever has the link can use it")


def house_words(kind: type[Content]) -> tuple[str, str]:
    """Subject and text as we would word them, for an example."""
    bodies = render(
        examples.of(kind), company=get(Company, 1), owner=None, link=links.PLACEHOLDER, setting=policy.HOUSE
    )
    return bodies.subject, bodies.text


def editions(kind: str) -> list[Edition]:
    """Newest first; the first fifty."""
    columns = (E.edition, E.is_on, E.rule, E.sender, E.reply_to, E.subject, E.body, E.made_by, E.at)
    rows = read_columns(select(*columns).where(E.kind == kind).order_by(E.edition.desc()).limit(50))
    return [_edition(kind, row) for row in rows]


def _edition(kind: str, row: Any) -> Edition:
    rule = Rule.of(row.rule) if row.rule else policy.RULES.get(kind)
    who = people(kind, rule)
    return Edition(row.edition, row.is_on, who, row.sender, row.reply_to, row.subject, row.body, row.made_by, row.at)


def latest_order() -> str:
    """One to preview with; empty where there is none."""
    return read_columns(select(SalesOrder.number).order_by(SalesOrder.id.desc()).limit(1)).scalar() or ""
