"""The agreement's dunning: its stories as a panel, and the policy that it runs under."""

from __future__ import annotations

from flask import Response, make_response, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import SelectField

from ...access import Permission, me, requires
from ...commands.dunning import policies as commands
from ...hypermedia import wants_fragment
from ...queries.agreements import page
from ...queries.dunning import policies, story
from ..forms import Form
from ..numbers import id_or_none
from . import answers, bp, pages


class PolicyChoice(Form):
    policy = SelectField(lazy_gettext("Policy"), coerce=id_or_none)


@bp.get("/<number>/dunning")
@requires(Permission.AGREEMENT_VIEW)
def dunning(number: str) -> Response:
    told = story.view(number, me())
    if wants_fragment():
        return make_response(render_template("agreements/panels/dunning.html", story=told))
    return make_response(pages.whole(page.view(number, me()), told))


@bp.get("/<number>/dunning-policy")
@requires(Permission.AGREEMENT_MANAGE)
def choose_policy_form(number: str) -> Response:
    page.entity_id(number, me())
    return _form(number, _choice(formdata=None))


@bp.post("/<number>/dunning-policy")
@requires(Permission.AGREEMENT_MANAGE)
def choose_policy(number: str) -> Response:
    id, form = page.entity_id(number, me()), _choice()
    if not form.validate():
        return _form(number, form, 422)
    commands.choose(id, form.policy.data, by=me())
    return answers.done(number, _("In force from the next decline on"))


def _choice(**given: object) -> PolicyChoice:
    form = PolicyChoice(**given)
    form.policy.choices = [(id_or_none(value), name) for value, name in policies.choices()]
    return form


def _form(number: str, form: PolicyChoice, status: int = 200) -> Response:
    title = _("Dunning policy of %(number)s", number=number)
    lead = _("What is done when a charge is declined. A story under way goes on as it began.")
    return answers.form(number, form, title, _("Save"), lead=lead, status=status)
