"""Disputes: recorded from a letter, followed, answered with evidence, accepted."""

from flask import Blueprint

bp = Blueprint("disputes", __name__)

from . import answering, pages, recording  # noqa: E402, F401  (their routes)
