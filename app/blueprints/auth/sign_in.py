"""The way in, and the way out."""

from __future__ import annotations

from flask import current_app, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from ... import passwords
from ...access import ROLE_NAMES, public, signed_in
from ...db import db
from ...extensions import limiter
from ...hypermedia import safe_next, see_other
from ...logs import log
from ...models.people import User
from ...values import Value
from ..forms import Form
from . import bp, session, throttle


class SignInForm(Form):
    email = StringField("Email", [InputRequired("Type your email address."), Length(max=254)])
    password = PasswordField("Password", [InputRequired("Type your password."), Length(max=1000)])
    next = HiddenField(validators=[Length(max=2000)])


class DemoSignIn(Value):
    name: str
    role: str
    email: str
    password: str


@bp.get("/")
@signed_in
def home() -> Response:
    """The first place of theirs: what the navigation names first."""
    from ...navigation import places

    found = places()
    return redirect(found[0].url if found else url_for("auth.account"))


@bp.get("/sign-in")
@public
def sign_in() -> Response:
    if current_user.is_authenticated:
        return redirect(_where_to(request.args.get("next")))
    return _page(SignInForm(formdata=None, next=request.args.get("next", "")))


@bp.post("/sign-in")
@public
@limiter.limit("60 per minute")
def enter() -> Response:
    form = SignInForm()
    if not form.validate():
        return _page(form, 422)
    email = (form.email.data or "").strip().lower()
    wait = throttle.seconds_to_wait(email)
    if wait:
        return _page(form, 429, _("Too many tries. Wait %(seconds)s seconds, then try again.", seconds=wait), wait)
    throttle.count(email)
    user = _who(email, form.password.data or "")
    if user is None:
        log.warning("sign_in_failed", address=request.remote_addr)
        return _page(form, 422, _("Email and password do not match."))
    throttle.forgive(email)
    session.begin(user)
    log.info("signed_in", user=user.id)
    answer = see_other(_where_to(form.next.data))
    throttle.remember_device(answer, email)
    return answer


@bp.post("/sign-out")
@public
def sign_out() -> Response:
    session.end()
    return see_other(url_for("auth.sign_in"))


def _who(email: str, password: str) -> User | None:
    """The active person whose password this is. Takes as long whether or not there is such a person."""
    user = db.session.scalars(select(User).where(User.email == email)).one_or_none()
    stored = user.password_hash if user and user.active else None
    return user if passwords.matches(stored, password) else None


def _where_to(wished: str | None) -> str:
    return safe_next(wished, url_for("auth.home"))


def _page(form: SignInForm, status: int = 200, problem: str | None = None, wait: int | None = None) -> Response:
    page = render_template("auth/sign_in.html", form=form, problem=problem, demo=_demo_sign_ins())
    answer = make_response(page, status)
    answer.headers["Cache-Control"] = "no-store"
    if wait:
        answer.headers["Retry-After"] = str(wait)
    return answer


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _demo_sign_ins() -> list[DemoSignIn]:
    if current_app.config["ENVIRONMENT"] != "demo":
        return []
    from ...demo.people import PASSWORD, PEOPLE

    return [DemoSignIn(p.name, _capital(ROLE_NAMES[p.roles[0]]), p.email, PASSWORD) for p in PEOPLE[:4]]
