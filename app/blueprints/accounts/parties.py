"""People, places and chances of an account: small forms that open in the dialog or as pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, flash, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from ...access import Permission, me, requires
from ...commands.office import accounts as commands
from ...commands.office.accounts import AddressFacts, ContactFacts
from ...errors import Refusal
from ...hypermedia import see_other
from ...queries import accounts as queries
from ..forms import Form, KeyForm
from . import bp


def _text(label: Any, missing: Any = None, most: int = 200, **more: Any) -> StringField:
    """A line of text; with `missing`, one that must be given, and what is said if it is not."""
    given = [InputRequired(missing)] if missing else []
    return StringField(label, [*given, Length(max=most)], **more)


class ContactForm(KeyForm):
    name = _text(lazy_gettext("Name"), lazy_gettext("Type a name."))
    email = _text(lazy_gettext("Email"), lazy_gettext("Type an email address."), 254)
    title = _text(lazy_gettext("Title"))
    phone = _text(lazy_gettext("Phone"), most=40)

    def facts(self) -> ContactFacts:
        return ContactFacts(**{name: self[name].data or "" for name in ContactFacts.__struct_fields__})


class AddressForm(KeyForm):
    name = _text(lazy_gettext("Name"), lazy_gettext("Type a name."))
    street = _text(lazy_gettext("Street"), lazy_gettext("Type the street."))
    postcode = _text(lazy_gettext("Postcode"), lazy_gettext("Type the postcode."), 20)
    city = _text(lazy_gettext("City"), lazy_gettext("Type the city."), 100)
    region = _text(lazy_gettext("Region"), most=100)
    country = _text(
        lazy_gettext("Country"),
        lazy_gettext("Type the country."),
        2,
        description=lazy_gettext("Two letters, such as DE."),
    )

    def facts(self) -> AddressFacts:
        return AddressFacts(**{name: self[name].data or "" for name in AddressFacts.__struct_fields__})


class OpportunityForm(KeyForm):
    name = _text(lazy_gettext("Name"), lazy_gettext("Type a name."))


@bp.get("/<number>/contacts/new")
@requires(Permission.ACCOUNT_EDIT)
def new_contact(number: str) -> Response:
    return _form(number, ContactForm(formdata=None), _("Add a contact"))


@bp.post("/<number>/contacts/new")
@requires(Permission.ACCOUNT_EDIT)
def add_contact(number: str) -> Response:
    account = queries.entity(number)
    form = ContactForm()
    act = lambda: commands.add_contact(account.id, form.facts(), form_key=form.key, by=me())  # noqa: E731
    return _save(number, form, _("Add a contact"), act)


@bp.get("/<number>/contacts/<int:contact_id>")
@requires(Permission.ACCOUNT_EDIT)
def contact(number: str, contact_id: int) -> Response:
    return _form(number, ContactForm(formdata=None, obj=queries.contact(number, contact_id)), _("Edit the contact"))


@bp.post("/<number>/contacts/<int:contact_id>")
@requires(Permission.ACCOUNT_EDIT)
def save_contact(number: str, contact_id: int) -> Response:
    found = queries.contact(number, contact_id)
    form = ContactForm()
    return _save(number, form, _("Edit the contact"), lambda: commands.edit_contact(found.id, form.facts(), by=me()))


@bp.get("/<number>/addresses/new")
@requires(Permission.ACCOUNT_EDIT)
def new_address(number: str) -> Response:
    account = queries.entity(number)
    return _form(number, AddressForm(formdata=None, data={"name": account.name}), _("Add an address"))


@bp.post("/<number>/addresses/new")
@requires(Permission.ACCOUNT_EDIT)
def add_address(number: str) -> Response:
    account = queries.entity(number)
    form = AddressForm()
    act = lambda: commands.add_address(account.id, form.facts(), form_key=form.key, by=me())  # noqa: E731
    return _save(number, form, _("Add an address"), act)


@bp.get("/<number>/opportunities/new")
@requires(Permission.ACCOUNT_EDIT)
def new_opportunity(number: str) -> Response:
    return _form(number, OpportunityForm(formdata=None), _("Add an opportunity"))


@bp.post("/<number>/opportunities/new")
@requires(Permission.ACCOUNT_EDIT)
def add_opportunity(number: str) -> Response:
    account = queries.entity(number)
    form = OpportunityForm()
    act = lambda: commands.add_opportunity(account.id, name=form.name.data or "", form_key=form.key, by=me())  # noqa: E731
    return _save(number, form, _("Add an opportunity"), act)


def _save(number: str, form: Form, title: str, act: Callable[[], Any]) -> Response:
    if not form.validate():
        return _form(number, form, title, 422)
    try:
        act()
    except Refusal as refusal:
        form.form_errors.append(refusal.sentence)
        return _form(number, form, title, refusal.status)
    flash(_("Saved"), "ok")
    return see_other(url_for("accounts.show", number=number))


def _form(number: str, form: Form, title: str, status: int = 200) -> Response:
    account = queries.entity(number)
    return make_response(render_template("accounts/party.html", account=account, form=form, title=title), status)
