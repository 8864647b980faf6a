"""The reader's language: their locale, and the catalogue of translations, looked up once a request.

A page asks for some six hundred words; Flask-Babel finds locale and catalogue anew for each of them, and reads the
catalogue's files anew for each request, which cost more than the page itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

from babel import Locale
from babel.support import Translations
from flask import Flask, g, request
from flask_babel import force_locale, get_locale
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup
from wtforms.i18n import messages_path

from .extensions import catalogues

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


def gettext(words: str) -> str:
    return catalogues.get_translations().ugettext(words)


def ngettext(one: str, many: str, number: int) -> str:
    return catalogues.get_translations().ungettext(one, many, number)


@pass_eval_context
def _said(here: EvalContext, words: str, /, **values: Any) -> str:
    """`_("…")` in templates, as Jinja's own newstyle one, without its two ways round through the context."""
    text = gettext(words)
    return (Markup(text) if here.autoescape else text) % values if values else _whole(text, here.autoescape)


@lru_cache(maxsize=4096)
def _whole(text: str, escaped: bool) -> str:
    """Where nothing is put in, as nearly everywhere."""
    return (Markup(text) if escaped else text) % {}


def tag() -> str:
    """For `<html lang>`: `en-GB`."""
    return str(locale()).replace("_", "-")


def marked(word: str) -> str:
    """`word` as it is: marked for translation where it is written, translated where it is read."""
    return word


@cache
def _words_of_forms(spoken: Any) -> Any:
    return Translations.load(messages_path(), [spoken], domain="wtforms")


def _hand_to_forms() -> None:
    """Flask-WTF reads WTForms' catalogue anew for each request with a form, unless it finds it on the request."""
    request.wtforms_translations = _words_of_forms(get_locale())  # type: ignore[attr-defined]


def register(app: Flask) -> None:
    app.before_request(_hand_to_forms)
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals["_"] = _said
    app.jinja_env.globals["language"] = tag
