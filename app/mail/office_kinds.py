"""The mails to a team of the house."""

from __future__ import annotations

from typing import ClassVar

from flask_babel import gettext as _
from flask_babel import ngettext

from ..values import Value


class EscalationsWait(Value):
    """What was escalated to `team` since the last such mail, or was not taken up in time, a line each; `late` of
    them."""

    team: str
    lines: tuple[str, ...]
    late: int
    kind: ClassVar[str] = "escalations"
    asks: ClassVar[bool] = False

    @property
    def page(self) -> str:
        return "/operations/escalations/?status=open"

    @property
    def subject(self) -> str:
        waiting = ngettext("%(num)d escalation waits", "%(num)d escalations wait", len(self.lines))
        return _("%(team)s: %(waiting)s", team=self.team, waiting=waiting)

    @property
    def heading(self) -> str:
        return ngettext(
            "%(num)d escalation waits for somebody", "%(num)d escalations wait for somebody", len(self.lines)
        )


KINDS = (EscalationsWait,)
TO_COLLEAGUES = (EscalationsWait.kind,)
NAMES = {"escalations": "Notice: escalations"}
