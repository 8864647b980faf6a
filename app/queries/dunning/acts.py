"""What a person may do about a story; each opens as a dialog."""

from __future__ import annotations

from flask import url_for
from flask_babel import gettext as _

from ...access import Permission, can
from ...states.declines import DeclineClass
from ...states.dunning import CaseStatus
from ..agreements.acts import Act

ONE_MORE = (DeclineClass.RETRY_LATER, DeclineClass.AUTHENTICATE)


def of(case_id: int, status: CaseStatus, kind: DeclineClass, *, back: str) -> tuple[Act, ...]:
    """`back` is the page to return to."""
    if status is not CaseStatus.OPEN:
        return ()

    def act(label: str, endpoint: str, icon: str, style: str = "") -> Act:
        return Act(label, url_for(f"dunning.{endpoint}", case_id=case_id, next=back), icon, style)

    found = []
    if kind in ONE_MORE and can(Permission.PAYMENT_COLLECT):
        found.append(act(_("Retry now"), "retry_form", "refresh"))
    if can(Permission.METHOD_ADD):
        found.append(act(_("Ask for a card"), "ask_form", "credit-card"))
    if can(Permission.AGREEMENT_MANAGE):
        found.append(act(_("Stop dunning"), "stop_form", "ban", "quiet"))
    return tuple(found)
