"""A team is told by mail of what is escalated to it and of what nobody took up in time: each once, all that came
together in one mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, exists, select

from ... import clock, jobs
from ...access import Role
from ...db import db, end_read, lock_all, transaction
from ...errors import Refusal
from ...logs import log
from ...mail import office_kinds, policy, recipients
from ...models import SYSTEM, Escalation, History, Team, User
from ...queries import escalations as words
from ...states.escalation import EscalationStatus
from ..post import mails

MOST = 50
OPENED, LATE = "mailed", "mailed_late"


@jobs.tick("escalations.tell", every=timedelta(minutes=10))
def tell() -> None:
    """Nothing while such mails are switched off; what is still open then is told afterwards."""
    if not policy.is_on(office_kinds.EscalationsWait.kind):
        return
    waiting = db.session.scalars(select(Escalation.team).where(_untold()).distinct()).all()
    end_read()
    jobs.each("escalations.tell", range(len(waiting)), lambda n: tell_team(waiting[n]))


def tell_team(team: Team) -> bool:
    """False where there is nothing to tell, or nobody to be told; it is tried again then."""
    with transaction():
        ids = db.session.scalars(_of(team)).all()
        lock_all(Escalation, ids)
        still = select(Escalation).where(Escalation.id.in_(ids), _untold())
        rows = db.session.scalars(still.order_by(Escalation.id)).all()
        to = _people(team)
        if not rows or not to:
            return False
        late = [row for row in rows if row.due_at <= clock.now()]
        content = office_kinds.EscalationsWait(words.team(team), tuple(map(_line, rows)), len(late))
        mails.stage(content, subject=rows[-1], cause=f"{clock.now():%Y-%m-%dT%H:%M}", order=None, to=to, by=SYSTEM)
        for row in rows:
            row.record(LATE if row in late else OPENED, by=SYSTEM, team=team)
        return True


def _of(team: Team) -> Select[int]:
    return select(Escalation.id).where(Escalation.team == team, _untold()).order_by(Escalation.id).limit(MOST)


def _untold() -> ColumnElement[bool]:
    """Open, and told of never, or not since it is late."""
    told = exists().where(
        History.entity == Escalation.__tablename__,
        History.entity_id == Escalation.id,
        History.event.in_((OPENED, LATE)),
    )
    late = told.where(History.event == LATE)
    return (Escalation.status == EscalationStatus.OPEN) & (~told | ((Escalation.due_at <= clock.now()) & ~late))


def _people(team: Team) -> list[recipients.Recipient]:
    """Whoever works in the team; where nobody does, the admins."""
    active = db.session.scalars(select(User).where(User.active).order_by(User.id)).all()
    why = _("works for: %(team)s", team=words.team(team))
    return _with(active, words.ROLES[team], why) or _with(active, (Role.ADMIN,), _("admin, as nobody works there"))


def _with(users: Sequence[User], roles: Sequence[Role], why: str) -> list[recipients.Recipient]:
    found = []
    for user in users:
        if any(role in user.roles for role in roles):
            try:
                found.append(recipients.Recipient(recipients.checked(user.email), user.name, "to", why))
            except Refusal:
                log.error("mail.nobody_to_tell", kind=office_kinds.EscalationsWait.kind, user=user.id)
    return found


def _line(row: Escalation) -> str:
    what = f"{words.symptom(row.symptom)}, {row.subject_label}: {row.summary}"
    return _("%(what)s (not taken up in time)", what=what) if row.due_at <= clock.now() else what
