"""A period that failed is charged once more by hand, or its customer is sent the link to pay it."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.payments import collection, payment_links
from ...commands.payments.claims import Instrument
from ...errors import Refusal
from ...queries.agreements import page
from ...queries.agreements.views import AgreementPage
from ...states.attempt import AttemptStatus
from ..forms import KeyForm
from . import answers, bp


@bp.get("/<number>/periods/<int:period>/charge")
@requires(Permission.PAYMENT_COLLECT)
def charge_again_form(number: str, period: int) -> Response:
    return _charge(page.view(number, me()), period, KeyForm(formdata=None))


@bp.post("/<number>/periods/<int:period>/charge")
@requires(Permission.PAYMENT_COLLECT)
def charge_again(number: str, period: int) -> Response:
    view, form = page.view(number, me()), KeyForm()
    payment_order_id = page.failed(view.id, period)
    try:
        attempt = collection.collect(
            payment_order_id, pay_with=Instrument(method_id=view.method_id), form_key=form.key, by=me()
        )
    except Refusal as refusal:
        return _charge(view, period, form, refusal)
    paid = attempt.status is AttemptStatus.SUCCEEDED
    return answers.done(number, _("Paid") if paid else _("Not paid; the period says why"), "ok" if paid else "warn")


def _charge(view: AgreementPage, period: int, form: KeyForm, refusal: Refusal | None = None) -> Response:
    page.failed(view.id, period)
    title = _("Charge period %(period)s of %(number)s again", period=period, number=view.number)
    lead = _("%(card)s is charged now. The customer is not asked again.", card=view.collected)
    return answers.form(view.number, form, title, _("Charge"), lead=lead, refusal=refusal)


@bp.get("/<number>/periods/<int:period>/link")
@requires(Permission.PAYMENT_LINK_SEND)
def send_link_form(number: str, period: int) -> Response:
    return _link(page.view(number, me()), period, KeyForm(formdata=None))


@bp.post("/<number>/periods/<int:period>/link")
@requires(Permission.PAYMENT_LINK_SEND)
def send_link(number: str, period: int) -> Response:
    view, form = page.view(number, me()), KeyForm()
    payment_order_id = page.failed(view.id, period)
    try:
        payment_links.send(payment_order_id, form_key=form.key, by=me())
    except Refusal as refusal:
        return _link(view, period, form, refusal)
    return answers.done(number, _("The payment link is on its way"))


def _link(view: AgreementPage, period: int, form: KeyForm, refusal: Refusal | None = None) -> Response:
    lead = page.gets_link(page.failed(view.id, period))
    title = _("Send the link to pay period %(period)s of %(number)s", period=period, number=view.number)
    return answers.form(view.number, form, title, _("Send payment link"), lead=lead, refusal=refusal)
