"""Addresses as they come in. What no record can be called finds nothing: it is a 404 in the path, and in the query
string as good as not asked for, on every database alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import flask
from flask import Flask
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import IntegerConverter as AnyInteger
from werkzeug.routing import Rule as AnyRule
from werkzeug.routing import UnicodeConverter as AnyText
from werkzeug.utils import cached_property

from . import typed

LONGEST = 1000
NOTHING = "\ufffd"  # stands for what no stored text can contain


class Query(ImmutableMultiDict[str, str]):
    """The query string; `type=int` takes only numbers that a column can hold."""

    def get(self, key: str, default: Any = None, type: Any = None) -> Any:  # type: ignore[override]
        return super().get(key, default, typed.whole if type is int else type)


class Request(flask.Request):
    @cached_property
    def args(self) -> Query:  # type: ignore[override]
        return Query([(name, _findable(value)) for name, value in super().args.items(multi=True)])


def _findable(value: str) -> str:
    """Control characters become one that stands nowhere; a text longer than any column is cut, and matches none."""
    return "".join(c if typed.kept(c, lines=True) else NOTHING for c in value[:LONGEST])


class IntegerConverter(AnyInteger):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max": typed.LARGEST, **options})


class UnicodeConverter(AnyText):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.regex = self.regex.replace("[^/]", r"[^/\x00-\x1f\x7f]")


class Rule(AnyRule):
    """Compiles how its address is built when one is asked for: doing it for every rule took a sixth of starting."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_builder = cache(partial(super()._compile_builder, append_unknown))

        def build(rule: AnyRule, /, **values: Any) -> tuple[str, str]:
            return compile_builder()(rule, **values)

        return build


def register(app: Flask) -> None:
    app.request_class = Request
    app.url_rule_class = Rule
    app.url_map.converters |= {
        "int": IntegerConverter,
        "default": UnicodeConverter,
        "string": UnicodeConverter,
    }
