"""People: who works here, their roles, and how they get in."""

from __future__ import annotations

from flask import flash, g, make_response, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Length, Regexp

from ...access import GRANTS, ROLE_NAMES, SENTENCES, Permission, Role, me, requires
from ...commands.office import people as commands
from ...commands.office.people import Profile
from ...db import get
from ...errors import Refusal
from ...hypermedia import see_other
from ...models.people import User
from ...queries import people as queries
from ..auth import password_link
from ..forms import CheckboxesField, KeyForm
from . import bp


class PersonForm(KeyForm):
    name = StringField("Name", [InputRequired("Type a name."), Length(max=200)])
    title = StringField("Title", [Length(max=200)])
    team = StringField("Team", [Length(max=100)])
    roles = CheckboxesField("Roles", choices=[(r.value, n[0].upper() + n[1:]) for r, n in ROLE_NAMES.items()])
    grants = CheckboxesField(
        "Single permissions", choices=[(p.value, s[0].upper() + s[1:]) for p, s in SENTENCES.items()]
    )

    def profile(self, active: bool) -> Profile:
        return Profile(
            (self.name.data or "").strip(),
            (self.title.data or "").strip(),
            (self.team.data or "").strip(),
            frozenset(map(Role, self.roles.data or ())),
            frozenset(map(Permission, self.grants.data or ())),
            active,
        )


class NewPersonForm(PersonForm):
    email = StringField(
        "Email",
        [
            InputRequired("Type an email address."),
            Length(max=254),
            Regexp(r"[^@\s]+@[^@\s]+$", message="This is no email address."),
        ],
    )


class ChangePersonForm(PersonForm):
    active = BooleanField("Works here", description="Off: signed out at once, everywhere, and cannot sign in.")


@bp.get("/people")
@requires(Permission.USER_MANAGE)
def people() -> str:
    return render_template("admin/people.html", people=queries.everybody(), role_names=ROLE_NAMES)


@bp.get("/people/new")
@requires(Permission.USER_MANAGE)
def new_person() -> Response:
    return _page(NewPersonForm(), None)


@bp.post("/people/new")
@requires(Permission.USER_MANAGE)
def add_person() -> Response:
    form = NewPersonForm()
    if not form.validate():
        return _page(form, None, 422)
    try:
        user = commands.create(form.email.data or "", form.profile(active=True), form_key=form.key, by=me())
    except Refusal as refusal:
        return _refused(form, None, refusal)
    flash(_("%(name)s was added. Make a password link to let them in.", name=user.name), "ok")
    return see_other(url_for("admin.person", user_id=user.id))


@bp.get("/people/<int:user_id>")
@requires(Permission.USER_MANAGE)
def person(user_id: int) -> Response:
    user = get(User, user_id)
    return _page(ChangePersonForm(obj=user), user)


@bp.post("/people/<int:user_id>")
@requires(Permission.USER_MANAGE)
def change_person(user_id: int) -> Response:
    form, user = ChangePersonForm(), get(User, user_id)
    if not form.validate():
        return _page(form, user, 422)
    try:
        commands.change(user_id, form.profile(active=form.active.data), by=me())
    except Refusal as refusal:
        return _refused(form, user, refusal)
    flash(_("Saved; in force with their next click."), "ok")
    return see_other(url_for("admin.person", user_id=user_id))


@bp.post("/people/<int:user_id>/password-link")
@requires(Permission.USER_MANAGE)
def make_password_link(user_id: int) -> Response:
    """Answers with the link itself, this once; it is kept nowhere."""
    user = commands.make_password_link(user_id, by=me())
    g.token_page = True
    return _page(ChangePersonForm(formdata=None, obj=user), user, link=password_link.url(user))


@bp.post("/people/<int:user_id>/sign-out")
@requires(Permission.USER_MANAGE)
def sign_out_person(user_id: int) -> Response:
    user = commands.sign_out_everywhere(user_id, by=me())
    flash(_("%(name)s is signed out everywhere.", name=user.name), "ok")
    return see_other(url_for("admin.person", user_id=user_id))


def _refused(form: PersonForm, user: User | None, refusal: Refusal) -> Response:
    form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
    return _page(form, get(User, user.id) if user else None, refusal.status)


def _page(form: PersonForm, user: User | None, status: int = 200, link: str | None = None) -> Response:
    by_role = {role.value: [SENTENCES[p] for p in Permission if p in GRANTS[role]] for role in Role}
    page = render_template("admin/person.html", form=form, person=user, by_role=by_role, link=link)
    return make_response(page, status)
