"""Sending an order to its customer for approval, and reminding them."""

from __future__ import annotations

from flask import Response, make_response, render_template
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...access import Permission, me, requires
from ...commands import approvals
from ...errors import Refusal
from ...forms import mint_form_key
from ...queries.orders import editing, preflight, summary
from ...queries.orders.facts import Facts
from ..numbers import id_or_none
from . import bp, regions


class SubmitForm(FlaskForm):
    contact_id = SelectField(_("Send to"), [InputRequired(_("Choose whom to send it to."))], coerce=id_or_none)
    message = TextAreaField(_("Message"), [Length(max=2000)], description=_("Stands in the mail, above the link."))
    form_key = HiddenField()


class RemindForm(FlaskForm):
    form_key = HiddenField()


@bp.get("/<number>/approval/new")
@requires(Permission.ORDER_SUBMIT)
def submit_form(number: str) -> Response:
    """The preflight: who gets it, what they are asked to pay, how long the link lives, what stands in the way."""
    facts = regions.load_order(number)
    values = {"contact_id": facts.row.contact_id, "form_key": mint_form_key()}
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
            form_key=form.form_key.data or mint_form_key(),
            by=me(),
        )
    except Refusal as refusal:
        return _preflight(regions.load_order(number), form, refusal, refusal.status)
    return regions.changed(number, *regions.LIFE, toast=gettext("Sent for approval"))


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
    return _reminder(facts, RemindForm(formdata=None, data={"form_key": mint_form_key()}))


@bp.post("/<number>/approval/reminder")
@requires(Permission.MAIL_RESEND)
def remind(number: str) -> Response:
    facts, form = regions.load_order(number), RemindForm()
    try:
        if facts.row.approval_id is None:
            raise Refusal("not_waiting", "The customer holds no approval link.")
        approvals.remind(facts.row.approval_id, form_key=form.form_key.data or mint_form_key(), by=me())
    except Refusal as refusal:
        return _reminder(regions.load_order(number), form, refusal)
    return regions.changed(number, "next", "timeline", toast=gettext("Reminder sent"))


def _reminder(facts: Facts, form: RemindForm, refusal: Refusal | None = None) -> Response:
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
