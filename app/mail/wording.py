"""The words that Order Email Settings may put into a mail: a small template language in which nothing can be called,
looked into or repeated, so that what it costs and how long it gets is bounded by how long it is.

Names in double braces, `if … elif … else`, comparisons, and a handful of filters; jinja2's immutable sandbox beneath.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from flask_babel import gettext as _
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .. import typed
from ..formatting import clock_time, day, money
from ..models.company import Company
from ..models.people import User
from ..money import Money
from ..values import Value
from .kinds import Content, first_name

LONGEST_SUBJECT, LONGEST_BODY = 200, 5_000
# What may come out of it, facts put in.
LONGEST_TEXT = 20_000
FILTERS = frozenset({"upper", "lower", "capitalize", "trim"})
ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.Const,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Filter,
)
PARAGRAPHS = re.compile(r"\n\s*\n")

_env = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, cache_size=0
)
_env.filters = {name: _env.filters[name] for name in FILTERS}
_env.globals.clear()
_env.tests.clear()


class Fault(Value):
    """What is wrong with a template, in words; `line` counts from one."""

    line: int
    sentence: str

    def __str__(self) -> str:
        return _("Line %(line)s: %(what)s", line=self.line, what=self.sentence)


def names_of(kind: type[Content]) -> tuple[str, ...]:
    """What a template of this kind may name."""
    own = kind.__struct_fields__
    greeting = ["first_name"] if "name" in own else []
    return (*own, *greeting, "company", "owner")


def facts_of(content: Content, company: Company, owner: User | None) -> dict[str, Any]:
    """By name, as the mail itself would say them."""
    own = {name: _said(getattr(content, name)) for name in content.__struct_fields__}
    greeting = {"first_name": first_name(own["name"])} if "name" in own else {}
    return own | greeting | {"company": company.name, "owner": owner.name if owner else ""}


def _said(value: Any) -> Any:
    """Nothing at all is empty, so that a template can ask `{% if due_now %}`."""
    if isinstance(value, Money):
        return money(value) if value else ""
    if isinstance(value, datetime):
        return f"{day(value)}, {clock_time(value)}"
    if isinstance(value, date):
        return day(value)
    return value if isinstance(value, bool) else str(value or "")


def fault(source: str, kind: type[Content], *, longest: int) -> Fault | None:
    """The first thing that keeps it from being used."""
    if len(source) > longest:
        return Fault(source.count("\n", 0, longest) + 1, _("At most %(most)s characters.", most=longest))
    try:
        found = (_refused(node, kind) for node in _env.parse(source).find_all(nodes.Node))
        first = next(filter(None, found), None)
        if first is None:
            _compiled(source)
    except TemplateSyntaxError as error:
        return Fault(error.lineno, _("This cannot be read: %(why)s", why=(error.message or "").rstrip(".") + "."))
    except (RecursionError, SyntaxError, MemoryError, ValueError):
        return Fault(1, _("This is nested too deeply, or has a number or a chain that is too long."))
    return first


def _refused(node: nodes.Node, kind: type[Content]) -> Fault | None:
    if not isinstance(node, ALLOWED):
        return Fault(
            node.lineno, _("%(what)s is not allowed here; only names, if, and comparisons are.", what=_named(node))
        )
    if isinstance(node, nodes.Name) and node.name not in names_of(kind):
        known = ", ".join(names_of(kind))
        return Fault(
            node.lineno, _("There is no “%(name)s” in this mail. There is: %(known)s.", name=node.name, known=known)
        )
    if isinstance(node, nodes.Filter) and (node.name not in FILTERS or node.args or node.kwargs):
        known = ", ".join(sorted(FILTERS))
        return Fault(node.lineno, _("There is no filter “%(name)s”. There is: %(known)s.", name=node.name, known=known))
    return None


def _named(node: nodes.Node) -> str:
    return {
        "Getattr": _("Looking into a value"),
        "Getitem": _("Looking into a value"),
        "Call": _("Calling something"),
        "For": _("Repeating"),
    }.get(type(node).__name__, f"“{type(node).__name__.lower()}”")


@lru_cache(maxsize=128)
def _compiled(source: str) -> Template:
    return _env.from_string(source)


class Unusable(Exception):
    """A template that cannot be filled in; the mail goes out in the house's words."""


def filled(source: str, facts: dict[str, Any]) -> str:
    """Raises Unusable."""
    try:
        text = _compiled(source).render(facts)
    except (TemplateError, RecursionError, TypeError, ValueError) as error:
        raise Unusable(str(error)) from error
    if len(text) > LONGEST_TEXT:
        raise Unusable("too long")
    if not typed.kept(text, lines=True):
        raise Unusable("no text that can be kept")
    return text


def one_line(text: str) -> str:
    return " ".join(text.split())


def paragraphs(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\n ") for part in PARAGRAPHS.split(text.replace("\r\n", "\n")) if part.strip())
