"""Editing contact, addresses and tags in place: after the draft, too, without voiding the approval."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_babel import lazy_gettext as _
from wtforms import SelectField, StringField
from wtforms.validators import Length

from ...access import Permission, me, requires
from ...commands.orders import order_edits
from ...db import transaction
from ...errors import Refusal
from ...queries.orders import editing
from ...queries.orders.facts import Facts
from ..forms import Form
from ..numbers import id_or_none
from . import bp, regions


class DetailsForm(Form):
    contact_id = SelectField(_("Contact"), coerce=id_or_none, choices=[])
    billing_address_id = SelectField(_("Billing address"), coerce=id_or_none, choices=[])
    shipping_address_id = SelectField(_("Shipping address"), coerce=id_or_none, choices=[])
    tags = StringField(_("Tags"), [Length(max=500)], description=_("Separated by commas."))


@bp.get("/<number>/summary/edit")
@requires(Permission.ORDER_EDIT)
def edit_details(number: str) -> Response:
    facts = regions.load_order(number)
    row = facts.row
    values = {
        "contact_id": row.contact_id,
        "billing_address_id": row.billing_id,
        "shipping_address_id": row.shipping_id,
        "tags": ", ".join(row.tags),
    }
    return _answer(facts, DetailsForm(formdata=None, data=values))


@bp.post("/<number>/summary")
@requires(Permission.ORDER_EDIT)
def save_details(number: str) -> Response:
    facts = regions.load_order(number)
    form = DetailsForm()
    _offer(facts, form)
    if not form.validate():
        return _answer(facts, form, 422)
    try:
        _save(facts, form)
    except Refusal as refusal:
        form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
        return _answer(regions.load_order(number), form, refusal.status)
    return regions.changed(number, "summary", "head", "next", "shipping", "timeline", "links", toast="Summary saved")


def _save(facts: Facts, form: DetailsForm) -> None:
    """All of it or none."""
    order_id, row = facts.row.id, facts.row
    shipping = form.shipping_address_id.data if "shipping_address_id" in form else row.shipping_id
    with transaction():
        if form.contact_id.data is not None:
            order_edits.change_contact(order_id, form.contact_id.data, by=me())
        order_edits.change_addresses(order_id, billing_id=form.billing_address_id.data, shipping_id=shipping, by=me())
        order_edits.set_tags(order_id, (form.tags.data or "").split(","), by=me())


def _offer(facts: Facts, form: DetailsForm) -> None:
    """The account's own contacts and addresses; a packed order keeps its shipping address."""
    none: editing.Choice = ("", str(_("None")))
    places = editing.addresses(facts.row.account_id)
    form.contact_id.choices = [
        *([none] if facts.row.contact_id is None else []),
        *editing.contacts(facts.row.account_id),
    ]
    form.billing_address_id.choices = [none, *places]
    if any(line.packed for line in facts.lines):
        if "shipping_address_id" in form:
            del form.shipping_address_id
    else:
        form.shipping_address_id.choices = [none, *places]


def _answer(facts: Facts, form: DetailsForm, status: int = 200, **more: Any) -> Response:
    _offer(facts, form)
    return regions.panel(facts, "summary", status=status, editing="details", form=form, **more)
