"""What processors paid out: batches, fetching them now, and the queue of what does not fit."""

from flask import Blueprint

bp = Blueprint("settlement", __name__, url_prefix="/settlement")

from . import batches, exceptions, syncing  # noqa: E402, F401  (their routes)
