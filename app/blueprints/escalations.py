"""Escalations: the list, one with what it is about, taking it up, resolving it and opening it again."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from ..access import Permission, me, requires
from ..commands.office import escalations as commands
from ..errors import Refusal
from ..hypermedia import fragments, panel, see_other, wants_fragment
from ..queries import escalations as queries
from ..queries.escalations import EscalationPage, Filter
from .forms import Form

bp = Blueprint("escalations", __name__, url_prefix="/operations/escalations")
PART = "escalations/panels/escalation.html"


class ReasonForm(Form):
    because = TextAreaField(
        lazy_gettext("In a sentence"),
        [DataRequired(lazy_gettext("Say it in a sentence; it stays with the history.")), Length(max=500)],
    )


@bp.get("/")
@requires(Permission.ESCALATION_VIEW)
def index() -> str:
    wanted = Filter.read(request.args)
    keys = {name: request.args.get(name, type=int) for name in ("before", "after")}
    return render_template("escalations/index.html", found=queries.view(wanted, me(), **keys), wanted=wanted)


@bp.get("/<int:escalation_id>")
@requires(Permission.ESCALATION_VIEW)
def escalation(escalation_id: int) -> Response:
    return panel("escalations/show.html", PART, escalation=queries.page(escalation_id, me()))


@bp.post("/<int:escalation_id>/acknowledgement")
@requires(Permission.ESCALATION_RESOLVE)
def acknowledge(escalation_id: int) -> Response:
    queries.page(escalation_id, me())
    commands.acknowledge(escalation_id, by=me())
    fresh, said = queries.page(escalation_id, me()), _("It is yours now.")
    if wants_fragment():
        return fragments(render_template(PART, escalation=fresh), toast=said)
    flash(said, "ok")
    return see_other(fresh.row.url)


@bp.get("/<int:escalation_id>/resolution")
@requires(Permission.ESCALATION_RESOLVE)
def resolve_form(escalation_id: int) -> Response:
    return _resolving(queries.page(escalation_id, me()), ReasonForm(formdata=None))


@bp.post("/<int:escalation_id>/resolution")
@requires(Permission.ESCALATION_RESOLVE)
def resolve(escalation_id: int) -> Response:
    page, form = queries.page(escalation_id, me()), ReasonForm()
    if not form.validate():
        return _resolving(page, form, status=422)
    try:
        commands.resolve(escalation_id, because=form.because.data or "", by=me())
    except Refusal as refusal:
        return _resolving(queries.page(escalation_id, me()), form, refusal, refusal.status)
    flash(_("Resolved."), "ok")
    return see_other(page.row.url)


@bp.get("/<int:escalation_id>/reopening")
@requires(Permission.ESCALATION_RESOLVE)
def reopen_form(escalation_id: int) -> Response:
    return _reopening(queries.page(escalation_id, me()), ReasonForm(formdata=None))


@bp.post("/<int:escalation_id>/reopening")
@requires(Permission.ESCALATION_RESOLVE)
def reopen(escalation_id: int) -> Response:
    page, form = queries.page(escalation_id, me()), ReasonForm()
    if not form.validate():
        return _reopening(page, form, status=422)
    try:
        commands.reopen(escalation_id, because=form.because.data or "", by=me())
    except Refusal as refusal:
        return _reopening(queries.page(escalation_id, me()), form, refusal, refusal.status)
    flash(_("Open again."), "ok")
    return see_other(page.row.url)


def _resolving(page: EscalationPage, form: Form, refusal: Refusal | None = None, status: int = 200) -> Response:
    title, submit = _("Resolve the escalation about %(subject)s", subject=page.row.label), _("Resolve it")
    lead = _("Say what was wrong and what was done, for whoever meets it next.")
    return _dialog(
        page, form, refusal, status, title=title, lead=lead, submit=submit, action=f"{page.row.url}/resolution"
    )


def _reopening(page: EscalationPage, form: Form, refusal: Refusal | None = None, status: int = 200) -> Response:
    title, submit = _("Open the escalation about %(subject)s again", subject=page.row.label), _("Open it again")
    lead = _("It is back with its team, and waits for somebody to take it up.")
    return _dialog(
        page, form, refusal, status, title=title, lead=lead, submit=submit, action=f"{page.row.url}/reopening"
    )


def _dialog(page: EscalationPage, form: Form, refusal: Refusal | None, status: int, **said: str) -> Response:
    html = render_template("escalations/decide.html", escalation=page, form=form, refusal=refusal, **said)
    return make_response(html, status)
