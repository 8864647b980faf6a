"""Payment operations: what waits, and having it tried again."""

from flask import Blueprint

bp = Blueprint("operations", __name__, url_prefix="/operations/payments")

from . import acting, board  # noqa: E402, F401  (their routes)
