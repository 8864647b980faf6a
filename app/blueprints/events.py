"""Processor events: the list, one with its payload, having it worked on once more, and setting it aside."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from .. import clock
from ..access import Permission, me, requires
from ..commands.payments import notices
from ..errors import Refusal
from ..hypermedia import fragments, panel, see_other, wants_fragment
from ..queries import events as queries
from ..queries.events import Filter
from ..queries.settlement.batches import gateways
from ..states.notice import NoticeStatus
from .forms import Form

bp = Blueprint("events", __name__, url_prefix="/operations/events")
PART = "events/panels/event.html"


class ReasonForm(Form):
    because = TextAreaField(
        lazy_gettext("Reason"),
        [DataRequired(lazy_gettext("Say why; it stays with the event's history.")), Length(max=500)],
    )


@bp.get("/")
@requires(Permission.EVENT_VIEW)
def index() -> str:
    wanted = Filter.read(request.args)
    keys = {name: request.args.get(name, type=int) for name in ("before", "after")}
    return render_template(
        "events/index.html",
        found=queries.view(wanted, **keys),
        wanted=wanted,
        states=list(NoticeStatus),
        gateways=gateways(),
        turned_away=queries.turned_away,
        refused=queries.refused((clock.now() - queries.REFUSED_FOR).date()),
    )


@bp.get("/<int:event_id>")
@requires(Permission.EVENT_VIEW)
def event(event_id: int) -> Response:
    return panel("events/show.html", PART, event=queries.page(event_id))


@bp.post("/<int:event_id>/replay")
@requires(Permission.EVENT_REPLAY)
def replay(event_id: int) -> Response:
    queries.page(event_id)
    notices.replay(event_id, by=me())
    said = _("The event is worked on once more.")
    if wants_fragment():
        return fragments(render_template(PART, event=queries.page(event_id)), toast=said)
    flash(said, "ok")
    return see_other(url_for("events.event", event_id=event_id))


@bp.get("/<int:event_id>/set-aside")
@requires(Permission.EVENT_REPLAY)
def set_aside_form(event_id: int) -> Response:
    return _dialog(event_id, ReasonForm(formdata=None))


@bp.post("/<int:event_id>/set-aside")
@requires(Permission.EVENT_REPLAY)
def set_aside(event_id: int) -> Response:
    queries.page(event_id)
    form = ReasonForm()
    if not form.validate():
        return _dialog(event_id, form, status=422)
    try:
        notices.set_aside(event_id, because=form.because.data or "", by=me())
    except Refusal as refusal:
        return _dialog(event_id, form, refusal, refusal.status)
    flash(_("Set aside; nothing follows from this event."), "ok")
    return see_other(url_for("events.event", event_id=event_id))


def _dialog(event_id: int, form: ReasonForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    html = render_template("events/set_aside.html", event=queries.page(event_id), form=form, refusal=refusal)
    return make_response(html, status)
