"""Adding a card behind a mailed link: nothing is charged, the card is kept at the gateway."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, session, url_for
from flask.typing import ResponseReturnValue

from ... import security
from ...access import public
from ...commands.methods import method_requests, method_setups
from ...commands.payments import challenge
from ...errors import Refusal
from ...extensions import limiter
from ...forms import mint_form_key
from ...gateways.card_field import Purpose
from ...hypermedia import see_other, wants_fragment
from ...models import MethodSetup
from ...navigation import company
from ...queries import card_fields
from ...queries.dunning import owed
from ...queries.public import card_request
from ...queries.public.card_request import DEAD, CardRequest, State
from ...queries.public.words import consent_to_keep
from ...states.attempt import AttemptStatus
from .. import bank
from . import bp
from .dead import dead, thanks_for_asking
from .forms import CardForm
from .link import Link

# What the page behind the link shows better than a message could.
TAKES_CARDS = frozenset({State.LIVE, State.ACTION})
TOLD_BY_THE_PAGE = frozenset({"saved", "saving", "link_dead", "link_expired", "attempts_used_up", "gateway_closed"})


@bp.get("/add-method/<string:token>")
@public
@limiter.limit("120/minute")
def add_method(token: str) -> ResponseReturnValue:
    link = Link.read("method", token)
    found = card_request.by_link(link.public_id, link.generation)
    if found is None or found.state in DEAD:
        return dead(link, found.state if found else None)
    return _page(link, found)


@bp.post("/add-method/<string:token>")
@public
@limiter.limit("20/minute")
def add_method_now(token: str) -> ResponseReturnValue:
    """One press, one save: the form's key answers a second press with the first one's try."""
    link = Link.read("method", token)
    found = card_request.by_link(link.public_id, link.generation)
    if found is None or found.state in DEAD | {State.DONE, State.CLOSED}:
        return see_other(link.url())
    form = CardForm()
    if not form.validate():
        return _page(link, found, form, 422)
    try:
        setup = _save(link, found, form)
    except Refusal as refusal:
        return _refused(link, found, form, refusal)
    action = setup.next_action or {}
    if setup.status is AttemptStatus.REQUIRES_ACTION and action.get("kind") == "redirect":
        return see_other(link.url("bank"))
    return see_other(link.url())


@bp.get("/add-method/<string:token>/bank")
@public
@limiter.limit("60/minute")
def add_method_bank(token: str) -> ResponseReturnValue:
    """On to the bank's question about a card; asks the gateway where that is, and writes nothing."""
    link = Link.read("method", token)
    found = card_request.by_link(link.public_id, link.generation)
    question = challenge.about_card(found.id) if found is not None and found.state is State.ACTION else None
    return bank.go(question, link.url(), back=lambda setup: url_for("public.card_saving_return", setup=setup))


@bp.get("/add-method/<string:token>/progress")
@public
@limiter.limit("120/minute")
def add_method_progress(token: str) -> ResponseReturnValue:
    """Asked every two seconds while a card is being saved."""
    link = Link.read("method", token)
    found = card_request.by_link(link.public_id, link.generation)
    if found is not None and found.state is State.SAVING and wants_fragment():
        return Response(status=204)
    return see_other(link.url())


@bp.post("/add-method/<string:token>/new-link")
@public
@limiter.limit("5/hour")
def add_method_new_link(token: str) -> ResponseReturnValue:
    method_requests.renew(Link.read("method", token).public_id)
    return thanks_for_asking()


@bp.get("/card-saving/<string:setup>/return")
@public
@limiter.limit("60/minute")
def card_saving_return(setup: str) -> ResponseReturnValue:
    """A page that posts itself: asking the gateway writes, and a GET must not."""
    return render_template("public/returning.html", action=url_for("public.card_saving_returned", setup=setup))


@bp.post("/card-saving/<string:setup>/return")
@public
@limiter.limit("30/minute")
def card_saving_returned(setup: str) -> ResponseReturnValue:
    """Whose browser this is says the session, never the address; one that lost it reads how it went, and no more."""
    found = card_request.outcome(setup)
    status = method_setups.resume(found[0]).status if found is not None else None
    remembered = session.get("saving")
    if remembered and remembered[0] == setup:
        return see_other(Link.to("method", remembered[1], remembered[2]).url())
    return render_template("public/card_outcome.html", saved=status is AttemptStatus.SUCCEEDED)


def _save(link: Link, found: CardRequest, form: CardForm) -> MethodSetup:
    setup = method_setups.start(
        found.id,
        instrument=form.instrument.data or "",
        card_label=form.card_label.data or "",
        holder=form.name.data or "",
        consent_text=_consent(owed.awaited_by(found.account_id, found.gateway_id)),
        form_key=form.form_key.data or "",
    )
    session["saving"] = [setup.public_id, link.public_id, link.generation]
    return method_setups.execute(setup.id)


def _consent(awaited: owed.Awaited) -> str:
    named = awaited.owed or awaited.cardless
    return owed.consent(company().name, awaited) if named else consent_to_keep(company().name)


def _refused(link: Link, found: CardRequest, form: CardForm, refusal: Refusal) -> ResponseReturnValue:
    if refusal.code in TOLD_BY_THE_PAGE:
        return see_other(link.url())
    fresh = _new_form(found)
    fresh.name.data = form.name.data
    return _page(link, found, fresh, refusal.status, refusal=refusal)


def _new_form(found: CardRequest) -> CardForm:
    return CardForm(formdata=None, data={"form_key": mint_form_key(), "name": found.person})


def _page(link: Link, found: CardRequest, form: CardForm | None = None, status: int = 200, **context: Any) -> Response:
    template = {State.DONE: "public/card_added.html", State.SAVING: "public/card_saving.html"}.get(
        found.state, "public/add_method.html"
    )
    awaited = owed.awaited_by(found.account_id, found.gateway_id)
    facts = {"refusal": None, "consent": _consent(awaited), "new_card": None} | context
    facts |= {"owed": owed.amounts(awaited.owed), "takes_over": owed.numbers(awaited.cardless)}
    facts["charged"] = found.state is State.DONE and owed.charged_with(found.id)
    if found.state in TAKES_CARDS:
        facts["new_card"] = card_fields.at(found.gateway, Purpose(None, found.currency, save=True))
        security.widen(facts["new_card"].sources)
    page = render_template(template, link=link, asked=found, form=form or _new_form(found), **facts)
    return make_response(page, status)
