"""The company's logo, for whoever sees a page with it. An address is one picture for ever."""

from __future__ import annotations

from flask import Blueprint, Response

from ..access import public
from ..db import db
from ..errors import NotFound
from ..models import Logo

bp = Blueprint("logo", __name__)


@bp.get("/logo/<sha256>")
@public
def show(sha256: str) -> Response:
    row = db.session.get(Logo, sha256)
    if row is None:
        raise NotFound(f"logo {sha256}")
    response = Response(row.body, mimetype=row.mimetype)
    # Opened by itself an SVG is a document: this one may run and load nothing.
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
