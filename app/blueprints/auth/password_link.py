"""Choosing a password by a link that works once, for three days. Only its owner ever knows the password."""

from __future__ import annotations

import hashlib

from flask import current_app, flash, g, make_response, render_template, url_for
from flask_babel import gettext as _
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.wrappers import Response
from wtforms import PasswordField
from wtforms.validators import EqualTo, InputRequired

from ... import links, passwords
from ...access import public
from ...commands.office import people
from ...db import db
from ...errors import Refusal
from ...extensions import limiter
from ...hypermedia import see_other
from ...models.people import User
from ..forms import Form
from . import bp

LIFE_SECONDS = 3 * 24 * 3600


class PasswordForm(Form):
    password = PasswordField("New password", [InputRequired("Type a password.")])
    again = PasswordField(
        "The same again", [InputRequired("Type it once more."), EqualTo("password", "The two are not the same.")]
    )


def url(user: User) -> str:
    """The whole address; it dies when it is used, when another is made, or when it is three days old."""
    return links.page("auth.choose_password", token=_serializer().dumps([user.id, user.session_epoch]))


def _serializer() -> URLSafeTimedSerializer:
    keys = [*reversed(current_app.config["SECRET_KEY_FALLBACKS"]), current_app.config["SECRET_KEY"]]
    return URLSafeTimedSerializer(keys, salt="link:password", signer_kwargs={"digest_method": hashlib.sha256})


def _read(token: str) -> tuple[int, int] | None:
    try:
        user_id, epoch = _serializer().loads(token, max_age=LIFE_SECONDS)
    except (BadData, ValueError, TypeError):
        return None
    return int(user_id), int(epoch)


def _owner(token: str) -> User | None:
    named = _read(token)
    user = db.session.get(User, named[0]) if named else None
    return user if user and named and user.active and user.session_epoch == named[1] else None


@bp.get("/choose-password/<token>")
@public
@limiter.limit("30 per minute")
def choose_password(token: str) -> Response:
    return _page(_owner(token), PasswordForm())


@bp.post("/choose-password/<token>")
@public
@limiter.limit("30 per minute")
def set_password(token: str) -> Response:
    form, owner = PasswordForm(), _owner(token)
    if owner is None or not form.validate():
        return _page(owner, form, 422)
    try:
        people.set_password(owner.id, owner.session_epoch, form.password.data or "")
    except Refusal as refusal:
        form.password.errors = [refusal.sentence]
        return _page(_owner(token), form, 422)
    flash(_("Your password is set. Sign in with it."), "ok")
    return see_other(url_for("auth.sign_in"))


def _page(owner: User | None, form: PasswordForm, status: int = 200) -> Response:
    g.token_page = True
    if owner is None:
        return make_response(render_template("auth/dead_link.html"), 410)
    return make_response(
        render_template("auth/choose_password.html", owner=owner, form=form, shortest=passwords.SHORTEST), status
    )
