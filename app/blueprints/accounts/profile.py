"""Writing and editing an account itself."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange

from ...access import Permission, me, requires
from ...commands.office import accounts as commands
from ...commands.office.accounts import Profile
from ...errors import Refusal
from ...hypermedia import see_other
from ...models import Account, TaxStatus
from ...navigation import company
from ...queries import accounts as queries
from ..forms import Form, KeyForm
from ..numbers import id_or_none
from . import bp

TAX = [
    (TaxStatus.STANDARD.value, lazy_gettext("Standard rates")),
    (TaxStatus.EXEMPT.value, lazy_gettext("Exempt from tax")),
    (TaxStatus.REVERSE_CHARGE.value, lazy_gettext("Reverse charge: the customer accounts for the tax")),
]


class ProfileForm(KeyForm):
    name = StringField(lazy_gettext("Name"), [InputRequired(lazy_gettext("Type a name.")), Length(max=200)])
    currency = StringField(
        lazy_gettext("Currency"),
        [InputRequired(lazy_gettext("Type a code such as EUR.")), Length(3, 3, lazy_gettext("Three letters."))],
        filters=[lambda v: v.strip().upper() if v else v],
    )
    payment_terms_days = IntegerField(
        lazy_gettext("Invoices due after days"),
        [
            InputRequired(lazy_gettext("Say how many days.")),
            NumberRange(0, 365, lazy_gettext("Between 0 and 365.")),
        ],
    )
    tax_id = StringField(lazy_gettext("Tax id"), [Length(max=40)])
    ap_email = StringField(
        lazy_gettext("Accounts payable"),
        [Length(max=254)],
        description=lazy_gettext("An email address; Order Email Settings say which mails go there."),
    )
    account_group = StringField(
        lazy_gettext("Group"), [Length(max=40)], description=lazy_gettext("Payment routes may ask for it.")
    )
    tax_status = SelectField(lazy_gettext("Tax"), choices=TAX, coerce=TaxStatus)

    def profile(self) -> Profile:
        return Profile(
            name=(self.name.data or "").strip(),
            currency=self.currency.data or "",
            account_group=" ".join((self.account_group.data or "").split()),
            tax_id=(self.tax_id.data or "").strip(),
            ap_email=(self.ap_email.data or "").strip(),
            tax_status=self.tax_status.data,
            payment_terms_days=self.payment_terms_days.data or 0,
        )


class BillingForm(Form):
    billing_contact_id = SelectField(lazy_gettext("Invoices go to"), coerce=id_or_none)
    billing_address_id = SelectField(lazy_gettext("Billing address"), coerce=id_or_none)
    shipping_address_id = SelectField(lazy_gettext("Shipping address"), coerce=id_or_none)

    def offer(self, account: Account) -> None:
        self.billing_contact_id.choices = [("", _("Nobody")), *((c.id, c.name) for c in account.contacts)]
        places = [("", _("None")), *((a.id, ", ".join(a.lines)) for a in account.addresses)]
        self.billing_address_id.choices = self.shipping_address_id.choices = places


@bp.get("/new")
@requires(Permission.ACCOUNT_EDIT)
def new() -> Response:
    seller = company()
    start = {"currency": seller.currency, "payment_terms_days": 14}
    return _page(ProfileForm(formdata=None, data=start), None)


@bp.post("/new")
@requires(Permission.ACCOUNT_EDIT)
def create() -> Response:
    form = ProfileForm()
    if not form.validate():
        return _page(form, None, 422)
    try:
        account = commands.create(form.profile(), form_key=form.key, by=me())
    except Refusal as refusal:
        form.form_errors.append(refusal.sentence)
        return _page(form, None, refusal.status)
    flash(_("Account %(number)s stands; add a contact and an address", number=account.number), "ok")
    return see_other(url_for("accounts.show", number=account.number))


@bp.get("/<number>/edit")
@requires(Permission.ACCOUNT_EDIT)
def edit(number: str) -> Response:
    account = queries.entity(number)
    data = {name: getattr(account, name) for name in Profile.__struct_fields__}
    return _page(ProfileForm(formdata=None, data=data), account)


@bp.post("/<number>/edit")
@requires(Permission.ACCOUNT_EDIT)
def save(number: str) -> Response:
    account = queries.entity(number)
    form = ProfileForm()
    if not form.validate():
        return _page(form, account, 422)
    try:
        commands.edit(account.id, form.profile(), by=me())
    except Refusal as refusal:
        form.form_errors.append(refusal.sentence)
        return _page(form, queries.entity(number), refusal.status)
    return _back(number, _("Saved"))


@bp.get("/<number>/billing")
@requires(Permission.ACCOUNT_EDIT)
def billing(number: str) -> Response:
    account = queries.entity(number)
    form = BillingForm(formdata=None, obj=account)
    form.offer(account)
    return _billing(form, account)


@bp.post("/<number>/billing")
@requires(Permission.ACCOUNT_EDIT)
def save_billing(number: str) -> Response:
    account = queries.entity(number)
    form = BillingForm()
    form.offer(account)
    if not form.validate():
        return _billing(form, account, 422)
    chosen: dict[str, Any] = {name: form[name].data for name in BillingForm.__dict__ if name.endswith("_id")}
    commands.choose(account.id, **chosen, by=me())
    return _back(number, _("Saved"))


def _page(form: ProfileForm, account: Account | None, status: int = 200) -> Response:
    here = url_for("accounts.edit", number=account.number) if account else url_for("accounts.new")
    back = url_for("accounts.show", number=account.number) if account else url_for("accounts.index")
    context = {"form": form, "account": account, "here": here, "back": back, "groups": queries.groups()}
    body = render_template("accounts/profile.html", **context)
    return make_response(body, status)


def _billing(form: BillingForm, account: Account, status: int = 200) -> Response:
    return make_response(render_template("accounts/billing.html", form=form, account=account), status)


def _back(number: str, words: str) -> Response:
    flash(words, "ok")
    return see_other(url_for("accounts.show", number=number))
