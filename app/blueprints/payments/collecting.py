"""Charging a card by staff: the first payment from the order, or what is open on any payment order."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, flash, make_response, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ... import security
from ...access import Permission, me, requires
from ...commands.payments import collection as commands
from ...commands.payments.charges import Instrument
from ...db import get
from ...errors import Refusal
from ...formatting import money
from ...forms import mint_form_key
from ...models import Attempt, PaymentOrder, SalesOrder
from ...money import Money
from ...queries.orders.facts import load as load_order
from ...queries.payments import collecting
from ...queries.payments.collecting import CollectView
from ...queries.payments.facts import load
from ...states.attempt import AttemptStatus
from ...values import Value
from . import answers, bp
from .forms import NEW_CARD, CollectForm

Charge = Callable[[Instrument, str, Money], Attempt]


class Place(Value):
    """A collection at its address. `blocks` keep it from being charged; `charge` takes a card, a form key
    and the amount that was seen."""

    view: CollectView
    blocks: list[Refusal]
    action: str
    home: str
    charge: Charge


@bp.get("/orders/<number>/collect")
@requires(Permission.PAYMENT_COLLECT)
def collect(number: str) -> Response:
    return _page(_first(number))


@bp.post("/orders/<number>/collect")
@requires(Permission.PAYMENT_COLLECT)
def collect_now(number: str) -> ResponseReturnValue:
    return _charge(lambda: _first(number))


@bp.get("/payments/<number>/collect")
@requires(Permission.PAYMENT_COLLECT)
def collect_order(number: str) -> Response:
    return _page(_of(number))


@bp.post("/payments/<number>/collect")
@requires(Permission.PAYMENT_COLLECT)
def collect_order_now(number: str) -> ResponseReturnValue:
    return _charge(lambda: _of(number))


def _first(number: str) -> Place:
    """The first payment of an order; its payment order is made when it is charged."""
    order = load_order(number, me())
    order_id = order.row.id

    def charge(card: Instrument, key: str, seen: Money) -> Attempt:
        return commands.collect_first(order_id, pay_with=card, form_key=key, by=me(), seen=seen)

    return Place(
        view=collecting.of_first(order),
        blocks=commands.first_blocks(get(SalesOrder, order_id)),
        action=url_for("payments.collect_now", number=number),
        home=answers.order_page(number),
        charge=charge,
    )


def _of(number: str) -> Place:
    collection = load(number, me())
    payment_order_id = collection.row.id

    def charge(card: Instrument, key: str, seen: Money) -> Attempt:
        return commands.collect(payment_order_id, pay_with=card, form_key=key, by=me(), seen=seen)

    return Place(
        view=collecting.of(collection),
        blocks=commands.blocks(get(PaymentOrder, payment_order_id)),
        action=url_for("payments.collect_order_now", number=number, next=answers.back("") or None),
        home=answers.back(answers.home(collection)),
        charge=charge,
    )


def _charge(here: Callable[[], Place]) -> ResponseReturnValue:
    """One press, one charge: the form's key answers a second press with the first one's attempt."""
    place, form = here(), CollectForm()
    form.offer(_choices(place.view))
    if not form.validate():
        return _page(place, form, status=422)
    try:
        seen = Money(form.amount.data or 0, place.view.amount.currency)
        attempt = place.charge(_instrument(place.view, form), form.key, seen)
    except Refusal as refusal:
        return _page(here(), refusal=refusal, status=refusal.status)
    return _outcome(place, here, attempt)


def _instrument(view: CollectView, form: CollectForm) -> Instrument:
    if form.takes_new_card:
        label, keeps = form.card_label.data or _("a new card"), bool(form.save.data)
        words = collecting.consent(view, form.agreed.data, card=label, keeps=keeps)
        return Instrument(alias=form.instrument.data, label=form.card_label.data or "", save=keeps, consent_text=words)
    card = next(c for c in view.usable if str(c.id) == form.pay_with.data)
    words = collecting.consent(view, form.agreed.data, card=card.label, keeps=False)
    return Instrument(method_id=card.id, consent_text=words)


def _outcome(place: Place, here: Callable[[], Place], attempt: Attempt) -> ResponseReturnValue:
    """Paid or unclear: back to the order, which tells. Asked by the bank: to the question. Declined: once more here."""
    number, amount = attempt.payment_order.number, money(attempt.money)
    if attempt.status in (AttemptStatus.DECLINED, AttemptStatus.FAILED, AttemptStatus.CANCELLED):
        return _page(here(), status=422)
    if attempt.status is AttemptStatus.REQUIRES_ACTION:
        session["checkout"] = [attempt.public_id, "staff", number, 0]
        return redirect(url_for("payments.collect_order", number=number), 303)
    if attempt.status is AttemptStatus.SUCCEEDED:
        flash(_("%(amount)s collected from %(card)s", amount=amount, card=attempt.card_label), "ok")
    else:
        flash(_("%(amount)s is being confirmed; it is not charged twice.", amount=amount), "info")
    return redirect(place.home, 303)


def _choices(view: CollectView) -> list[tuple[str, str]]:
    return [(str(card.id), card.label) for card in view.usable]


def _page(
    place: Place, form: CollectForm | None = None, *, refusal: Refusal | None = None, status: int = 200
) -> Response:
    """With a fresh form key, so that after a decline the next press is a try of its own, and with what is due now."""
    view = place.view
    if form is None:
        form = CollectForm(formdata=None, data={"pay_with": _suggested(view)})
        form.offer(_choices(view))
    form.form_key.data = mint_form_key()
    form.amount.data, form.amount.raw_data = view.amount.minor, None
    security.widen(view.new_card.sources)
    html = render_template("payments/collect.html", place=place, view=view, form=form, refusal=refusal)
    return make_response(html, status)


def _suggested(view: CollectView) -> str:
    """The default card, else the newest on file; after a decline another one than was declined."""
    left = [card for card in view.usable if card.label != view.failed_card]
    if not left:
        return NEW_CARD
    return str(next((card for card in left if card.is_default), left[0]).id)
