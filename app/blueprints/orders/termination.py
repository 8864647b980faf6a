"""Terminating an active order: the page works out what it comes to, and does exactly what it showed."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from flask import Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import HiddenField, TextAreaField
from wtforms.validators import DataRequired, Length

from ...access import Permission, me, requires
from ...commands.orders import terminating, termination
from ...commands.orders.delivered import Supplied
from ...commands.orders.termination import Termination
from ...db import get
from ...errors import Refusal
from ...formatting import money
from ...hypermedia import see_other
from ...models import SalesOrder
from ...values import Value
from ..forms import KeyForm
from ..numbers import number as typed_number
from ..numbers import plain
from . import bp, regions

PLACES = 3


class TerminationForm(KeyForm):
    """`seen` is the seal of what the page showed."""

    reason = TextAreaField(
        _("Reason"),
        [DataRequired(_("Say why.")), Length(max=500)],
        description=_("It stays with the order's history. The customer does not read it."),
    )
    seen = HiddenField()


class Typed(Value):
    """What stands in the fields of delivered quantities, by the line's id; what can be counted of it, and what cannot
    with the words beside its field."""

    texts: dict[int, str] = msgspec.field(default_factory=dict)
    numbers: dict[int, Decimal] = msgspec.field(default_factory=dict)
    wrong: dict[int, str] = msgspec.field(default_factory=dict)


@bp.get("/<number>/termination")
@requires(Permission.ORDER_TERMINATE)
def terminate_form(number: str) -> Response:
    return _page(number, TerminationForm(formdata=None), Typed())


@bp.post("/<number>/termination")
@requires(Permission.ORDER_TERMINATE)
def terminate(number: str) -> Response:
    """With `look` it is only worked out anew for the quantities that were typed."""
    order_id, form = regions.load_order(number).row.id, TerminationForm()
    typed = _typed(termination.foresee(order_id, {}).lines)
    if "look" in request.form:
        return _page(number, form, typed, status=422 if typed.wrong else 200)
    if not form.validate() or typed.wrong:
        return _page(number, form, typed, status=422)
    asked = {"seen": form.seen.data or "", "because": form.reason.data or "", "form_key": form.key}
    try:
        terminating.terminate(order_id, delivered=typed.numbers, by=me(), **asked)
    except Refusal as refusal:
        return _page(number, form, typed, refusal, refusal.status)
    flash(gettext("Order %(number)s is terminated.", number=number), "ok")
    return see_other(url_for("orders.show", number=number))


def _typed(lines: tuple[Supplied, ...]) -> Typed:
    found = Typed()
    for line in lines:
        text = request.form.get(f"delivered-{line.line_id}", "").strip()[:40]
        if line.days is not None or not text:
            continue
        found.texts[line.line_id] = text
        try:
            found.numbers[line.line_id] = _quantity(text, line)
        except ValueError as error:
            found.wrong[line.line_id] = str(error)
    return found


def _quantity(text: str, line: Supplied) -> Decimal:
    """Raises ValueError, in words for whoever typed it."""
    quantity = typed_number(text)
    least = line.recorded if line.ships else Decimal(0)
    if not least <= quantity <= line.quantity:
        raise ValueError(gettext("Between %(least)s and %(most)s.", least=plain(least), most=plain(line.quantity)))
    if -int(quantity.normalize().as_tuple().exponent) > PLACES:
        raise ValueError(gettext("At most %(places)s decimals.", places=PLACES))
    return quantity


def _page(
    number: str, form: TerminationForm, typed: Typed, refusal: Refusal | None = None, status: int = 200
) -> Response:
    facts = regions.load_order(number)
    plan: Termination = termination.foresee(facts.row.id, typed.numbers)
    form.seen.data = plan.seal
    found = terminating.blocks(get(SalesOrder, facts.row.id))
    page = render_template(
        "orders/terminate.html",
        number=number,
        customer=facts.row.account_name,
        form=form,
        typed=typed,
        prefilled={line.line_id: plain(line.delivered) for line in plan.lines},
        plan=plan,
        refusal=None if found else refusal,
        refusals=found,
        credited=money(plan.credited),
    )
    return make_response(page, status)
