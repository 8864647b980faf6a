"""Is it up? For supervisors and load balancers; touches the database, shows nothing of it."""

from flask import Blueprint, Response, jsonify
from sqlalchemy import text

from ..access import public
from ..db import db

bp = Blueprint("health", __name__)


@bp.get("/health")
@public
def health() -> Response:
    db.session.execute(text("SELECT 1"))
    return jsonify(status="ok")
