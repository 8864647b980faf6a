"""The company's own facts and its terms."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask import flash, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_wtf.file import FileField, FileRequired
from werkzeug.wrappers import Response
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, Optional, Regexp

from ... import settings
from ...access import Permission, me, requires
from ...commands.office import company as commands
from ...commands.office import logos
from ...commands.office.company import Facts
from ...commands.office.settings import turn
from ...db import db
from ...errors import Refusal
from ...hypermedia import see_other
from ...models.company import Company
from ...money import CURRENCIES
from ...navigation import company
from ...queries.invoices import electronic
from ...settings import FACTUR_X
from ..forms import Form
from . import bp

ZONES = available_timezones()


def _text(label: str, most: int, *more: object, needed: bool = True) -> StringField:
    first = DataRequired(f"{label} is missing.") if needed else Optional()
    return StringField(label, [first, Length(max=most), *more], filters=[lambda text: (text or "").strip()])


class CompanyForm(Form):
    name = _text("Name", 200)
    street = _text("Street", 200)
    postcode = _text("Postcode", 20)
    city = _text("City", 100)
    country = _text("Country", 2, Regexp(r"[A-Z]{2}$", message="Two capital letters, such as DE."))
    tax_id = _text("Tax id", 40, needed=False)
    email = _text("Email", 254, Regexp(r"[^@\s]+@[^@\s]+$", message="This is no email address."))
    phone = _text("Phone", 40, needed=False)
    time_zone = _text("Time zone", 60, AnyOf(ZONES, "A name such as Europe/Berlin.", lambda zones: ""))
    currency = _text("Currency", 3, AnyOf(CURRENCIES, "Three letters, such as EUR.", lambda names: ""))
    accent = _text("Accent colour", 7, Regexp(r"#[0-9a-fA-F]{6}$", message="A colour such as #0f6b5c."))
    prices_include_tax = BooleanField("Prices include tax")


class TermsForm(Form):
    body = TextAreaField("Terms and conditions", [InputRequired("Write the terms first."), Length(max=200_000)])


class LogoForm(Form):
    logo = FileField(
        "Logo",
        [FileRequired("Choose a file.")],
        description="SVG or PNG, up to 100 kB. Papers print it on white.",
    )


class ElectronicForm(Form):
    on = BooleanField(FACTUR_X.title, description=FACTUR_X.effect)


@bp.get("/company")
@requires(Permission.SETTINGS_EDIT)
def show_company() -> Response:
    return _page(_company_form(), _terms_form())


@bp.post("/company")
@requires(Permission.SETTINGS_EDIT)
def save_company() -> Response:
    form = CompanyForm()
    if not form.validate():
        return _page(form, _terms_form(), 422)
    facts = {name: value for name, value in form.data.items() if name != "csrf_token"}
    commands.write(Facts(**facts), by=me())
    flash(_("Saved. Documents already made keep what they say."), "ok")
    return see_other(url_for("admin.show_company"))


@bp.post("/company/terms")
@requires(Permission.SETTINGS_EDIT)
def publish_terms() -> Response:
    company_form, form = _company_form(), TermsForm()
    if not form.validate():
        return _page(company_form, form, 422)
    try:
        terms = commands.publish_terms(form.body.data or "", by=me())
    except Refusal as refusal:
        form.body.errors = [refusal.sentence]
        return _page(company_form, form, refusal.status)
    flash(_("Version %(n)s is in force for what is sent from now on.", n=terms.version), "ok")
    return see_other(url_for("admin.show_company"))


@bp.post("/company/logo")
@requires(Permission.SETTINGS_EDIT)
def save_logo() -> Response:
    form = LogoForm()
    if not form.validate():
        return _page(_company_form(), _terms_form(), 422, logo_form=form)
    try:
        logos.write(form.logo.data.read(logos.MOST_BYTES + 1), by=me())
    except Refusal as refusal:
        form.logo.errors = [f"{refusal.sentence} {refusal.help}".strip()]
        return _page(_company_form(), _terms_form(), 422, logo_form=form)
    flash(_("Saved. Documents already made keep what they say."), "ok")
    return see_other(url_for("admin.show_company", _anchor="logo"))


@bp.post("/company/logo/removal")
@requires(Permission.SETTINGS_EDIT)
def take_logo_off() -> Response:
    logos.take_off(by=me())
    flash(_("Pages and new documents show the company's name alone."), "ok")
    return see_other(url_for("admin.show_company", _anchor="logo"))


@bp.post("/company/electronic-invoices")
@requires(Permission.SETTINGS_EDIT)
def turn_electronic_invoices() -> Response:
    form = ElectronicForm()
    try:
        turn(FACTUR_X.key, bool(form.on.data), by=me())
    except Refusal as refusal:
        form.on.errors = [refusal.sentence]
        return _page(_company_form(), _terms_form(), refusal.status, form)
    flash(_("Saved. Documents already made keep what they say."), "ok")
    return see_other(url_for("admin.show_company"))


def _company_form() -> CompanyForm:
    return CompanyForm(formdata=None, obj=db.session.get(Company, 1))


def _terms_form() -> TermsForm:
    terms = commands.terms_in_force()
    return TermsForm(formdata=None, body=terms.body if terms else "")


def _page(
    form: CompanyForm,
    terms_form: TermsForm,
    status: int = 200,
    electronic_form: ElectronicForm | None = None,
    logo_form: LogoForm | None = None,
) -> Response:
    on = bool(settings.get(FACTUR_X))
    page = render_template(
        "admin/company.html",
        form=form,
        terms_form=terms_form,
        logo_form=logo_form or LogoForm(formdata=None),
        logo=company().logo,
        electronic_form=electronic_form or ElectronicForm(formdata=None, on=on),
        electronic_lacks=electronic.company_lacks(company()),
        electronic_on=on,
        terms=commands.terms_in_force(),
        zones=sorted(ZONES),
    )
    return make_response(page, status)
