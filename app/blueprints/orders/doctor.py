"""Why money that was paid for an order did not move the receivables."""

from __future__ import annotations

from flask import render_template

from ...access import Permission, me, requires
from ...queries.calendar import selling_day
from ...queries.receivables import doctor as queries
from . import bp


@bp.get("/<number>/doctor")
@requires(Permission.PAYMENT_VIEW)
def doctor(number: str) -> str:
    return render_template("receivables/doctor.html", page=queries.of_order(number, me(), selling_day()))
