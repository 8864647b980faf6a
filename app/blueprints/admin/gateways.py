"""Gateways in the admin: the list, one of them, and what it may do. No credential is ever shown or taken here."""

from __future__ import annotations

from typing import Any

from flask import flash, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response
from wtforms import DateField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, Optional, Regexp

from ...access import Permission, me, requires
from ...commands.routing import gateways as commands
from ...commands.routing.gateways import MODES, Facts
from ...errors import Refusal
from ...gateways import registry
from ...hypermedia import see_other
from ...queries import gateways as queries
from ...queries.gateways import GatewayPage
from ...states.gateway import GatewayEvent
from ..forms import Form
from . import bp

KEY = Regexp(r"[a-z][a-z0-9-]*$", message=lazy_gettext("Small letters, digits and hyphens, such as cards-eu."))


def trimmed(text: str | None) -> str:
    return " ".join((text or "").split())


class GatewayForm(Form):
    name = StringField(
        lazy_gettext("Name"), [DataRequired(lazy_gettext("Type a name.")), Length(max=100)], filters=[trimmed]
    )
    currencies = StringField(
        lazy_gettext("Currencies"),
        [DataRequired(lazy_gettext("Say which currencies it takes."))],
        filters=[trimmed],
        description=lazy_gettext("Codes with spaces between, such as EUR USD."),
    )

    def facts(self) -> Facts:
        codes = (self.currencies.data or "").upper().replace(",", " ").split()
        return Facts(name=self.name.data or "", currencies=tuple(dict.fromkeys(codes)))


class NewGatewayForm(GatewayForm):
    key = StringField(
        lazy_gettext("Key"),
        [InputRequired(lazy_gettext("Type a key.")), Length(max=40), KEY],
        description=lazy_gettext("Names it in addresses and in the environment; it stays as it is."),
    )
    kind = SelectField(lazy_gettext("Kind"))
    mode = RadioField(
        lazy_gettext("Money"),
        choices=list(zip(MODES, (lazy_gettext("Test"), lazy_gettext("Live")), strict=True)),
        default="test",
    )


class StateForm(Form):
    event = RadioField(lazy_gettext("From now on it is"), [InputRequired(lazy_gettext("Choose one."))])
    legacy_until = DateField(
        lazy_gettext("Running agreements until"),
        [Optional()],
        description=lazy_gettext("When deprecated: through this day its cards are charged for running agreements."),
    )
    because = TextAreaField(
        lazy_gettext("Reason"),
        [DataRequired(lazy_gettext("Say why; it stays with the gateway's history.")), Length(max=500)],
    )

    def offer(self, page: GatewayPage) -> None:
        words = {
            GatewayEvent.ACTIVATE: _("Active: takes charges and new cards"),
            GatewayEvent.DEPRECATE: _("Deprecated: no new business, running agreements until a day"),
            GatewayEvent.SUSPEND: _("Unavailable: nothing is sent until it is activated again"),
            GatewayEvent.REMOVE: _("Removed: no new charge; refunds, disputes and settlement go on"),
        }
        self.event.choices = [(event.value, words[event]) for event in page.events]


@bp.get("/gateways")
@requires(Permission.GATEWAY_MANAGE)
def gateways() -> str:
    return render_template("admin/gateways.html", gateways=queries.every())


@bp.get("/gateways/new")
@requires(Permission.GATEWAY_MANAGE)
def new_gateway() -> Response:
    return _new(_offered(NewGatewayForm(formdata=None)))


@bp.post("/gateways/new")
@requires(Permission.GATEWAY_MANAGE)
def add_gateway() -> Response:
    form = _offered(NewGatewayForm())
    if not form.validate():
        return _new(form, 422)
    try:
        row = commands.create(form.key.data or "", form.kind.data, form.mode.data, form.facts(), by=me())
    except Refusal as refusal:
        return _new(_complain(form, refusal), refusal.status)
    flash(_("%(name)s was added. Put a route on it to use it.", name=row.name), "ok")
    return see_other(url_for("admin.gateway", gateway=row.key))


@bp.get("/gateways/<gateway>")
@requires(Permission.GATEWAY_MANAGE)
def gateway(gateway: str) -> Response:
    return _page(queries.page(gateway))


@bp.post("/gateways/<gateway>")
@requires(Permission.GATEWAY_MANAGE)
def save_gateway(gateway: str) -> Response:
    page, form = queries.page(gateway), GatewayForm()
    if not form.validate():
        return _page(page, form, status=422)
    try:
        commands.edit(page.line.id, form.facts(), by=me())
    except Refusal as refusal:
        return _page(queries.page(gateway), _complain(form, refusal), status=refusal.status)
    flash(_("Saved; in force for charges that start from now on."), "ok")
    return see_other(url_for("admin.gateway", gateway=gateway))


@bp.post("/gateways/<gateway>/state")
@requires(Permission.GATEWAY_MANAGE)
def move_gateway(gateway: str) -> Response:
    page, form = queries.page(gateway), StateForm()
    form.offer(page)
    if not form.validate():
        return _page(page, state_form=form, status=422)
    try:
        event, until = GatewayEvent(form.event.data), form.legacy_until.data
        commands.move(page.line.id, event, because=form.because.data or "", legacy_until=until, by=me())
    except Refusal as refusal:
        return _page(queries.page(gateway), state_form=_complain(form, refusal), status=refusal.status)
    flash(_("Saved; in force at once."), "ok")
    return see_other(url_for("admin.gateway", gateway=gateway))


@bp.post("/gateways/<gateway>/check")
@requires(Permission.GATEWAY_MANAGE)
def check_gateway(gateway: str) -> Response:
    complaints = commands.check(queries.identify(gateway), by=me())
    if complaints:
        flash(" ".join(complaints), "bad")
    else:
        flash(_("It answers, and its account can be used."), "ok")
    return see_other(url_for("admin.gateway", gateway=gateway))


def _offered(form: NewGatewayForm) -> NewGatewayForm:
    form.kind.choices = [(kind, kind) for kind in sorted(registry.adapters())]
    return form


def _complain(form: Any, refusal: Refusal) -> Any:
    form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
    return form


def _new(form: NewGatewayForm, status: int = 200) -> Response:
    return make_response(render_template("admin/new_gateway.html", form=form), status)


def _page(
    page: GatewayPage, form: GatewayForm | None = None, *, state_form: StateForm | None = None, status: int = 200
) -> Response:
    line = page.line
    known = {"name": line.name, "currencies": " ".join(line.currencies)}
    form = form or GatewayForm(formdata=None, data=known)
    if state_form is None:
        state_form = StateForm(formdata=None)
        state_form.offer(page)
    html = render_template(
        "admin/gateway.html", page=page, line=line, form=form, state_form=state_form, happened=queries.happened
    )
    return make_response(html, status)
