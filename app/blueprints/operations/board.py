"""The board of all queues, and one queue in whole."""

from __future__ import annotations

from flask import Response, request

from ...access import Permission, requires
from ...hypermedia import panel, wants_fragment
from ...queries import order_mail
from ...queries.operations import board
from . import bp

PART = "operations/panels/payments.html"


@bp.get("/")
@requires(Permission.PAYMENT_OPERATE)
def payments() -> Response:
    trouble = None if wants_fragment() else order_mail.trouble()  # it stands above the part that asks for itself
    return panel("operations/index.html", PART, board=board.view(), trouble=trouble)


@bp.get("/queues/<queue>")
@requires(Permission.PAYMENT_OPERATE)
def queue(queue: str) -> Response:
    return panel("operations/queue.html", PART, board=asked(queue))


def asked(queue: str) -> board.Board:
    """The part of the queue that the address says."""
    keys = {name: request.args.get(name, type=int) for name in ("before", "after")}
    return board.one(queue, **{name: key for name, key in keys.items() if key is not None and abs(key) < 2**62})
