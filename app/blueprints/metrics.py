"""What Prometheus asks for; there only for whoever has the token."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, abort, current_app, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ..access import public
from ..queries.metrics import House

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
@public
def metrics() -> Response:
    """404 without `Authorization: Bearer <COUNTERSIGN_METRICS_TOKEN>`, and where no token is set."""
    token = current_app.config["METRICS_TOKEN"]
    given = request.authorization.token if request.authorization else None
    if not token or not hmac.compare_digest((given or "").encode(), token.encode()):
        abort(404)
    registry = CollectorRegistry()
    registry.register(House())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
