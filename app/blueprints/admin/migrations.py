"""Moving a route: what it would mean, the run with its progress, and what came of it."""

from __future__ import annotations

from flask import flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, SelectField

from ...access import Permission, me, requires
from ...commands.routing import route_migrations as commands
from ...errors import Refusal
from ...forms import mint_form_key
from ...hypermedia import panel, see_other
from ...queries import route_migrations as queries
from ...queries import routes
from ...queries.routes import RouteRow
from ...states.gateway import GatewayState
from ..forms import Form
from . import bp


class MigrationForm(Form):
    form_key = HiddenField()
    to = SelectField(lazy_gettext("To"), coerce=int)
    ask_customers = BooleanField(
        lazy_gettext("Ask the customers for a new card"),
        description=lazy_gettext("By mail to the billing contact of every account with a card that needs one."),
    )

    def offer(self, row: RouteRow) -> None:
        others = [g for g in routes.gateways() if g.id != row.gateway.id and g.state is GatewayState.ACTIVE]
        self.to.choices = [(g.id, g.name) for g in others]


@bp.get("/routes/<route>/migration")
@requires(Permission.GATEWAY_MANAGE)
def plan_migration(route: str) -> Response:
    """`?to=` chooses the gateway to look at, before anything is done."""
    row = routes.by_key(route)
    form = MigrationForm(formdata=None)
    form.offer(row)
    targets = [value for value, _label in form.to.choices]
    asked = request.args.get("to", type=int)
    form.to.data = asked if asked in targets else (targets[0] if targets else None)
    return _plan(row, form)


@bp.post("/routes/<route>/migration")
@requires(Permission.GATEWAY_MANAGE)
def start_migration(route: str) -> Response:
    row, form = routes.by_key(route), MigrationForm()
    form.offer(row)
    if not form.validate():
        return _plan(row, form, status=422)
    try:
        started = commands.start(
            row.id,
            form.to.data,
            ask_customers=form.ask_customers.data,
            form_key=form.form_key.data or mint_form_key(),
            by=me(),
        )
    except Refusal as refusal:
        return _plan(row, form, refusal, refusal.status)
    return see_other(url_for("admin.migration", migration_id=started.id))


def _plan(row: RouteRow, form: MigrationForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    target = next((g for g in routes.gateways() if g.id == form.to.data), None)
    form.form_key.data = mint_form_key()
    html = render_template(
        "admin/plan_migration.html",
        route=row,
        form=form,
        target=target,
        preview=queries.preview(row, target) if target else None,
        refusal=refusal,
    )
    return make_response(html, status)


@bp.get("/route-migrations/<int:migration_id>")
@requires(Permission.GATEWAY_MANAGE)
def migration(migration_id: int) -> Response:
    return panel("admin/migration.html", "admin/panels/migration.html", view=queries.page(migration_id))


@bp.post("/route-migrations/<int:migration_id>/reversal")
@requires(Permission.GATEWAY_MANAGE)
def reverse_migration(migration_id: int) -> Response:
    commands.reverse(migration_id, by=me())
    flash(_("Taken back."), "ok")
    return see_other(url_for("admin.migration", migration_id=migration_id))


@bp.post("/route-migrations/<int:migration_id>/detachment")
@requires(Permission.GATEWAY_MANAGE)
def detach_migration(migration_id: int) -> Response:
    commands.detach(migration_id, by=me())
    flash(_("The old gateway is being told to forget the cards."), "ok")
    return see_other(url_for("admin.migration", migration_id=migration_id))
