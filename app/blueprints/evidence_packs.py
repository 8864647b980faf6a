"""Evidence packs: asked for from an order, a payment order or a dispute; a page that waits for it; the file."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, url_for
from flask.typing import ResponseReturnValue

from ..access import Permission, me, requires
from ..commands.payments import evidence_packs as commands
from ..hypermedia import panel, see_other
from ..models import EvidencePack
from ..queries import disputes
from ..queries import evidence_packs as queries
from ..queries.orders import facts as orders
from ..queries.payments import facts as payments

bp = Blueprint("evidence_packs", __name__)


@bp.post("/orders/<number>/evidence-packs")
@requires(Permission.PAYMENT_VIEW)
def of_order(number: str) -> ResponseReturnValue:
    return _made(commands.ask(orders.load(number, me()).row.id, by=me()))


@bp.post("/payments/<number>/evidence-packs")
@requires(Permission.PAYMENT_VIEW)
def of_payment_order(number: str) -> ResponseReturnValue:
    found = payments.load(number, me())
    order_id = found.period.row.order_id if found.period else found.source.row.id
    return _made(commands.ask(order_id, payment_order_id=found.row.id, by=me()))


@bp.post("/disputes/<number>/evidence-packs")
@requires(Permission.PAYMENT_VIEW)
def of_dispute(number: str) -> ResponseReturnValue:
    row = disputes.load(number, me())
    pack = commands.ask(row.signed_id, payment_order_id=row.payment_order_id, dispute_id=row.id, by=me())
    return _made(pack)


def _made(pack: EvidencePack) -> ResponseReturnValue:
    return see_other(url_for("evidence_packs.show", pack=pack.public_id))


@bp.get("/evidence-packs/<pack>")
@requires(Permission.PAYMENT_VIEW)
def show(pack: str) -> Response:
    """Asks for its own inside again until a worker has built it."""
    return panel("evidence_packs/show.html", "evidence_packs/_pack.html", pack=queries.load(pack, me()))


@bp.get("/evidence-packs/<pack>/<filename>")
@requires(Permission.PAYMENT_VIEW)
def save(pack: str, filename: str) -> Response:
    response = make_response(queries.body(pack, filename, me()))
    response.headers["Content-Type"] = "application/zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
