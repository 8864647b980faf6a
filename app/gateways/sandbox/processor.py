"""How the sandbox charges: what it books for a card, when it asks the cardholder, what it tells of it.

It answers in plain dictionaries and raises as a processor's client would; the adapter makes results of both.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ... import clock
from ...money import Money
from ...values import as_dict
from ..base import ChargeRequest
from ..notices import Subject
from . import books, events, ledger, wallet
from .cards import BY_SLUG, Challenge, Fault
from .line import Answer, Rejected, carry, new_ref
from .tables import Call, ChargeState, SandboxCharge, SandboxScript
from .wallet import Means

AUTHORIZED_FOR = timedelta(days=7)

# Asked with every charge, so built once and run by Core.
KNOWN = select(SandboxCharge.id).where(
    SandboxCharge.gateway == bindparam("gateway"), SandboxCharge.key == bindparam("key")
)


def charge(gateway: str, request: ChargeRequest) -> Answer:
    """Book a charge, or answer for the one already booked under this key. Raises Rejected, NoAnswer, NotSent."""
    return carry(gateway, ChargeErrand(gateway, request))


class ChargeErrand:
    call = Call.CHARGE

    def __init__(self, gateway: str, request: ChargeRequest) -> None:
        self.gateway, self.request, self.key = gateway, request, request.key

    def known(self, session: Session) -> Answer | None:
        if session.connection().execute(KNOWN, {"gateway": self.gateway, "key": self.key}).first() is None:
            return None
        known = find(session, self.gateway, key=self.key)
        if known is not None and known.fingerprint != self.request.fingerprint:
            raise Rejected("idempotency_conflict", "This key was already used for another request.")
        return answer_of(known) if known else None

    def check(self, session: Session) -> Fault | None:
        request = self.request
        if request.amount.minor <= 0:
            raise Rejected("invalid_amount", "The amount must be positive.")
        if request.save and not wallet.is_customer(session, self.gateway, request.customer_ref):
            raise Rejected("no_such_customer", "A card can be saved only for a customer of this gateway.")
        if request.token:
            self.means = wallet.saved(session, self.gateway, request.token, request.customer_ref)
        else:
            self.means = wallet.entered(request.instrument, request.metadata.get("holder", ""))
        return self.means.card.fault

    def book(self, session: Session, scripted: SandboxScript) -> Answer:
        return answer_of(_book(session, self.gateway, self.request, self.means, scripted))


def find(session: Session, gateway: str, *, key: str | None = None, ref: str | None = None) -> SandboxCharge | None:
    """By its own reference where known, else by key."""
    query = select(SandboxCharge).where(SandboxCharge.gateway == gateway)
    return session.scalar(query.where(SandboxCharge.ref == ref) if ref else query.where(SandboxCharge.key == key))


def _book(
    session: Session, gateway: str, request: ChargeRequest, means: Means, scripted: SandboxScript
) -> SandboxCharge:
    state, decline_code = _verdict(means, request, scripted)
    booked = SandboxCharge(
        ref=new_ref("ch"),
        gateway=gateway,
        key=request.key,
        fingerprint=request.fingerprint,
        state=state,
        amount=request.amount.minor,
        captured=0,
        currency=request.amount.currency,
        capture=request.capture,
        slug=means.card.slug,
        exp_month=means.exp_month,
        exp_year=means.exp_year,
        holder=means.holder,
        customer_ref=request.customer_ref,
        token_ref=means.token.ref if means.token else None,
        save=request.save,
        descriptor=request.descriptor,
        details=request.metadata,
        return_url=request.return_url,
        in_page=means.card.in_page,
        decline_code=decline_code,
        advice=scripted.advice,
        authorization="",
    )
    if state is ChargeState.SUCCEEDED:
        _succeed(session, booked)
    session.add(booked)
    _tell(session, booked)
    return booked


def _verdict(means: Means, request: ChargeRequest, scripted: SandboxScript) -> tuple[ChargeState, str | None]:
    if scripted.state is not None:
        return scripted.state, scripted.decline_code
    if means.expired:
        return ChargeState.DECLINED, "expired_card"
    confirmed = means.token is not None and means.token.confirmed
    challenge = means.card.challenge
    if challenge is Challenge.ALWAYS or (challenge is Challenge.UNLESS_SAVED and not confirmed):
        if request.off_session:
            return ChargeState.DECLINED, "authentication_required"
        return ChargeState.REQUIRES_ACTION, None
    code = means.card.declines_with or (means.card.declines_saved_with if means.token else None)
    return (ChargeState.DECLINED, code) if code else (ChargeState.SUCCEEDED, None)


def _succeed(session: Session, booked: SandboxCharge, *, confirmed: bool = False) -> None:
    booked.decline_code = None
    booked.authorization = f"{secrets.randbelow(1_000_000):06d}"
    if booked.capture:
        booked.state = ChargeState.SUCCEEDED
        ledger.captured(session, booked, Money(booked.amount, booked.currency))
    else:
        booked.state = ChargeState.AUTHORIZED
        booked.authorized_until = clock.now() + AUTHORIZED_FOR
    if booked.save and booked.token_ref is None and booked.customer_ref is not None:
        booked.token_ref = wallet.keep(
            session,
            booked.gateway,
            booked.customer_ref,
            slug=booked.slug,
            exp_month=booked.exp_month,
            exp_year=booked.exp_year,
            holder=booked.holder,
            confirmed=confirmed,
        )


def _tell(session: Session, booked: SandboxCharge) -> None:
    events.queue(session, booked.gateway, Subject.CHARGE, booked.state, booked.ref, booked.details)


def look_up(gateway: str, key: str, ref: str | None) -> Answer | None:
    with books.reading() as session:
        known = find(session, gateway, key=key, ref=ref)
        return answer_of(known) if known else None


def cancel(gateway: str, ref: str) -> Answer:
    """End a charge that waits for its cardholder; one that has already ended stays as it is. Raises Rejected."""
    with books.writing() as session:
        known = held(session, gateway, ref)
        if known.state is ChargeState.REQUIRES_ACTION:
            known.state = ChargeState.CANCELLED
            _tell(session, known)
        return answer_of(known)


def confirm(gateway: str, ref: str, *, approved: bool) -> Answer:
    """The cardholder has answered the challenge. Only the first answer counts. Raises Rejected."""
    with books.writing() as session:
        known = held(session, gateway, ref)
        if known.state is ChargeState.REQUIRES_ACTION:
            code = BY_SLUG[known.slug].declines_with if approved else "authentication_failed"
            _end(session, known, code, confirmed=True)
        return answer_of(known)


def settle(gateway: str, ref: str, *, decline_code: str | None = None) -> Answer:
    """End a pending charge, well or with `decline_code`. Raises Rejected."""
    with books.writing() as session:
        known = held(session, gateway, ref)
        if known.state is ChargeState.PENDING:
            _end(session, known, decline_code)
        return answer_of(known)


def _end(session: Session, known: SandboxCharge, decline_code: str | None, *, confirmed: bool = False) -> None:
    if decline_code is None:
        _succeed(session, known, confirmed=confirmed)
    else:
        known.state, known.decline_code = ChargeState.DECLINED, decline_code
    _tell(session, known)


def held(session: Session, gateway: str, ref: str) -> SandboxCharge:
    """Held until the session ends, so that a confirmation and a cancellation cannot both win. Raises Rejected."""
    query = select(SandboxCharge).where(SandboxCharge.gateway == gateway, SandboxCharge.ref == ref).with_for_update()
    known = session.scalar(query)
    if known is None:
        raise Rejected("no_such_charge", "The sandbox knows no such charge.")
    return known


def lapsed(booked: SandboxCharge) -> bool:
    """An authorization that nobody captured in its time holds no money any more."""
    until = booked.authorized_until
    return booked.state is ChargeState.AUTHORIZED and until is not None and until <= clock.now()


def answer_of(booked: SandboxCharge) -> Answer:
    """A charge as the sandbox tells of it."""
    card = BY_SLUG[booked.slug].facts(booked.exp_month, booked.exp_year, booked.holder)
    return {
        "id": booked.ref,
        "gateway": booked.gateway,
        "state": "lapsed" if lapsed(booked) else str(booked.state),
        "amount": booked.amount,
        "captured": booked.captured,
        "capture": booked.capture,
        "authorized_until": booked.authorized_until,
        "currency": booked.currency,
        "card": as_dict(card),
        "customer": booked.customer_ref,
        "token": booked.token_ref,
        "decline_code": booked.decline_code,
        "advice": booked.advice,
        "authorization": booked.authorization,
        "descriptor": booked.descriptor,
        "metadata": booked.details,
        "return_url": booked.return_url,
        "in_page": booked.in_page,
    }
