"""Taking a card at a checkout: the same for the approval's payment step and for a payment link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, make_response, redirect, render_template, session
from flask.typing import ResponseReturnValue

from ... import security
from ...commands.payments import challenge, charges
from ...commands.payments.charges import Instrument
from ...errors import Refusal
from ...forms import mint_form_key
from ...hypermedia import see_other, wants_fragment
from ...models import Actor, Attempt
from ...models.frozen import FrozenOrder
from ...queries import card_fields
from ...queries.public.checkout import Checkout, State
from ...queries.public.words import consent_to_card
from ...states.attempt import AttemptStatus
from ...values import Value
from .. import bank
from .forms import PayForm
from .link import Link

TAKES_CARDS = frozenset({State.PAY, State.ACTION})

# What the page behind the link shows better than a message could.
TOLD_BY_THE_PAGE = frozenset({"payment_in_progress", "paid", "link_dead", "link_expired", "payment_switched_off"})


class Till(Value):
    """A checkout at its place. `home` is the page that always tells how it stands; `intent` gives the checkout to
    charge, renewed where that is allowed. `order` is set at the end of an approval's own page, `terms` wherever
    something signed is paid, also by somebody else."""

    link: Link
    home: str
    post_to: str
    checkout: Checkout
    intent: Callable[[], int]
    seller: str
    payer: str = ""
    payer_email: str = ""
    order: FrozenOrder | None = None
    terms: FrozenOrder | None = None

    @property
    def bank(self) -> str:
        """By way of which the bank's question is reached."""
        return self.link.url("bank")

    @property
    def must_save(self) -> bool:
        """Recurring lines need a card on file; that was part of what was signed."""
        return self.terms is not None and bool(self.terms.recurring)

    @property
    def consent(self) -> str:
        return consent_to_card(self.terms, self.seller)


def new_form(till: Till) -> PayForm:
    known = {"name": till.payer, "receipt_email": till.payer_email, "edition": till.checkout.edition}
    return PayForm(formdata=None, data=known | {"form_key": mint_form_key()})


def show(till: Till, form: PayForm | None = None, *, status: int = 200, **context: Any) -> Response:
    """The page of a checkout that waits for its payer, or for the gateway."""
    facts = {"refusal": None, "stale": False, "new_card": None} | context
    template = "public/confirming.html" if till.checkout.state is State.CONFIRMING else "public/pay.html"
    if till.checkout.state in TAKES_CARDS:
        facts["new_card"] = card_fields.to_pay(till.checkout.payment_order_id, till.checkout.amount)
        security.widen(facts["new_card"].sources)
    page = render_template(template, till=till, checkout=till.checkout, form=form or new_form(till), **facts)
    return make_response(page, status)


def pay(till: Till) -> ResponseReturnValue:
    """One press, one charge: the form's key answers a second press with the first one's payment."""
    form = PayForm()
    if form.edition.data != till.checkout.edition:
        return show(till, status=409, stale=True)
    if not form.validate(must_save=till.must_save):
        return show(till, form, status=422)
    try:
        attempt = _charge(till, form)
    except Refusal as refusal:
        return _refused(till, form, refusal)
    return _next(till, attempt)


def _charge(till: Till, form: PayForm) -> Attempt:
    card = Instrument(
        alias=form.instrument.data,
        label=form.card_label.data or "",
        save=bool(form.save.data),
        consent_text=till.consent if form.save.data else None,
    )
    attempt = charges.start(
        till.intent(),
        pay_with=card,
        form_key=form.form_key.data or "",
        receipt_email=form.receipt_email.data,
        by=Actor.customer(form.name.data or ""),
    )
    _remember(till, attempt.public_id)
    return charges.execute(attempt.id)


def _next(till: Till, attempt: Attempt) -> ResponseReturnValue:
    """To the bank's question if it has a page of its own; else to the page that tells what came of it."""
    action = attempt.next_action or {}
    if attempt.status is AttemptStatus.REQUIRES_ACTION and action.get("kind") == "redirect":
        return redirect(till.bank, 303)
    return see_other(till.home)


def to_bank(till: Till) -> ResponseReturnValue:
    """Whoever is sent there comes back to this link's page, from whichever browser they paid."""
    question = challenge.open_question(till.checkout.payment_order_id)
    if question is not None:
        _remember(till, question.about)
    return bank.go(question, till.home)


def _remember(till: Till, attempt: str) -> None:
    session["checkout"] = [attempt, till.link.kind, till.link.public_id, till.link.generation]


def _refused(till: Till, form: PayForm, refusal: Refusal) -> ResponseReturnValue:
    if refusal.code in TOLD_BY_THE_PAGE:
        return see_other(till.home)
    if refusal.code == "stale_terms":
        return show(till, status=409, stale=True)
    fresh = new_form(till)
    fresh.name.data, fresh.receipt_email.data = form.name.data, form.receipt_email.data
    return show(till, fresh, status=refusal.status, refusal=refusal)


def progress(checkout: Checkout | None, home: str) -> ResponseReturnValue:
    """Asked every two seconds while a payment is being confirmed: nothing new, or off to the page that tells it."""
    if checkout is not None and checkout.state is State.CONFIRMING and wants_fragment():
        return Response(status=204)
    return see_other(home)
