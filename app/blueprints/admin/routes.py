"""Routes in the admin: their order, what each asks for, and which one a charge would take."""

from __future__ import annotations

from typing import Any, Literal

from flask import flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response
from wtforms import BooleanField, Field, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from ...access import Permission, me, requires
from ...commands.routing import routes as commands
from ...commands.routing.routes import Facts
from ...errors import Refusal
from ...gateways import descriptor
from ...hypermedia import see_other
from ...models import OrderKind
from ...money import Money
from ...queries import accounts, gateways, route_migrations, routes
from ...queries.routes import RouteRow, Wanted, Way
from ...states.gateway import GatewayState
from ...values import Value
from ..forms import Form
from ..numbers import NumberField, id_or_none
from . import bp
from .gateways import KEY, trimmed

KINDS = [
    ("", lazy_gettext("One-time and recurring")),
    (OrderKind.ONE_TIME.value, lazy_gettext("One-time orders")),
    (OrderKind.RECURRING.value, lazy_gettext("Recurring orders")),
]


def code(text: str | None) -> str:
    return (text or "").strip().upper()


class RouteForm(Form):
    name = StringField(
        lazy_gettext("Name"), [DataRequired(lazy_gettext("Type a name.")), Length(max=100)], filters=[trimmed]
    )
    currency = StringField(
        lazy_gettext("Currency"), [Length(max=3)], [code], lazy_gettext("Empty: every currency that the gateway takes.")
    )
    account_group = StringField(
        lazy_gettext("Account group"), [Length(max=40)], [trimmed], lazy_gettext("Empty: every account.")
    )
    order_kind = SelectField(lazy_gettext("Orders"), choices=KINDS)
    amount_min = NumberField(lazy_gettext("From"), description=lazy_gettext("This amount included."))
    amount_max = NumberField(lazy_gettext("Up to"), description=lazy_gettext("This amount included."))
    gateway_id = SelectField(lazy_gettext("Gateway"), coerce=int)
    fallback_id = SelectField(
        lazy_gettext("Fallback"),
        coerce=id_or_none,
        description=lazy_gettext("Taken while the gateway cannot be used, and only before anything was sent."),
    )
    capture_later = BooleanField(
        lazy_gettext("Hold the amount and capture it later"),
        description=lazy_gettext("Refused for orders that start after the hold would have lapsed."),
    )
    descriptor = StringField(
        lazy_gettext("Statement shows"),
        [InputRequired(lazy_gettext("Say how a statement names us."))],
        filters=[trimmed],
        description=lazy_gettext("5 to 22 letters and digits, at least one letter."),
    )

    def offer(self) -> None:
        lines = [line for line in gateways.every() if line.status is not GatewayState.REMOVED]
        choices = [(line.id, line.name) for line in lines]
        self.gateway_id.choices, self.fallback_id.choices = choices, [("", _("None")), *choices]

    def validate_descriptor(self, field: Field) -> None:
        if complaint := descriptor.complaint(field.data or ""):
            raise ValidationError(complaint)

    def facts(self) -> Facts:
        """Raises Refusal `range_needs_currency`, `too_many_decimals`."""
        return Facts(
            name=self.name.data or "",
            gateway_id=self.gateway_id.data,
            descriptor=self.descriptor.data or "",
            currency=self.currency.data or None,
            account_group=self.account_group.data or "",
            order_kind=OrderKind(self.order_kind.data) if self.order_kind.data else None,
            amount_min=_minor(self.amount_min.data, self.currency.data),
            amount_max=_minor(self.amount_max.data, self.currency.data),
            fallback_id=self.fallback_id.data,
            capture_later=self.capture_later.data,
        )


class NewRouteForm(RouteForm):
    key = StringField(lazy_gettext("Key"), [InputRequired(lazy_gettext("Type a key.")), Length(max=40), KEY])


def _minor(amount: Any, currency: str | None) -> int | None:
    if amount is None:
        return None
    if not currency:
        help = _("Choose the currency that the amounts are in.")
        raise Refusal("range_needs_currency", "A range of amounts needs a currency.", help, status=422)
    try:
        return Money.of(amount, currency).minor
    except ValueError:
        words = _("%(currency)s has fewer decimals.", currency=currency)
        raise Refusal("too_many_decimals", words, status=422) from None


class Trial(Value):
    """A charge that somebody wonders about, as typed; `way` is where it would go, `problem` why it cannot be told."""

    amount: str
    currency: str
    group: str
    kind: str
    agreement: bool
    way: Way | None = None
    problem: str = ""


@bp.get("/routes", endpoint="routes")
@requires(Permission.GATEWAY_MANAGE)
def show_routes() -> str:
    rows = routes.load()
    return render_template(
        "admin/routes.html", routes=rows, trial=_trial(rows), kinds=KINDS, migrations=route_migrations.latest()
    )


def _trial(rows: tuple[RouteRow, ...]) -> Trial | None:
    """Which route would take this charge; asked by the query string."""
    asked = request.args
    if not asked.get("currency"):
        return None
    typed = Trial(
        asked.get("amount", "").strip(),
        code(asked.get("currency")),
        trimmed(asked.get("group")),
        asked.get("kind", ""),
        "agreement" in asked,
    )
    kind = OrderKind.RECURRING if typed.kind == OrderKind.RECURRING else OrderKind.ONE_TIME
    try:
        amount = Money.of(typed.amount, typed.currency).minor if typed.amount else None
    except (ValueError, ArithmeticError):
        return _with(typed, problem=_("This is no amount of that currency."))
    wanted = Wanted(typed.currency, amount, typed.group, kind, typed.agreement)
    return _with(typed, way=routes.find(rows, wanted))


def _with(trial: Trial, way: Way | None = None, problem: str = "") -> Trial:
    return Trial(trial.amount, trial.currency, trial.group, trial.kind, trial.agreement, way, problem)


@bp.get("/routes/new")
@requires(Permission.GATEWAY_MANAGE)
def new_route() -> Response:
    form = NewRouteForm(formdata=None)
    form.offer()
    return _page(form, None)


@bp.post("/routes/new")
@requires(Permission.GATEWAY_MANAGE)
def add_route() -> Response:
    form = NewRouteForm()
    form.offer()
    if not form.validate():
        return _page(form, None, 422)
    try:
        row = commands.create(form.key.data or "", form.facts(), by=me())
    except Refusal as refusal:
        return _refused(form, None, refusal)
    flash(_("“%(name)s” was added as the last one.", name=row.name), "ok")
    return see_other(url_for("admin.routes"))


@bp.get("/routes/<route>", endpoint="route")
@requires(Permission.GATEWAY_MANAGE)
def show_route(route: str) -> Response:
    row = routes.by_key(route)
    form = RouteForm(formdata=None, data=_known(row))
    form.offer()
    return _page(form, row)


@bp.post("/routes/<route>")
@requires(Permission.GATEWAY_MANAGE)
def save_route(route: str) -> Response:
    row, form = routes.by_key(route), RouteForm()
    form.offer()
    if not form.validate():
        return _page(form, row, 422)
    try:
        commands.edit(row.id, form.facts(), by=me())
    except Refusal as refusal:
        return _refused(form, row, refusal)
    flash(_("Saved; in force for charges that start from now on."), "ok")
    return see_other(url_for("admin.routes"))


@bp.post("/routes/<route>/position")
@requires(Permission.GATEWAY_MANAGE)
def shift_route(route: str) -> Response:
    direction: Literal["up", "down"] = "up" if request.form.get("direction") == "up" else "down"
    commands.shift(routes.by_key(route).id, direction, by=me())
    return see_other(url_for("admin.routes", _anchor=f"route-{route}"))


@bp.post("/routes/<route>/active")
@requires(Permission.GATEWAY_MANAGE)
def switch_route(route: str) -> Response:
    row = commands.switch(routes.by_key(route).id, on=request.form.get("active") == "on", by=me())
    words = _("“%(name)s” is on.", name=row.name) if row.active else _("“%(name)s” is off.", name=row.name)
    flash(words, "ok")
    return see_other(url_for("admin.routes"))


def _known(row: RouteRow) -> dict[str, Any]:
    def major(minor: int | None) -> Any:
        return None if minor is None or row.currency is None else Money(minor, row.currency).major

    return {
        "name": row.name,
        "currency": row.currency or "",
        "account_group": row.account_group,
        "order_kind": row.order_kind.value if row.order_kind else "",
        "amount_min": major(row.amount_min),
        "amount_max": major(row.amount_max),
        "gateway_id": row.gateway.id,
        "fallback_id": row.fallback.id if row.fallback else None,
        "capture_later": row.capture_later,
        "descriptor": row.descriptor,
    }


def _refused(form: RouteForm, row: RouteRow | None, refusal: Refusal) -> Response:
    form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
    return _page(form, row, refusal.status)


def _page(form: RouteForm, row: RouteRow | None, status: int = 200) -> Response:
    page = render_template("admin/route.html", form=form, route=row, groups=accounts.groups())
    return make_response(page, status)
