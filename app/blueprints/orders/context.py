"""Linking a missing quote or opportunity in place, from the summary panel."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import SelectField

from ...access import Permission, me, requires
from ...commands.orders import order_context
from ...db import transaction
from ...errors import Refusal
from ...queries.orders import linking
from ...queries.orders.facts import Facts
from ..forms import Form
from ..numbers import id_or_none
from . import bp, regions


class ContextForm(Form):
    quote_id = SelectField(_("Quote"), coerce=id_or_none, description=_("Approved, in force and not an order yet."))
    opportunity_id = SelectField(_("Opportunity"), coerce=id_or_none, description=_("A quote brings its own along."))


@bp.get("/<number>/context/edit")
@requires(Permission.ORDER_EDIT)
def edit_context(number: str) -> Response:
    return _answer(regions.load_order(number), ContextForm(formdata=None))


@bp.post("/<number>/context")
@requires(Permission.ORDER_EDIT)
def save_context(number: str) -> Response:
    facts, form = regions.load_order(number), ContextForm()
    _offer(facts, form)
    if not form.validate():
        return _answer(facts, form, 422)
    chosen = [field.data for field in (form.quote_id, form.opportunity_id) if field is not None]
    if not any(chosen):
        form.form_errors.append(gettext("Choose what to link."))
        return _answer(facts, form, 422)
    try:
        _link(facts, form)
    except Refusal as refusal:
        form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
        return _answer(regions.load_order(number), form, refusal.status)
    return regions.changed(number, "summary", "head", "next", "timeline", "links", toast=gettext("Linked"))


def _link(facts: Facts, form: ContextForm) -> None:
    """All of it or none. The quote first: it is held before its order everywhere."""
    with transaction():
        if form.quote_id is not None and form.quote_id.data is not None:
            order_context.link_quote(facts.row.id, form.quote_id.data, by=me())
        if form.opportunity_id is not None and form.opportunity_id.data is not None:
            order_context.link_opportunity(facts.row.id, form.opportunity_id.data, by=me())


def _offer(facts: Facts, form: ContextForm) -> None:
    """Only what is missing is asked for."""
    nothing = ("", gettext("None"))
    if "quote" not in facts.missing_links:
        if form.quote_id is not None:
            del form.quote_id
    else:
        form.quote_id.choices = [nothing, *linking.quotes(facts.row.account_id, facts.row.currency)]
    if "opportunity" not in facts.missing_links:
        if form.opportunity_id is not None:
            del form.opportunity_id
    else:
        form.opportunity_id.choices = [nothing, *linking.opportunities(facts.row.account_id)]


def _answer(facts: Facts, form: ContextForm, status: int = 200) -> Response:
    _offer(facts, form)
    return regions.panel(facts, "summary", status=status, editing="context", form=form)
