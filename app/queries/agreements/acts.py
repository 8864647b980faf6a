"""What a person may do with an agreement or one of its periods; each opens as a dialog."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import gettext as _

from ...access import Permission, can
from ...states.agreement import EDGES as MOVES
from ...states.agreement import ENDED, AgreementEvent, AgreementStatus
from ...states.scheduled_payment import ScheduledStatus
from ...values import Value
from .term import Term


class Act(Value):
    """Something the reader may do with it; opens as a dialog."""

    label: str
    url: str
    icon: str
    kind: str = ""


def of(number: str, term: Term, *, back: str | None = None) -> list[Act]:
    """What may be done with it as it stands, by a reader who may; `back` is the page to return to."""
    if not can(Permission.AGREEMENT_MANAGE):
        return []

    def act(label: str, endpoint: str, icon: str, kind: str = "") -> Act:
        return Act(label, url_for(f"agreements.{endpoint}", number=number, next=back), icon, kind)

    found, status = [], term.status
    if (status, AgreementEvent.ACTIVATE) in MOVES:
        found.append(act(_("Activate"), "activate_form", "circle-check", "primary"))
    if (status, AgreementEvent.RESUME) in MOVES:
        found.append(act(_("Resume"), "resume_form", "repeat", "primary"))
    if (status, AgreementEvent.PAUSE) in MOVES:
        found.append(act(_("Pause"), "pause_form", "clock"))
    if term.renewable:
        first = term.ends_soon and status is not AgreementStatus.PAUSED
        found.append(act(_("Renew"), "renew_form", "repeat", "primary" if first else ""))
    if status not in ENDED:
        found.append(act(_("Change"), "change_form_page", "pencil"))
    if (status, AgreementEvent.CANCEL) in MOVES:
        found.append(act(_("Cancel agreement"), "cancel_form", "ban", "quiet"))
    return found


def of_period(row: Any, x: Any) -> list[Act]:
    """Of a period `x` of the agreement `row` that failed."""
    if x.status is not ScheduledStatus.FAILED or row.status in ENDED:
        return []
    found, asked = [], {"number": row.number, "period": x.period}
    if can(Permission.PAYMENT_COLLECT) and row.method_id is not None:
        found.append(Act(_("Charge again"), url_for("agreements.charge_again_form", **asked), "refresh"))
    if can(Permission.PAYMENT_LINK_SEND):
        found.append(Act(_("Send payment link"), url_for("agreements.send_link_form", **asked), "link"))
    return found
