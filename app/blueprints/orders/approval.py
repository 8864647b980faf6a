"""Sending an order to its customer for approval, and reminding them."""

from __future__ import annotations

from flask import Response, make_response, render_template
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import IntegerField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import HiddenInput

from ...access import Permission, me, requires
from ...commands.orders import approvals
from ...errors import Refusal, StaleVersion
from ...queries.orders import editing, preflight, summary
from ...queries.orders.facts import Facts
from ..forms import KeyForm
from ..numbers import id_or_none
from . import bp, regions


class SubmitForm(KeyForm):
    contact_id = SelectField(_("Send to"), [InputRequired(_("Choose whom to send it to."))], coerce=id_or_none)
    message = TextAreaField(_("Message"), [Length(max=2000)], description=_("Stands in the mail, above the link."))
    edition = IntegerField(widget=HiddenInput())


@bp.get("/<number>/approval/new")
@requires(Permission.ORDER_SUBMIT)
def submit_form(number: str) -> Response:
    """The preflight: who gets it, what they are asked to pay, how long the link lives, what stands in the way."""
    facts = regions.load_order(number)
    values = {"contact_id": facts.row.contact_id, "edition": facts.row.edition}
    return _preflight(facts, SubmitForm(formdata=None, data=values))


@bp.post("/<number>/approval")
@requires(Permission.ORDER_SUBMIT)
def submit(number: str) -> Response:
    facts, form = regions.load_order(number), SubmitForm()
    form.contact_id.choices = editing.contacts(facts.row.account_id)
    if not form.validate():
        return _preflight(facts, form, status=422)
    try:
        approvals.submit(
            facts.row.id,
            contact_id=form.contact_id.data,
            message=form.message.data or "",
            edition=form.edition.data or 0,
            form_key=form.key,
            by=me(),
        )
    except StaleVersion as stale:
        return _stale(number, form, stale)
    except Refusal as refusal:
        return _preflight(regions.load_order(number), form, refusal, refusal.status)
    return regions.changed(number, *regions.LIFE, toast=gettext("Sent for approval"))


def _stale(number: str, form: SubmitForm, stale: StaleVersion) -> Response:
    """The preflight of the order as it is now, which sending again then means; the page behind it follows."""
    facts = regions.load_order(number)
    form.edition.data, form.edition.raw_data = facts.row.edition, None
    return regions.beside(_preflight(facts, form, stale, stale.status), facts, *regions.LIFE)


def _preflight(facts: Facts, form: SubmitForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    form.contact_id.choices = editing.contacts(facts.row.account_id)
    page = render_template(
        "orders/actions/submit.html",
        order=summary.ref(facts),
        preflight=preflight.of_approval(facts),
        form=form,
        refusal=refusal,
    )
    return make_response(page, status)


@bp.get("/<number>/approval/reminder")
@requires(Permission.MAIL_RESEND)
def remind_form(number: str) -> Response:
    facts = regions.load_order(number)
    return _reminder(facts, KeyForm(formdata=None))


@bp.post("/<number>/approval/reminder")
@requires(Permission.MAIL_RESEND)
def remind(number: str) -> Response:
    facts, form = regions.load_order(number), KeyForm()
    try:
        if facts.row.approval_id is None:
            raise Refusal("not_waiting", "The customer holds no approval link.")
        approvals.remind(facts.row.approval_id, form_key=form.key, by=me())
    except Refusal as refusal:
        return _reminder(regions.load_order(number), form, refusal)
    return regions.changed(number, "next", "timeline", toast=gettext("Reminder sent"))


def _reminder(facts: Facts, form: KeyForm, refusal: Refusal | None = None) -> Response:
    head = summary.ref(facts)
    page = render_template(
        "orders/actions/confirm.html",
        order=head,
        form=form,
        title=gettext("Send %(number)s to the customer again", number=head.number),
        consequence=gettext(
            "The same link goes to %(to)s once more. What they signed or paid stays.", to=facts.row.sent_to
        ),
        submit=gettext("Send reminder"),
        action=f"{head.url}/approval/reminder",
        refusal=refusal,
    )
    return make_response(page, refusal.status if refusal else 200)
