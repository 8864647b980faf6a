"""Why a payment did not move the receivables, and the buttons that repair it."""

from __future__ import annotations

from flask import Response, flash, render_template, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.receivables import doctor as commands
from ...errors import NotFound, Refusal
from ...hypermedia import see_other
from ...queries.calendar import selling_day
from ...queries.payments.facts import load
from ...queries.receivables import doctor as queries
from ...queries.receivables.diagnosis import Repair
from . import answers, bp

ADDRESS = "/payments/<number>/transactions/<int:transaction_id>"


@bp.get("/payments/<number>/doctor")
@requires(Permission.PAYMENT_VIEW)
def doctor(number: str) -> str:
    return render_template("receivables/doctor.html", page=queries.of_payment_order(number, me(), selling_day()))


@bp.post(ADDRESS + "/receipt")
@requires(Permission.RECEIVABLES_REPAIR)
def repair_receipt(number: str, transaction_id: int) -> Response:
    return _repair(number, transaction_id, Repair.RECEIPT)


@bp.post(ADDRESS + "/allocation")
@requires(Permission.RECEIVABLES_REPAIR)
def repair_allocation(number: str, transaction_id: int) -> Response:
    return _repair(number, transaction_id, Repair.ALLOCATION)


@bp.post(ADDRESS + "/retry")
@requires(Permission.RECEIVABLES_REPAIR)
def repair_retry(number: str, transaction_id: int) -> Response:
    return _repair(number, transaction_id, Repair.RETRY)


def _repair(number: str, transaction_id: int, wanted: Repair) -> Response:
    if all(row.transaction_id != transaction_id for row in load(number, me()).attempts):
        raise NotFound(f"transaction {transaction_id} of {number}")
    try:
        done = commands.repair(transaction_id, wanted, by=me())
    except Refusal as refusal:
        flash(f"{refusal.sentence} {refusal.help}", "warn")
    else:
        said = _("Repaired; the evidence before and after is kept.") if done else _("There was nothing left to repair.")
        flash(said, "ok" if done else "info")
    return see_other(answers.back(url_for("payments.doctor", number=number)))
