"""Receivables: what is open and how long, money without an invoice, statements, and what AR does about each."""

from flask import Blueprint

bp = Blueprint("receivables", __name__, url_prefix="/receivables")

from . import applying, crediting, following, lists, paying_out, recording, statements  # noqa: E402, F401
