"""Checks over the real URL map: who may come, what the addresses look like, and what a GET leaves behind."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from app.access import Permission

PAGE = {"Accept": "text/html"}
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
CONVERTERS = {"UnicodeConverter": "str", "PathConverter": "str", "IntegerConverter": "int", "AnyConverter": "str"}

_SEGMENT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)?$")


def rules(app: Flask) -> Iterator[Rule]:
    """Every address of ours; Flask's own static files aside."""
    yield from (rule for rule in app.url_map.iter_rules() if rule.endpoint != "static")


def access_of(app: Flask, rule: Rule) -> object:
    return getattr(app.view_functions[rule.endpoint], "access", None)


def permissions_of(app: Flask, rule: Rule) -> tuple[Permission, ...]:
    """Any one of these opens it; none are needed where it is public or for everybody signed in."""
    return getattr(app.view_functions[rule.endpoint], "permissions", ())


def undeclared(app: Flask) -> list[str]:
    return [
        f"{rule.endpoint} says not whom it is for: @requires, @signed_in or @public"
        for rule in rules(app)
        if not (isinstance(access := access_of(app, rule), Permission) or access in ("signed-in", "public"))
    ]


def untidy(app: Flask) -> list[str]:
    return [*_not_kebab(app), *_mistyped(app)]


def _not_kebab(app: Flask) -> Iterator[str]:
    for rule in rules(app):
        for segment in re.sub(r"<[^>]*>", "", rule.rule).split("/"):
            if segment.strip(".-") and not _SEGMENT.match(segment.strip("-.")):
                yield f"{rule.rule}: «{segment}» is not kebab-case"


def _mistyped(app: Flask) -> Iterator[str]:
    """Whatever is not a text, such as an id, has a converter; and the view says the type that it gets."""
    for rule in rules(app):
        told = inspect.signature(inspect.unwrap(app.view_functions[rule.endpoint])).parameters
        for name, converter in rule._converters.items():
            kind = CONVERTERS.get(type(converter).__name__, "?")
            said = str(getattr(told.get(name), "annotation", "nothing"))
            if said not in (kind, f"<class '{kind}'>"):
                yield f"{rule.endpoint}({name}) gets {kind} and says {said}"
            if kind == "str" and (name == "id" or name.endswith(("_id", "version"))):
                yield f"{rule.rule}: {name} needs a converter"


def build(rule: Rule, samples: Mapping[str, object]) -> str:
    """An address for `rule`; `samples` has values by «first part of the path.name» or «name»."""
    room = rule.rule.split("/")[1]
    path = rule.rule
    for name in rule.arguments:
        value = samples.get(f"{room}.{name}", samples.get(name, 1))
        path = re.sub(rf"<([a-z]+(\([^)]*\))?:)?{name}>", str(value), path)
    return path


def reachable_without_session(app: Flask, client: FlaskClient, samples: Mapping[str, object]) -> list[str]:
    """A page sends to the sign-in page, a fragment has htmx go there; nothing of the answer is the page's own."""
    found = []
    for rule in rules(app):
        if access_of(app, rule) == "public":
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = client.open(build(rule, samples), method=method, headers=PAGE)
            if answer.status_code != 303 or "/sign-in" not in answer.headers.get("Location", ""):
                found.append(f"{method} {rule.rule} answers {answer.status_code} to a stranger")
            part = client.open(build(rule, samples), method=method, headers=FRAGMENT)
            if "/sign-in" not in part.headers.get("HX-Redirect", "") or part.data:
                found.append(f"{method} {rule.rule} answers htmx {part.status_code} without a session")
    return found
