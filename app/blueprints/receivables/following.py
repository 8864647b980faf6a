"""What follows money that came without a gateway, done again by the AR doctor's button."""

from __future__ import annotations

from flask import Response, flash, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.receivables import doctor
from ...errors import Refusal
from ...hypermedia import see_other
from ...navigation import company
from ...queries.receivables import money as found_money
from . import answers, bp


@bp.post("/receipts/<receipt>/retry")
@requires(Permission.RECEIVABLES_REPAIR)
def retry(receipt: str) -> Response:
    page = found_money.one(receipt, company().time_zone)
    try:
        done = doctor.follow(page.id, by=me())
    except Refusal as refusal:
        flash(f"{refusal.sentence} {refusal.help}", "warn")
    else:
        said = _("Repaired; the evidence before and after is kept.") if done else _("There was nothing left to repair.")
        flash(said, "ok" if done else "info")
    return see_other(answers.home(url_for("receivables.receipt", receipt=page.head.number)))
