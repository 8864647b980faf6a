"""Where processors tell what happened."""

from flask import Blueprint

bp = Blueprint("webhooks", __name__)

from . import mail, processors  # noqa: E402, F401
