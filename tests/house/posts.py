"""Checks that no form and no address breaks by what is sent to it: it is refused in words, or finds nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from . import routes

# Sign-in ends, so that the rest would be asked as a stranger.
LEAVES = {"auth.sign_out", "auth.sign_out_everywhere", "admin.sign_out_person"}

HOSTILE = {
    "control characters": "a\x00b\x1b",
    "a long text": "é" + "x" * 11_000,  # more such letters, and decoding them takes most of the time
    "a long number": "9" * 40,
    "a number without end": "1e999999",
    "a day far away": "9999-12-31",
}
CONTROL, NUMBER = "control characters", "a long number"
EMPTY = "1"
HOSTILE_QUERIES = ("a\x00b", "x" * 11_000, "9" * 40, "²", "WzFlOTk5LDFd", "WyJcdTAwMDAiLDFd")
STRANGE = ("%00", "9" * 18, "9" * 40, "a%01b")
QUERY = ("q", "status", "owner", "tag", "sort", "after", "before", "kind", "account", "edition", "next", "document")


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """The posting forms of a page, with what their fields hold."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open: Form | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag == "form" and facts.get("method") == "post":
            self._open = Form(facts.get("action") or "")
            self.found.append(self._open)
        if self._open is None:
            return
        name = facts.get("name")
        if tag == "select":
            self._select = name
        if tag == "option" and self._select and ("selected" in facts or self._select not in self._open.fields):
            self._open.fields[self._select] = facts.get("value") or ""
        off = facts.get("type") in ("checkbox", "radio") and "checked" not in facts and name in self._open.fields
        if tag in ("input", "textarea") and name and not off:
            self._open.fields[name] = facts.get("value") or EMPTY

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        if tag == "select":
            self._select = None


def forms(app: Flask, client: FlaskClient, samples: Mapping[str, object]) -> Iterator[Form]:
    """Every posting form on every page, once for each place it posts to."""
    seen = set()
    for rule in routes.rules(app):
        if "GET" not in (rule.methods or ()):
            continue
        parser = _Forms()
        parser.feed(client.get(routes.build(rule, samples), headers=routes.PAGE).get_data(as_text=True))
        for form in parser.found:
            endpoint = _endpoint(app, form.action)
            if endpoint and endpoint not in seen | LEAVES:
                seen.add(endpoint)
                yield form


def _endpoint(app: Flask, action: str) -> str:
    with app.test_request_context(action, method="POST") as context:
        return context.request.endpoint or ""


def posts(app: Flask) -> list[Rule]:
    return [r for r in routes.rules(app) if "POST" in (r.methods or ()) and r.endpoint not in LEAVES]


def broken_by_turns(client: FlaskClient, form: Form, fresh: Callable[[], None]) -> Iterator[str]:
    """Every field is hostile, each in another way, and once more in yet another."""
    kinds = list(HOSTILE.values())
    for turn in (0, 2):
        spoilt = {name: kinds[(place + turn) % len(kinds)] for place, name in enumerate(form.fields)}
        fresh()
        yield from _broken(client, form.action, spoilt, f"turn {turn}")


def broken_by_fields(client: FlaskClient, form: Form, fresh: Callable[[], None]) -> Iterator[str]:
    """One field at a time is hostile, the others are as the page filled them in: with what a column cannot hold.

    Of fields that stand in each line of a table, the last line's.
    """
    columns = {re.sub(r"\d+", "0", name): name for name in form.fields}
    for name in columns.values():
        for what in _unlike(form.fields[name]):
            fresh()
            yield from _broken(client, form.action, form.fields | {name: HOSTILE[what]}, f"{what} in {name}")


def _unlike(value: str) -> tuple[str, ...]:
    """What a column that holds such a value cannot hold; of what was empty, nothing is known."""
    if value == EMPTY:
        return CONTROL, NUMBER
    return (NUMBER,) if value.replace(".", "").isdecimal() else (CONTROL,)


def broken_bare(
    client: FlaskClient, path: str, names: Iterable[str], turn: int, fresh: Callable[[], None]
) -> Iterator[str]:
    """Everything that any form knows, hostile in one way a turn, whether or not it belongs here."""
    what = list(HOSTILE)[turn % len(HOSTILE)]
    fresh()
    yield from _broken(client, path, dict.fromkeys(names, HOSTILE[what][:1000]), f"{what} everywhere")


def _broken(client: FlaskClient, path: str, data: dict[str, str], what: str) -> Iterator[str]:
    try:
        answer = client.post(path, data=data)
    except Exception as error:
        yield f"POST {path} with {what} raises {type(error).__name__}: {str(error)[:200]}"
        return
    if answer.status_code >= 500:
        yield f"POST {path} with {what} answers {answer.status_code}"


def broken_by_address(app: Flask, client: FlaskClient, samples: Mapping[str, object]) -> Iterator[str]:
    """Strange query strings, and strange names and numbers in the path; each address meets some of them."""
    for number, rule in enumerate(routes.rules(app)):
        if "GET" not in (rule.methods or ()):
            continue
        queries = {n: HOSTILE_QUERIES[(place + number) % len(HOSTILE_QUERIES)] for place, n in enumerate(QUERY)}
        strange = [
            routes.build(rule, dict.fromkeys(samples | {}, value) | dict.fromkeys(rule.arguments, value))
            for value in (STRANGE[number % 2 :: 2] if rule.arguments else ())
        ]
        for address in [f"{routes.build(rule, samples)}?{urlencode(queries)}", *strange]:
            try:
                status = client.get(address, headers=routes.PAGE).status_code
            except Exception as error:
                yield f"GET {address[:120]} raises {type(error).__name__}: {str(error)[:200]}"
                continue
            if status >= 500:
                yield f"GET {address[:120]} answers {status}"
