"""How the sandbox keeps a card without charging it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...values import as_dict
from ..base import sha256
from ..notices import Subject
from ..setups import SetupRequest
from . import books, events, wallet
from .cards import BY_SLUG, Challenge, Fault
from .line import Answer, Rejected, carry, new_ref
from .tables import Call, ChargeState, SandboxScript, SandboxSetup
from .wallet import Means


def save(gateway: str, request: SetupRequest) -> Answer:
    """Keep a card, or answer for what is already kept under this key. Raises Rejected, NoAnswer, NotSent."""
    return carry(gateway, SetupErrand(gateway, request))


class SetupErrand:
    call = Call.SETUP

    def __init__(self, gateway: str, request: SetupRequest) -> None:
        self.gateway, self.request, self.key = gateway, request, request.key
        self.fingerprint = sha256(request.as_dict())

    def known(self, session: Session) -> Answer | None:
        known = find(session, self.gateway, key=self.key)
        if known is not None and known.fingerprint != self.fingerprint:
            raise Rejected("idempotency_conflict", "This key was already used for another request.")
        return answer_of(known) if known else None

    def check(self, session: Session) -> Fault | None:
        if not wallet.is_customer(session, self.gateway, self.request.customer_ref):
            raise Rejected("no_such_customer", "A card can be saved only for a customer of this gateway.")
        self.means = wallet.entered(self.request.instrument, self.request.metadata.get("holder", ""))
        return self.means.card.fault

    def book(self, session: Session, scripted: SandboxScript) -> Answer:
        request, means = self.request, self.means
        state, code = _verdict(means, scripted)
        booked = SandboxSetup(
            ref=new_ref("seti"),
            gateway=self.gateway,
            key=self.key,
            fingerprint=self.fingerprint,
            state=state,
            slug=means.card.slug,
            exp_month=means.exp_month,
            exp_year=means.exp_year,
            holder=means.holder,
            customer_ref=request.customer_ref,
            details=request.metadata,
            return_url=request.return_url,
            in_page=means.card.in_page,
            decline_code=code,
            advice=scripted.advice,
        )
        session.add(booked)
        if state is ChargeState.SUCCEEDED:
            _keep(session, booked, confirmed=False)
        _tell(session, booked)
        return answer_of(booked)


def _verdict(means: Means, scripted: SandboxScript) -> tuple[ChargeState, str | None]:
    if scripted.state is not None:
        return scripted.state, scripted.decline_code
    if means.expired:
        return ChargeState.DECLINED, "expired_card"
    if means.card.challenge is not Challenge.NEVER:
        return ChargeState.REQUIRES_ACTION, None
    code = means.card.declines_with
    return (ChargeState.DECLINED, code) if code else (ChargeState.SUCCEEDED, None)


def _keep(session: Session, booked: SandboxSetup, *, confirmed: bool) -> None:
    booked.state, booked.decline_code = ChargeState.SUCCEEDED, None
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


def _tell(session: Session, booked: SandboxSetup) -> None:
    events.queue(session, booked.gateway, Subject.SETUP, booked.state, booked.ref, booked.details)


def find(session: Session, gateway: str, *, key: str | None = None, ref: str | None = None) -> SandboxSetup | None:
    query = select(SandboxSetup).where(SandboxSetup.gateway == gateway)
    return session.scalar(query.where(SandboxSetup.ref == ref) if ref else query.where(SandboxSetup.key == key))


def look_up(gateway: str, key: str, ref: str | None) -> Answer | None:
    with books.reading() as session:
        known = find(session, gateway, key=key, ref=ref)
        return answer_of(known) if known else None


def confirm(gateway: str, ref: str, *, approved: bool) -> Answer:
    """The cardholder has answered the challenge. Only the first answer counts. Raises Rejected."""
    held = select(SandboxSetup).where(SandboxSetup.gateway == gateway, SandboxSetup.ref == ref).with_for_update()
    with books.writing() as session:
        known = session.scalar(held)
        if known is None:
            raise Rejected("no_such_setup", "The sandbox knows no such card to be saved.")
        if known.state is ChargeState.REQUIRES_ACTION:
            code = BY_SLUG[known.slug].declines_with if approved else "authentication_failed"
            if code is None:
                _keep(session, known, confirmed=True)
            else:
                known.state, known.decline_code = ChargeState.DECLINED, code
            _tell(session, known)
        return answer_of(known)


def answer_of(booked: SandboxSetup) -> Answer:
    """As the sandbox tells of it."""
    card = BY_SLUG[booked.slug].facts(booked.exp_month, booked.exp_year, booked.holder)
    return {
        "id": booked.ref,
        "gateway": booked.gateway,
        "state": str(booked.state),
        "card": as_dict(card),
        "customer": booked.customer_ref,
        "token": booked.token_ref,
        "decline_code": booked.decline_code,
        "advice": booked.advice,
        "metadata": booked.details,
        "return_url": booked.return_url,
        "in_page": booked.in_page,
    }
