"""The list of disputes, and the page of one."""

from __future__ import annotations

from flask import Response, render_template

from ...access import Permission, me, requires
from ...hypermedia import panel
from ...queries import disputes, evidence_packs
from . import bp


@bp.get("/disputes/")
@requires(Permission.PAYMENT_VIEW)
def index() -> str:
    return render_template("disputes/index.html", rows=disputes.listing(me()))


@bp.get("/disputes/<number>")
@requires(Permission.PAYMENT_VIEW)
def show(number: str) -> Response:
    row = disputes.load(number, me())
    pack = evidence_packs.of_dispute(row.id, me())
    return panel("disputes/show.html", "disputes/_dispute.html", dispute=disputes.view(row, me()), pack=pack)
