"""Events, posted to our own intake: as they are, twice, late, backwards, or as nobody should believe them."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.routing import sandbox as commands
from ...gateways.sandbox.tables import Manner
from . import bp, done
from .calls import unknown_act

# What the buttons say, and what they do: in which manner, and how often.
WAYS: dict[str, tuple[Manner, int]] = {
    "send": (Manner.TRUE, 1),
    "twice": (Manner.TRUE, 2),
    "forge": (Manner.FORGED, 1),
    "stale": (Manner.STALE, 1),
    "wrong-account": (Manner.WRONG_ACCOUNT, 1),
    "wrong-mode": (Manner.WRONG_MODE, 1),
}


@bp.post("/<gateway>/events/<int:event_id>")
@requires(Permission.SANDBOX_OPERATE)
def event(gateway: str, event_id: int) -> ResponseReturnValue:
    """`act` is one of WAYS, or delay."""

    def act() -> str:
        asked = request.form.get("act", "")
        if asked == "delay":
            commands.delay(gateway, event_id, by=me())
            return _("It is sent by itself in ten minutes.")
        if asked not in WAYS:
            raise unknown_act()
        manner, times = WAYS[asked]
        return _answers(commands.send(gateway, event_id, manner, times=times, by=me()))

    return done(gateway, "events", act)


@bp.post("/<gateway>/events")
@requires(Permission.SANDBOX_OPERATE)
def all_events(gateway: str) -> ResponseReturnValue:
    """`order` is forwards or backwards."""

    def act() -> str:
        sent = commands.send_all(gateway, backwards=request.form.get("order") == "backwards", by=me())
        return _answers(sent) if sent else _("Every event was taken already.")

    return done(gateway, "events", act)


def _answers(statuses: list[int | None]) -> str:
    said = ", ".join(_("no answer") if status is None else str(status) for status in statuses)
    return _("Answered: %(said)s.", said=said)
