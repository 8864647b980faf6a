"""Saving a card without charging it, by the protocol of charges: commit the try, call the gateway, commit what it said.

A lost answer is asked about, and never sent again under another key.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select

from ... import audit, clock, forms, jobs
from ...db import db, end_read, get, lock, transaction
from ...errors import NotFound, Refusal
from ...gateways import registry
from ...gateways.base import Gateway, Outcome
from ...gateways.setups import SetupRequest, SetupResult
from ...models import SYSTEM, Account, Actor, MethodRequest, MethodSetup
from ...models.method import Gateway as GatewayRow
from ...queries import routes
from ...states.attempt import AttemptEvent, AttemptStatus
from ...states.gateway import GatewayState
from ...states.method_request import RequestEvent, RequestStatus
from ..dunning import cards
from ..payments import outcomes
from ..payments.charges import SEND_AGAIN_WITHIN
from ..routing import gateway_health
from . import gateway_customers, kept_methods, method_requests
from .kept_methods import Consent


def start(
    request_id: int, *, instrument: str, card_label: str, holder: str, consent_text: str, form_key: str
) -> MethodSetup:
    """Commit the try, before the gateway hears of it. The same form key answers with the same try.

    Raises Refusal: `key_reused`, `saved`, `link_dead`, `link_expired`, `saving`, `attempts_used_up`, `gateway_closed`,
    `gateway_silent`.
    """
    content = ["method_setup", request_id, instrument]
    customer = None
    if forms.result(form_key) is None:
        _end_abandoned(request_id)
        asked = get(MethodRequest, request_id)
        customer = gateway_customers.ensure(asked.account, asked.contact, _gateway_of(asked))
    with transaction() as session:
        row = _locked(request_id)
        if (known := forms.answered(form_key, content)) is not None:
            return session.get_one(MethodSetup, known["id"])
        _refuse_unless_live(row)
        if customer is None or customer.gateway_id != row.route.gateway_id:
            raise Refusal("way_changed", "The way of this card has just changed; nothing was saved.", "Press again.")
        setup = _setup(row, customer.reference, instrument, card_label, holder, consent_text)
        setup.record("started", by=Actor.customer(holder), card=card_label)
        forms.remember(form_key, content, id=setup.id)
    return setup


def _gateway_of(row: MethodRequest) -> routes.GatewayRow:
    gateway = routes.by_key(row.route.key).gateway
    if gateway.state is not GatewayState.ACTIVE:
        words = _("No card can be saved at the moment; nothing was saved.")
        raise Refusal("gateway_closed", words, "Try again later, or write to us.")
    return gateway


def _locked(request_id: int) -> MethodRequest:
    lock(Account, get(MethodRequest, request_id).account_id)
    return lock(MethodRequest, request_id)


def _refuse_unless_live(row: MethodRequest) -> None:
    if row.status is RequestStatus.DONE:
        raise Refusal("saved", "A card is saved already. There is nothing more to do.")
    if row.status is not RequestStatus.LIVE:
        raise Refusal("link_dead", "This link is over.", "Ask the sender for a new one.")
    if row.expires_at <= clock.now():
        raise Refusal("link_expired", "This link has expired.", "Ask the sender for a new one.")
    if method_requests.saving(row.id):
        raise Refusal("saving", "A card is being saved already.")
    if method_requests.tries(row.id) >= row.attempt_limit:
        raise Refusal("attempts_used_up", "This was tried too often.", "Contact the sender for a new link.")


def _setup(
    row: MethodRequest, customer_ref: str, instrument: str, card_label: str, holder: str, consent_text: str
) -> MethodSetup:
    public_id = secrets.token_urlsafe(16)
    request = SetupRequest(
        key=f"cs-{public_id}",
        customer_ref=customer_ref,
        instrument=instrument,
        return_url=f"{current_app.config['BASE_URL']}/card-saving/{public_id}/return",
        metadata={"setup": public_id, "account": row.account.number, "holder": holder},
    )
    setup = MethodSetup(
        public_id=public_id,
        request_id=row.id,
        asked_for=row,
        gateway_id=row.route.gateway_id,
        idempotency_key=request.key,
        request=request.as_dict(),
        card_label=card_label[:60],
        holder=holder,
        consent_text=consent_text,
        ask_at=clock.now() + outcomes.ASK_AFTER[0],
    )
    db.session.add(setup)
    db.session.flush()
    return setup


def execute(setup_id: int) -> MethodSetup:
    """Call the gateway with the try's own key, and commit what it said. One whose end is known, or that is so old that
    the gateway may have forgotten its key, is left alone."""
    setup = _fresh(setup_id)
    if not setup.is_open or setup.status is AttemptStatus.REQUIRES_ACTION:
        return setup
    if setup.created_at <= clock.now() - SEND_AGAIN_WITHIN:
        return setup
    gateway, request = _adapter(setup), SetupRequest.from_dict(setup.request)
    end_read()
    result = gateway.save_card(request)
    return settle(setup_id, result)


def resume(setup_id: int) -> MethodSetup:
    """Its holder is back from the bank's question: ask what became of it."""
    return ask(setup_id)


def ask(setup_id: int) -> MethodSetup:
    """Ask the gateway about a try whose end is not known. Never guesses, never saves under a new key."""
    setup = _fresh(setup_id)
    if not setup.is_open:
        return setup
    gateway, age = _adapter(setup), clock.now() - setup.created_at
    key, provider_id = setup.idempotency_key, setup.provider_id
    end_read()
    result = gateway.look_up_setup(key, provider_id)
    if result is None and age < SEND_AGAIN_WITHIN:
        return execute(setup_id)
    if result is None:
        result = _ended("never_arrived", _("The gateway has no record of this card; nothing was saved."))
    elif result.outcome is Outcome.REQUIRES_ACTION and age > outcomes.ACTION_EXPIRES:
        result = _ended("cancelled", _("The bank's question was not answered in time."))
    return settle(setup_id, result)


def sweep(limit: int = 100) -> int:
    """Ask about every try whose time has come. Returns how many were due."""
    due = db.session.scalars(
        select(MethodSetup.id)
        .where(MethodSetup.ask_at.is_not(None), MethodSetup.ask_at <= clock.now())
        .order_by(MethodSetup.ask_at)
        .limit(limit)
    ).all()
    end_read()
    jobs.each("method_setups.sweep", due, ask, broke=_ask_later)
    return len(due)


@jobs.tick("method_setups.sweep", every=timedelta(seconds=10))
def _sweep() -> None:
    sweep()


def _ask_later(setup_id: int) -> None:
    with transaction():
        setup = lock(MethodSetup, setup_id)
        setup.ask_at = outcomes.next_ask(setup)


def settle(setup_id: int, result: SetupResult) -> MethodSetup:
    """Write down what the gateway said. Idempotent: an answer and a look-up may bring the same news."""
    with transaction():
        setup = db.session.get_one(MethodSetup, setup_id)
        row = _locked(setup.request_id)
        setup = lock(MethodSetup, setup_id)
        event = outcomes.EVENTS[result.outcome]
        if setup.is_open or (event is AttemptEvent.SUCCEED and setup.can(event)):
            _write(setup, row, event, result)
    gateway_health.heard(setup.gateway_id, result.outcome, result.message)
    return setup


def _write(setup: MethodSetup, row: MethodRequest, event: AttemptEvent, result: SetupResult) -> None:
    setup.provider_id = result.provider_id or setup.provider_id
    setup.next_action, setup.error = outcomes.without_address(result.next_action), result.message[:500] or None
    setup.decline_code, setup.advice = result.decline_code, result.advice
    if setup.EDGES[setup.status, event] is not setup.status:
        setup.transition(event, by=SYSTEM, because=result.message or None, code=result.decline_code)
    setup.ask_at = outcomes.next_ask(setup)
    setup.ended_at = None if setup.is_open else clock.now()
    if event is AttemptEvent.SUCCEED:
        _keep(setup, row, result)


def _keep(setup: MethodSetup, row: MethodRequest, result: SetupResult) -> None:
    """The card is on file: with consent and token, and as the account's own if it had none."""
    if result.card is None or result.token is None:
        raise ValueError("a saved card came without its facts or its token")
    account, by = row.account, Actor.customer(setup.holder)
    consent = Consent(setup.consent_text, setup.holder, "add-method link")
    method = kept_methods.keep(row.account_id, row.contact_id, result.card, consent=consent, by=by)
    kept_methods.keep_token(method, setup.gateway_id, result.token, result.customer_ref)
    setup.card_label = method.label
    row.method_id = method.id
    if row.can(RequestEvent.COMPLETE):
        row.transition(RequestEvent.COMPLETE, by=by, card=method.label)
    if account.default_method_id is None:
        account.default_method_id = method.id
        account.record("default_method", by=by, card=method.label)
    audit.note("method.add", account.number, by=by, after=method.label)
    cards.given(row, method, setup.gateway_id, by=by)


def _end_abandoned(request_id: int) -> None:
    """A try left at the bank's question: what became of it counts; if nothing has, it is over."""
    left = db.session.scalar(
        select(MethodSetup.id).where(
            MethodSetup.request_id == request_id, MethodSetup.status == AttemptStatus.REQUIRES_ACTION
        )
    )
    if left is not None and ask(left).status is AttemptStatus.REQUIRES_ACTION:
        settle(left, _ended("cancelled", _("Another card was entered.")))


def _ended(code: str, words: str) -> SetupResult:
    return SetupResult(Outcome.FAILED, None, decline_code=code, message=words)


def _fresh(setup_id: int) -> MethodSetup:
    setup = db.session.get(MethodSetup, setup_id, populate_existing=True)
    if setup is None:
        raise NotFound(f"method setup {setup_id}")
    return setup


def _adapter(setup: MethodSetup) -> Gateway:
    return registry.for_account(registry.account_of(db.session.get_one(GatewayRow, setup.gateway_id)))
