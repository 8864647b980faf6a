"""The reader's language: their locale, and the catalogue of translations, looked up once a request.

A page asks for some six hundred words; Flask-Babel finds locale and catalogue anew for each of them, which cost
more than the page itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from babel import Locale
from flask import Flask, g
from flask_babel import force_locale, get_locale, get_translations

# English strings are the source language; their dates and figures are written the international way.
_SOURCE = Locale("en", "GB")


def locale() -> Locale:
    try:
        return g.locale
    except AttributeError:
        asked = get_locale()
        g.locale = _SOURCE if asked is None or (asked.language == "en" and asked.territory is None) else asked
        return g.locale


@contextmanager
def speaking(tag: str) -> Iterator[None]:
    """Everything inside reads in the language `tag`: a mail to a contact, say."""
    with force_locale(tag):
        _forget()
        yield
    _forget()


def _forget() -> None:
    g.pop("locale", None)
    g.pop("catalogue", None)


def _catalogue() -> Any:
    try:
        return g.catalogue
    except AttributeError:
        g.catalogue = get_translations()
        return g.catalogue


def gettext(words: str) -> str:
    return _catalogue().ugettext(words)


def ngettext(one: str, many: str, number: int) -> str:
    return _catalogue().ungettext(one, many, number)


def tag() -> str:
    """For `<html lang>`: `en-GB`."""
    return str(locale()).replace("_", "-")


def marked(word: str) -> str:
    """`word` as it is: marked for translation where it is written, translated where it is read."""
    return word


def register(app: Flask) -> None:
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals["language"] = tag
