"""Dunning policies in the admin: what is done about a decline, class by class."""

from __future__ import annotations

from typing import Any

from flask import flash, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response
from wtforms import BooleanField, HiddenField, IntegerField, RadioField, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from ... import typed
from ...access import Permission, me, requires
from ...commands.dunning import policies as commands
from ...commands.dunning.policies import LAST_DAY, MOST_PAST_DUE, MOST_STEPS
from ...errors import Refusal
from ...hypermedia import see_other
from ...queries.dunning import policies, words
from ...states.declines import DeclineClass
from ...states.dunning import ALLOWED, STANDARD, Ending, Plan, PlannedStep
from ...states.dunning import Action as Act
from ..forms import Form
from . import bp

SPARE = 2


class PolicyForm(Form):
    """With the steps of each class, four fields a row, see `_form`. A row without a day is none."""

    name = StringField(lazy_gettext("Name"), [DataRequired(lazy_gettext("Give it a name.")), Length(max=80)])
    past_due_after = IntegerField(
        lazy_gettext("Days until the agreement is past due"),
        [InputRequired(), NumberRange(0, MOST_PAST_DUE)],
        description=lazy_gettext("Counted from the first decline; 0: at once."),
    )
    ending = RadioField(lazy_gettext("At the end of the policy"), choices=[(x.value, words.ENDINGS[x]) for x in Ending])
    version = HiddenField()

    def rows(self, kind: DeclineClass) -> list[dict[str, Any]]:
        """Those that are filled in, and a few to fill in."""
        all_rows = [self._row(kind, n) for n in range(MOST_STEPS)]
        filled = [n for n, row in enumerate(all_rows, start=1) if row["day"].data is not None or row["day"].errors]
        return all_rows[: max(filled, default=0) + SPARE]

    def _row(self, kind: DeclineClass, n: int) -> dict[str, Any]:
        return {name: self[f"{kind}_{n}_{name}"] for name in ("day", "action", "customer", "owner")}

    def _filled(self, kind: DeclineClass) -> list[dict[str, Any]]:
        return [row for row in (self._row(kind, n) for n in range(MOST_STEPS)) if row["day"].data is not None]

    @property
    def plan(self) -> Plan:
        steps = {kind: tuple(map(_step, self._filled(kind))) for kind in DeclineClass}
        return Plan(self.past_due_after.data or 0, Ending(self.ending.data), steps)

    def validate(self, extra_validators: Any = None) -> bool:
        if not super().validate(extra_validators) or not self._chosen():
            return False
        for fault in commands.faults(self.plan):
            filled = self._filled(fault.kind)
            row = filled[fault.step] if filled else self._row(fault.kind, 0)
            field = row["action" if fault.about == "steps" else fault.about]
            field.errors = (*field.errors, fault.sentence)
        return not self.errors

    def _chosen(self) -> bool:
        """Rows that are no step are not sent, so what stands in them is looked at only where there is a day."""
        sound = True
        for kind in DeclineClass:
            for row in self._filled(kind):
                if row["action"].data not in ALLOWED[kind]:
                    row["action"].errors, sound = (_("Choose what is done on this day."),), False
        return sound


def _step(row: dict[str, Any]) -> PlannedStep:
    return PlannedStep(row["day"].data, Act(row["action"].data), bool(row["customer"].data), bool(row["owner"].data))


def _form() -> type[PolicyForm]:
    fields: dict[str, Any] = {}
    for kind in DeclineClass:
        actions = [(x.value, words.ACTIONS[x]) for x in ALLOWED[kind]]
        for n in range(MOST_STEPS):
            about = {"kind": _(words.KINDS[kind]), "n": n + 1}
            whole = NumberRange(0, LAST_DAY, _("Take a whole number from 0 to %(most)s.", most=LAST_DAY))
            fields[f"{kind}_{n}_day"] = IntegerField(_("%(kind)s, step %(n)s, day", **about), [Optional(), whole])
            fields[f"{kind}_{n}_action"] = SelectField(
                _("%(kind)s, step %(n)s", **about), choices=[(v, _(w)) for v, w in actions], validate_choice=False
            )
            fields[f"{kind}_{n}_customer"] = BooleanField(_("%(kind)s, step %(n)s, customer", **about))
            fields[f"{kind}_{n}_owner"] = BooleanField(_("%(kind)s, step %(n)s, owner", **about))
    return type("FilledPolicyForm", (PolicyForm,), fields)


def _of(plan: Plan, name: str, version: int) -> dict[str, Any]:
    given: dict[str, Any] = {
        "name": name,
        "past_due_after": plan.past_due_after,
        "ending": plan.ending.value,
        "version": version,
    }
    for kind, steps in plan.steps.items():
        for n, step in enumerate(steps):
            values = {"day": step.day, "action": step.action.value, "customer": step.customer, "owner": step.owner}
            given |= {f"{kind}_{n}_{about}": value for about, value in values.items()}
    return given


@bp.get("/dunning")
@requires(Permission.SETTINGS_EDIT)
def dunning() -> str:
    return render_template("admin/dunning.html", policies=policies.view(), kinds=words.KINDS, endings=words.ENDINGS)


@bp.get("/dunning/new")
@requires(Permission.SETTINGS_EDIT)
def new_dunning_policy() -> Response:
    return _page(None, _form()(formdata=None, data=_of(STANDARD, "", 0)))


@bp.post("/dunning/new")
@requires(Permission.SETTINGS_EDIT)
def create_dunning_policy() -> Response:
    return _save(None)


@bp.get("/dunning/<int:policy_id>")
@requires(Permission.SETTINGS_EDIT)
def dunning_policy(policy_id: int) -> Response:
    found = policies.one(policy_id)
    return _page(found, _form()(formdata=None, data=_of(found.plan, found.name, found.version)))


@bp.post("/dunning/<int:policy_id>")
@requires(Permission.SETTINGS_EDIT)
def save_dunning_policy(policy_id: int) -> Response:
    return _save(policies.one(policy_id))


def _save(found: policies.PolicyView | None) -> Response:
    form = _form()()
    if not form.validate():
        return _page(found, form, status=422)
    sent = str(form.version.data or "")
    version = typed.whole(sent) if sent.isascii() and sent.isdigit() and len(sent) < 9 else 0
    try:
        commands.save(found.id if found else None, form.name.data or "", form.plan, by=me(), version=version)
    except Refusal as refusal:
        return _page(found, form, refusal, refusal.status)
    flash(_("Saved; in force from the next decline on."), "ok")
    return see_other(url_for("admin.dunning"))


@bp.post("/dunning/<int:policy_id>/standard")
@requires(Permission.SETTINGS_EDIT)
def make_standard_policy(policy_id: int) -> Response:
    found = policies.one(policy_id)
    commands.make_standard(policy_id, by=me())
    flash(_("“%(name)s” is the standard policy now.", name=found.name), "ok")
    return see_other(url_for("admin.dunning"))


def _page(
    found: policies.PolicyView | None, form: PolicyForm, refusal: Refusal | None = None, status: int = 200
) -> Response:
    page = render_template("admin/dunning_policy.html", policy=found, form=form, kinds=words.KINDS, refusal=refusal)
    return make_response(page, status)
