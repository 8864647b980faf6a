"""Accounts: customers with their contacts, addresses, opportunities and holds."""

from flask import Blueprint

bp = Blueprint("accounts", __name__, url_prefix="/accounts")

from . import cards, hold, page, parties, profile  # noqa: E402, F401  (routes)
