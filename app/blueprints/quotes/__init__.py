"""Quotes: list, page, editor and what can be done with them."""

from flask import Blueprint

bp = Blueprint("quotes", __name__, url_prefix="/quotes")

from . import actions, editor, imports, lists, page  # noqa: E402, F401  (routes)
