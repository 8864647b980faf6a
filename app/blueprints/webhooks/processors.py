"""Processor events: `POST /webhooks/<gateway>`; proven by their signature, so without session and CSRF token."""

from __future__ import annotations

from flask import abort, jsonify, request
from flask.typing import ResponseReturnValue

from ...access import public
from ...commands.payments import notices
from ...errors import NotFound
from ...extensions import csrf
from ...gateways.notices import BadNotice
from . import bp

MOST_BYTES = 512 * 1024


@bp.post("/webhooks/<gateway>")
@public
@csrf.exempt
def processor(gateway: str) -> ResponseReturnValue:
    """200 as soon as the event is stored, or was before; 400 for what is not from the processor, or too old."""
    request.max_content_length = MOST_BYTES
    try:
        stored = notices.take_in(gateway, request.get_data(), dict(request.headers))
    except NotFound:
        abort(404)
    except BadNotice as bad:
        return jsonify(error=bad.code), 400
    return jsonify(received=True, new=stored is not None)
