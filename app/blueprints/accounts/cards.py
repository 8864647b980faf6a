"""Cards of an account: which can be charged by which route, asking for one, taking one off file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import HiddenField, SelectField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from ...access import Permission, me, requires
from ...commands.methods import method_requests, methods
from ...errors import Refusal
from ...forms import mint_form_key
from ...hypermedia import see_other
from ...models import Account, Contact
from ...queries import accounts, card_requests
from ...queries import methods as queries
from ...queries.routes import RouteRow
from ...security import MAIL_PREVIEW
from ..forms import Form
from . import bp


class ReasonForm(Form):
    reason = TextAreaField(
        lazy_gettext("Reason"),
        [DataRequired(lazy_gettext("Say why.")), Length(max=500)],
        description=lazy_gettext("It stays with the account's history."),
    )


class CardRequestForm(Form):
    form_key = HiddenField(validators=[InputRequired()])
    contact = SelectField(lazy_gettext("Whom to ask"), coerce=int)
    route = SelectField(lazy_gettext("Usable on"), coerce=int)


@bp.get("/<number>/coverage")
@requires(Permission.METHOD_VIEW)
def coverage(number: str) -> Response:
    return _matrix(accounts.entity(number))


def _matrix(account: Account, refusal: Refusal | None = None) -> Response:
    page = render_template("accounts/coverage.html", matrix=queries.matrix(account), account=account, refusal=refusal)
    return make_response(page, refusal.status if refusal else 200)


@bp.post("/<number>/cards/<int:method_id>/default")
@requires(Permission.METHOD_ADD)
def make_default(number: str, method_id: int) -> Response:
    account = accounts.entity(number)
    method_id = queries.identify(account, method_id)
    return _do(account, lambda: methods.make_default(method_id, by=me()), _("This card is the default now"))


@bp.post("/<number>/cards/<int:method_id>/escalation")
@requires(Permission.METHOD_VIEW)
def escalate(number: str, method_id: int) -> Response:
    account, route_id = accounts.entity(number), request.form.get("route", type=int) or 0
    method_id = queries.identify(account, method_id)
    words = _("The payment admins have it")
    return _do(account, lambda: methods.escalate(method_id, route_id, by=me()), words)


def _do(account: Account, act: Callable[[], Any], done: str) -> Response:
    try:
        act()
    except Refusal as refusal:
        return _matrix(account, refusal)
    flash(done, "ok")
    return see_other(url_for("accounts.coverage", number=account.number))


@bp.get("/<number>/cards/<int:method_id>/detachment")
@requires(Permission.METHOD_DETACH)
def detach_form(number: str, method_id: int) -> Response:
    account = accounts.entity(number)
    queries.identify(account, method_id)
    return _detach_dialog(account, ReasonForm(formdata=None))


@bp.post("/<number>/cards/<int:method_id>/detachment")
@requires(Permission.METHOD_DETACH)
def detach(number: str, method_id: int) -> Response:
    account, form = accounts.entity(number), ReasonForm()
    method_id = queries.identify(account, method_id)
    act = lambda: methods.detach(method_id, because=form.reason.data or "", by=me())  # noqa: E731
    return _save(account, form, act, _("Off file; the gateways are told to forget it"), _detach_dialog)


def _detach_dialog(account: Account, form: Form, status: int = 200) -> Response:
    lead = _("It is never charged again, here or by its gateway. To use it later its holder must enter it anew.")
    charged = queries.agreements_on((request.view_args or {})["method_id"])
    if charged:
        names = ", ".join(charged)
        lead += " " + _(
            "It is the card of %(numbers)s: what falls due there fails until another one is given.", numbers=names
        )
    return _dialog(
        account,
        form,
        status,
        title=_("Take the card off file"),
        lead=lead,
        button_words=_("Take off file"),
    )


@bp.get("/<number>/card-requests/<int:request_id>/revocation")
@requires(Permission.METHOD_ADD)
def revoke_form(number: str, request_id: int) -> Response:
    account = accounts.entity(number)
    queries.request_of(account, request_id)
    return _revoke_dialog(account, ReasonForm(formdata=None))


@bp.post("/<number>/card-requests/<int:request_id>/revocation")
@requires(Permission.METHOD_ADD)
def revoke(number: str, request_id: int) -> Response:
    account, form = accounts.entity(number), ReasonForm()
    request_id = queries.request_of(account, request_id)
    act = lambda: method_requests.revoke(request_id, because=form.reason.data or "", by=me())  # noqa: E731
    return _save(account, form, act, _("The link is withdrawn"), _revoke_dialog)


def _revoke_dialog(account: Account, form: Form, status: int = 200) -> Response:
    lead = _("Whoever opens it reads that it was withdrawn. It cannot be undone.")
    words = {"title": _("Withdraw the link"), "lead": lead, "button_words": _("Withdraw the link")}
    return _dialog(account, form, status, **words)


def _dialog(account: Account, form: Form, status: int, **words: str) -> Response:
    page = render_template("accounts/party.html", account=account, form=form, danger=True, **words)
    return make_response(page, status)


def _save(
    account: Account,
    form: Form,
    act: Callable[[], Any],
    done: str,
    again: Callable[[Account, Form, int], Response],
) -> Response:
    if not form.validate():
        return again(account, form, 422)
    try:
        act()
    except Refusal as refusal:
        form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
        return again(account, form, refusal.status)
    flash(done, "ok")
    return see_other(url_for("accounts.coverage", number=account.number))


@bp.get("/<number>/card-requests/new")
@requires(Permission.METHOD_ADD)
def ask_for_card(number: str) -> Response:
    """`?contact=` and `?route=` choose whom to ask, and where the card is to be usable."""
    account = accounts.entity(number)
    return _preflight(account, _offered(account, CardRequestForm(formdata=None)))


@bp.post("/<number>/card-requests/new")
@requires(Permission.METHOD_ADD)
def send_card_request(number: str) -> Response:
    account = accounts.entity(number)
    form = _offered(account, CardRequestForm())
    if not form.validate():
        return _preflight(account, form, status=422)
    contact_id, route_id, key = form.contact.data, form.route.data, form.form_key.data or ""
    try:
        mail = method_requests.send(account.id, contact_id, route_id, form_key=key, by=me())
    except Refusal as refusal:
        return _preflight(account, form, refusal, refusal.status)
    flash(_("On its way to %(to)s", to=", ".join(r["address"] for r in mail.recipients)), "ok")
    return see_other(url_for("accounts.coverage", number=number))


@bp.get("/<number>/card-requests/mail")
@requires(Permission.METHOD_ADD)
def card_request_mail(number: str) -> Response:
    """The mail as it would be, for the frame on the page before it is sent."""
    account = accounts.entity(number)
    form = _offered(account, CardRequestForm(formdata=None))
    contact = _contact(account, form)
    bodies = card_requests.preview(account, contact, _usable(account, contact, form)) if contact else None
    if bodies is None:
        abort(404)
    response = make_response(bodies.html)
    response.headers["Content-Security-Policy"] = MAIL_PREVIEW
    return response


def _offered(account: Account, form: CardRequestForm) -> CardRequestForm:
    form.contact.choices = [(c.id, f"{c.name}, {c.email}") for c in account.contacts]
    form.route.choices = [(r.id, f"{r.name}, {r.gateway.name}") for r in queries.routes_for(account)]
    for field, asked, default in (
        (form.contact, request.args.get("contact", type=int), account.billing_contact_id),
        (form.route, request.args.get("route", type=int), None),
    ):
        offered = [value for value, _label in field.choices]
        if field.data not in offered:
            field.data = next((value for value in (asked, default, *offered) if value in offered), None)
    return form


def _contact(account: Account, form: CardRequestForm) -> Contact | None:
    return next((c for c in account.contacts if c.id == form.contact.data), None)


def _route(account: Account, form: CardRequestForm) -> RouteRow | None:
    return next((r for r in queries.routes_for(account) if r.id == form.route.data), None)


def _usable(account: Account, contact: Contact, form: CardRequestForm) -> Any:
    return method_requests.usable(account.id, contact.id, form.route.data)


def _preflight(account: Account, form: CardRequestForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    contact, route = _contact(account, form), _route(account, form)
    view = None
    if contact is not None:
        view = card_requests.view(
            account,
            contact,
            route,
            usable=_usable(account, contact, form),
            live=method_requests.live(account.id, contact.id),
            refusals=method_requests.blocks(account, contact, route),
        )
    form.form_key.data = mint_form_key()
    page = render_template("accounts/ask_for_card.html", account=account, form=form, preflight=view, refusal=refusal)
    return make_response(page, status)
