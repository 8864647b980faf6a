"""Having a gateway's payouts fetched now."""

from __future__ import annotations

from flask import Response, flash, render_template, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.settlement import settlement
from ...hypermedia import fragments, see_other, wants_fragment
from ...queries import gateways
from ...queries.settlement import syncing
from . import bp


@bp.post("/gateways/<gateway>/sync")
@requires(Permission.SETTLEMENT_SYNC)
def sync(gateway: str) -> Response:
    settlement.ask(gateways.identify(gateway), by=me())
    if wants_fragment():
        return fragments(render_template("settlement/panels/gateways.html", syncs=syncing.every()))
    flash(_("Payouts are being fetched; this page tells when it is done."), "info")
    return see_other(url_for("settlement.index"))
