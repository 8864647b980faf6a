"""The mail service's reports: `POST /webhooks/mail`; proven by their signature, so without session and CSRF token."""

from __future__ import annotations

from flask import abort, jsonify, request
from flask.typing import ResponseReturnValue

from ...access import public
from ...commands.post import mail_reports
from ...extensions import csrf
from ...mail import reports
from ...mail.reports import BadReport
from . import bp

MOST_BYTES = 64 * 1024


@bp.post("/webhooks/mail")
@public
@csrf.exempt
def mail() -> ResponseReturnValue:
    """200 as soon as the report is taken in, or was before; 400 for what is forged, too old or unreadable."""
    if not reports.is_configured():
        abort(404)
    request.max_content_length = MOST_BYTES
    try:
        new = mail_reports.take_in(request.get_data(), request.headers.get(reports.HEADER, ""))
    except BadReport as bad:
        return jsonify(error=bad.code), 400
    return jsonify(received=True, new=new)
