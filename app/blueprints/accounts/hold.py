"""Putting an account on hold, and releasing it."""

from __future__ import annotations

from flask import Response, flash, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from ...access import Permission, me, requires
from ...commands.office import accounts as commands
from ...errors import Refusal
from ...hypermedia import see_other
from ...queries import accounts as queries
from ..forms import Form
from . import bp


class HoldForm(Form):
    reason = TextAreaField(
        lazy_gettext("Reason"),
        [InputRequired(lazy_gettext("Say why; everybody who meets the hold reads it.")), Length(max=1000)],
    )


@bp.get("/<number>/hold")
@requires(Permission.BILLING_HOLD)
def hold(number: str) -> Response:
    return _form(number, HoldForm(formdata=None))


@bp.post("/<number>/hold")
@requires(Permission.BILLING_HOLD)
def set_hold(number: str) -> Response:
    account = queries.entity(number)
    form = HoldForm()
    if not form.validate():
        return _form(number, form, 422)
    try:
        commands.hold(account.id, reason=form.reason.data or "", by=me())
    except Refusal as refusal:
        form.form_errors.append(refusal.sentence)
        return _form(number, form, refusal.status)
    flash(_("On hold"), "warn")
    return see_other(url_for("accounts.show", number=number))


@bp.post("/<number>/release")
@requires(Permission.BILLING_HOLD)
def release(number: str) -> Response:
    commands.release(queries.entity(number).id, by=me())
    flash(_("Released"), "ok")
    return see_other(url_for("accounts.show", number=number))


def _form(number: str, form: HoldForm, status: int = 200) -> Response:
    account = queries.entity(number)
    title = _("Put %(name)s on hold", name=account.name)
    lead = _("Quotes are not approved, and nothing is sent for approval or charged, until somebody releases it.")
    words = {"title": title, "lead": lead, "button_words": _("Put on hold"), "danger": True}
    return make_response(render_template("accounts/party.html", account=account, form=form, **words), status)
