"""One's own account: what one may do here, the password, and signing out everywhere."""

from __future__ import annotations

from flask import flash, make_response, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import PasswordField
from wtforms.validators import EqualTo, InputRequired

from ... import access, passwords
from ...access import SENTENCES, Permission, me, signed_in
from ...commands.office import people
from ...errors import Refusal
from ...hypermedia import see_other
from ..forms import Form
from . import bp, session


class ChangePasswordForm(Form):
    old = PasswordField("Present password", [InputRequired("Type your present password.")])
    password = PasswordField("New password", [InputRequired("Type a new password.")])
    again = PasswordField(
        "The same again", [InputRequired("Type it once more."), EqualTo("password", "The two are not the same.")]
    )


@bp.get("/your-account")
@signed_in
def account() -> Response:
    return _page(ChangePasswordForm())


@bp.post("/your-account/password")
@signed_in
def change_password() -> Response:
    form = ChangePasswordForm()
    if not form.validate():
        return _page(form, 422)
    try:
        user = people.change_password(me().id, form.old.data or "", form.password.data or "")
    except Refusal as refusal:
        field = form.old if refusal.code == "wrong_password" else form.password
        field.errors = [refusal.sentence]
        return _page(form, 422)
    session.begin(user)
    flash(_("Your password is changed. You were signed out everywhere else."), "ok")
    return see_other(url_for("auth.account"))


@bp.post("/your-account/sign-out-everywhere")
@signed_in
def sign_out_everywhere() -> Response:
    people.sign_out_everywhere(me().id, by=me())
    session.end()
    flash(_("You are signed out everywhere."), "ok")
    return see_other(url_for("auth.sign_in"))


def _page(form: ChangePasswordForm, status: int = 200) -> Response:
    person = me()
    allowed = [SENTENCES[p] for p in Permission if access.can(p, person)]
    switched_off = [r for p in sorted(access.granted(person)) if (r := access.why_not(person, p))]
    page = render_template(
        "auth/account.html",
        form=form,
        person=person,
        roles=[access.ROLE_NAMES[access.Role(role)] for role in person.roles],
        allowed=allowed,
        switched_off=switched_off,
        shortest=passwords.SHORTEST,
    )
    return make_response(page, status)
