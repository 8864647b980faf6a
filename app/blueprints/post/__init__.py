"""Order mail for whoever looks after it: what did not arrive, one mail whole, and suppressed addresses."""

from flask import Blueprint

bp = Blueprint("post", __name__, url_prefix="/operations/mail")

from . import mails, suppressions  # noqa: E402, F401  (their routes)
