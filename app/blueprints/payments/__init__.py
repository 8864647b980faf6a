"""Collecting: payment orders as a list and as pages, charging a card by staff, payment links.

A module is named after what is done; `answers` says where each action leads back to.
"""

from flask import Blueprint

bp = Blueprint("payments", __name__)

from . import (  # noqa: E402, F401  (their routes)
    attempts,
    cancelling,
    collecting,
    doctor,
    links,
    listing,
    live_links,
    papers,
    requesting,
    requesting_for_invoices,
    reversing,
)
