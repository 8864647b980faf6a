"""The sales order: its list, its page, every panel at an address of its own, and what people do to it.

A module is named after the panel whose actions it holds. `regions` renders parts of the page for answers to actions.
"""

from flask import Blueprint

bp = Blueprint("orders", __name__, url_prefix="/orders")

from . import approval, context, doctor, lifecycle, lines, listing, panels, summary, termination, terms, timeline  # noqa: E402, F401
