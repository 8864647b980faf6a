"""The "Salesperson submit actions" card and the other settings."""

from __future__ import annotations

from itertools import groupby
from typing import Any, ClassVar

from flask import flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import BooleanField, IntegerField, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from ... import settings
from ...access import Permission, me, requires
from ...commands.office import settings as commands
from ...errors import Refusal
from ...formatting import money
from ...hypermedia import see_other, wants_fragment
from ...money import Money
from ...navigation import company
from ...queries import settings as queries
from ...settings import FACTUR_X, REMINDER_DAYS, SALESPEOPLE_PAYMENT, SALESPEOPLE_SUBMIT, Definition
from ...states import reminder
from ..forms import Form
from ..numbers import NumberField
from . import bp

SWITCHES = (SALESPEOPLE_SUBMIT, SALESPEOPLE_PAYMENT)
ELSEWHERE = (*SWITCHES, FACTUR_X)  # what has a card of its own, here or on the company's page
GROUPS = {
    "salespeople": "Salespeople",
    "quotes": "Quotes",
    "links": "Links",
    "payments": "Payments",
    "refunds": "Refunds",
    "reminders": "Invoice reminders",
    "mail": "Mail",
    "accounting": "Account codes of the accounting export",
}
Group = tuple[str, list[Definition]]


@bp.get("/settings")
@requires(Permission.SETTINGS_EDIT)
def show_settings() -> Response:
    return _page(_form()(data=_values()))


@bp.post("/settings")
@requires(Permission.SETTINGS_EDIT)
def save_settings() -> Response:
    form = _form()()
    if not form.validate():
        return _page(form, 422)
    try:
        changed = commands.turn_all({d.key: _taken(d, form[_name(d)].data) for d in _others()}, by=me())
    except Refusal as refusal:
        form.form_errors.append(refusal.sentence)
        return _page(form, refusal.status)
    flash(_("Saved; in force at once.") if changed else _("Nothing was different."), "ok" if changed else "info")
    return see_other(url_for("admin.show_settings"))


@bp.get("/salesperson-submit-actions")
@requires(Permission.SETTINGS_EDIT)
def salesperson_submit_actions() -> Response:
    return _card() if wants_fragment() else _page(_form()(data=_values()))


@bp.post("/salesperson-submit-actions")
@requires(Permission.SETTINGS_EDIT)
def turn_submit_action() -> Response:
    """One of the two switches: its key, and `on` if it is to be on."""
    wanted = {d.key: d for d in SWITCHES}.get(request.form.get("switch", ""))
    refusal = None
    if wanted is not None:
        try:
            commands.turn(wanted.key, "on" in request.form, by=me())
        except Refusal as refused:
            refusal = refused
    if wants_fragment():
        return _card(refusal)
    if refusal:
        raise refusal
    return see_other(url_for("admin.show_settings"))


def _card(refusal: Refusal | None = None) -> Response:
    card = render_template("admin/panels/salesperson_submit_actions.html", refusal=refusal, **_switches())
    return make_response(card, refusal.status if refusal else 200)


def _page(form: Form, status: int = 200) -> Response:
    page = render_template(
        "admin/settings.html",
        form=form,
        groups=_groups(),
        name_of=_name,
        currency=company().currency,
        refusal=None,
        **_switches(),
    )
    return make_response(page, status)


def _switches() -> dict[str, Any]:
    submit, payment = (bool(settings.get(d)) for d in SWITCHES)
    return {
        "submit_on": submit,
        "payment_on": payment,
        "submit": SALESPEOPLE_SUBMIT,
        "payment": SALESPEOPLE_PAYMENT,
        "last_changes": queries.last_changes([d.key for d in SWITCHES]),
    }


def _others() -> list[Definition]:
    return [d for d in settings.ALL.values() if d not in ELSEWHERE]


def _groups() -> list[Group]:
    order = list(GROUPS)

    def group(definition: Definition) -> str:
        return definition.key.partition(".")[0]

    ordered = sorted(_others(), key=lambda d: order.index(group(d)))
    return [(GROUPS[name], list(members)) for name, members in groupby(ordered, group)]


def _values() -> dict[str, Any]:
    return {_name(d): _shown(d, settings.get(d)) for d in _others()}


def _shown(definition: Definition, value: Any) -> Any:
    """An amount is kept in minor units and typed in major ones."""
    return Money(value, company().currency).major if definition.money else value


def _taken(definition: Definition, value: Any) -> Any:
    return Money.of(value, company().currency).minor if definition.money else value


def _name(definition: Definition) -> str:
    return definition.key.replace(".", "-")


def _form() -> type[Form]:
    """A form with a field for each setting that has no card of its own."""
    return type("SettingsForm", (Form,), {_name(d): _field(d) for d in _others()})


def _field(definition: Definition) -> Any:
    if definition.is_switch:
        return BooleanField(definition.title, description=definition.effect)
    if definition is REMINDER_DAYS:
        return StringField(definition.title, [_Days()], filters=[_stripped], description=definition.effect)
    if definition.is_text:
        words = _("Type at most %(most)s characters.", most=definition.most)
        return StringField(
            definition.title,
            [DataRequired(words), Length(max=definition.most, message=words)],
            filters=[_stripped],
            description=definition.effect,
        )
    if definition.money:
        return NumberField(definition.title, [_Amount(definition)], description=definition.effect)
    low, high = definition.least, definition.most
    bounds = NumberRange(low, high, f"Take a whole number from {low} to {high}.")
    return IntegerField(definition.title, [InputRequired(bounds.message), bounds], description=definition.effect)


def _stripped(text: str | None) -> str:
    return (text or "").strip()


class _Days:
    """A list of days such as the policy of reminders takes."""

    field_flags: ClassVar = {"required": True}

    def __call__(self, form: Form, field: StringField) -> None:
        try:
            reminder.parse(field.data or "")
        except ValueError:
            words = _(
                "Take one to %(most)s different days from %(least)s to %(latest)s, such as -3, 1, 7, 14.",
                most=reminder.MOST_STEPS,
                least=reminder.EARLIEST,
                latest=reminder.LATEST,
            )
            raise ValidationError(words) from None


class _Amount(InputRequired):
    """Of the company's currency, within the setting's bounds."""

    def __init__(self, definition: Definition) -> None:
        currency = company().currency
        self.least, self.most = (Money(minor, currency) for minor in (definition.least, definition.most))
        words = {"least": money(self.least), "most": money(self.most)}
        super().__init__(_("Take an amount from %(least)s to %(most)s.", **words))

    def __call__(self, form: Form, field: NumberField) -> None:
        super().__call__(form, field)
        currency = self.least.currency
        try:
            amount = Money.of(field.data or 0, currency)
        except ValueError:
            raise ValidationError(_("%(currency)s has fewer decimals.", currency=currency)) from None
        if not self.least.minor <= amount.minor <= self.most.minor:
            raise ValidationError(str(self.message))
