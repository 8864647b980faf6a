"""What the next calls meet, and whether anything reaches the gateway at all."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.routing import sandbox as commands
from ...errors import Refusal
from ...gateways.sandbox.tables import Call
from . import bp, done
from .forms import NextCallForm
from .page import page


@bp.post("/<gateway>/next-calls")
@requires(Permission.SANDBOX_OPERATE)
def arm(gateway: str) -> ResponseReturnValue:
    form = NextCallForm()
    if not form.validate():
        return page(gateway, form, 422)
    try:
        commands.arm(gateway, Call(form.call.data), **form.what(), by=me())
    except Refusal as refusal:
        if refusal.status == 403:
            raise
        form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
        return page(gateway, form, refusal.status)
    return done(gateway, "next-call", lambda: _("Armed: the next call of this kind meets it."))


@bp.post("/<gateway>/next-calls/<int:script_id>/removal")
@requires(Permission.SANDBOX_OPERATE)
def disarm(gateway: str, script_id: int) -> ResponseReturnValue:
    def act() -> str:
        taken_back = commands.disarm(gateway, script_id, by=me())
        return _("Taken back.") if taken_back else _("A call has met it already.")

    return done(gateway, "next-call", act)


@bp.post("/<gateway>/switch")
@requires(Permission.SANDBOX_OPERATE)
def switch(gateway: str) -> ResponseReturnValue:
    """`to` is down, up, silent or speaking."""
    ways = {
        "down": (commands.take_down, _("Taken down: nothing reaches it until you bring it up.")),
        "up": (commands.bring_up, _("Up again.")),
        "silent": (commands.silence, _("Its events wait until you send them.")),
        "speaking": (commands.let_speak, _("Its events are sent by themselves again.")),
    }

    def act() -> str:
        if (way := ways.get(request.form.get("to", ""))) is None:
            raise unknown_act()
        way[0](gateway, by=me())
        return way[1]

    return done(gateway, "page", act)


def unknown_act() -> Refusal:
    return Refusal("unknown_act", "The console does not know this act.", "Reload the page and try again.")
