"""How the sandbox behaves: what it books for a card, when it asks the cardholder, and how it loses its tongue.

It answers in plain dictionaries and raises as a processor's client would; the adapter makes results of both.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ... import clock
from ...failpoints import failpoint
from ..base import ChargeRequest
from . import books, script
from .cards import BY_SLUG, Challenge, Fault, SandboxCard, read_alias
from .tables import ChargeState, SandboxCharge, SandboxCustomer, SandboxMovement, SandboxScript, SandboxToken

Answer = dict[str, Any]
UNBOOKED = (Fault.TIMEOUT_BEFORE, Fault.ERROR)


class Rejected(Exception):
    """The request itself is wrong; nothing was booked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NoAnswer(Exception):
    """A time-out or an answer that says nothing; what was booked, only the books know."""


@dataclass(frozen=True, slots=True)
class Means:
    """The card that pays: one just entered, or a saved one."""

    card: SandboxCard
    exp_month: int
    exp_year: int
    holder: str
    token: SandboxToken | None = None

    @property
    def expired(self) -> bool:
        today = clock.now().date()
        return (self.exp_year, self.exp_month) < (today.year, today.month)


def ensure_customer(gateway: str, account_number: str, name: str, email: str, key: str) -> str:
    try:
        return _ensure_customer(gateway, account_number, name, email, key)
    except IntegrityError:  # a twin made it in the meantime
        return _ensure_customer(gateway, account_number, name, email, key)


def _ensure_customer(gateway: str, account_number: str, name: str, email: str, key: str) -> str:
    with books.writing() as session:
        known = session.scalar(
            select(SandboxCustomer.ref).where(SandboxCustomer.gateway == gateway, SandboxCustomer.key == key)
        )
        if known is not None:
            return known
        customer = SandboxCustomer(
            ref=_ref("cus"), gateway=gateway, key=key, account_number=account_number, name=name, email=email
        )
        session.add(customer)
    return customer.ref


def charge(gateway: str, request: ChargeRequest) -> Answer:
    """Book a charge, or answer for the one already booked under this key. Raises Rejected, NoAnswer."""
    try:
        return _charge(gateway, request)
    except IntegrityError:  # a twin under the same key was booked in the meantime; PostgreSQL lets both try
        return _charge(gateway, request)


def _charge(gateway: str, request: ChargeRequest) -> Answer:
    answer: Answer = {}
    with books.writing() as session:
        known = find(session, gateway, key=request.key)
        if known is not None:
            return _same(known, request)
        means = _means(session, gateway, request)
        scripted, fault = script.take(session, request.key, means.card.fault)
        if fault not in UNBOOKED:
            answer = answer_of(_book(session, gateway, request, means, scripted))
    failpoint("charge.in_call")
    if fault is Fault.SLOW:
        time.sleep(scripted.seconds)
    elif fault is not None:
        raise NoAnswer("500 Internal Server Error" if fault is Fault.ERROR else "The sandbox did not answer in time")
    return answer


def find(session: Session, gateway: str, *, key: str | None = None, ref: str | None = None) -> SandboxCharge | None:
    """By its own reference where known, else by key."""
    query = select(SandboxCharge).where(SandboxCharge.gateway == gateway)
    return session.scalar(query.where(SandboxCharge.ref == ref) if ref else query.where(SandboxCharge.key == key))


def _same(known: SandboxCharge, request: ChargeRequest) -> Answer:
    if known.fingerprint != request.fingerprint:
        raise Rejected("idempotency_conflict", "This key was already used for another request.")
    return answer_of(known)


def _means(session: Session, gateway: str, request: ChargeRequest) -> Means:
    if request.amount.minor <= 0:
        raise Rejected("invalid_amount", "The amount must be positive.")
    if request.save and not _is_customer(session, gateway, request.customer_ref):
        raise Rejected("no_such_customer", "A card can be saved only for a customer of this gateway.")
    if request.token:
        return _saved(session, gateway, request)
    read = read_alias(request.instrument or "")
    if read is None:
        raise Rejected("not_a_test_card", "The sandbox takes published test cards only.")
    card, month, year = read
    return Means(card, month, year, request.metadata.get("holder", ""))


def _is_customer(session: Session, gateway: str, ref: str | None) -> bool:
    known = select(SandboxCustomer.id).where(SandboxCustomer.gateway == gateway, SandboxCustomer.ref == ref)
    return session.scalar(known) is not None


def _saved(session: Session, gateway: str, request: ChargeRequest) -> Means:
    token = session.scalar(
        select(SandboxToken).where(SandboxToken.gateway == gateway, SandboxToken.ref == request.token)
    )
    if token is None or token.customer_ref != request.customer_ref:
        raise Rejected("no_such_token", "This customer has no such saved card.")
    return Means(BY_SLUG[token.slug], token.exp_month, token.exp_year, token.holder, token)


def _book(
    session: Session, gateway: str, request: ChargeRequest, means: Means, scripted: SandboxScript
) -> SandboxCharge:
    state, decline_code = _verdict(means, request, scripted)
    booked = SandboxCharge(
        ref=_ref("ch"),
        gateway=gateway,
        key=request.key,
        fingerprint=request.fingerprint,
        state=state,
        amount=request.amount.minor,
        currency=request.amount.currency,
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
    session.add(booked)
    session.flush()
    if state is ChargeState.SUCCEEDED:
        _succeed(session, booked)
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
    booked.state, booked.decline_code = ChargeState.SUCCEEDED, None
    booked.authorization = f"{secrets.randbelow(1_000_000):06d}"
    session.add(SandboxMovement(charge_ref=booked.ref, kind="charge", amount=booked.amount, currency=booked.currency))
    if booked.save and booked.token_ref is None and booked.customer_ref is not None:
        token = SandboxToken(
            ref=_ref("pm"),
            gateway=booked.gateway,
            customer_ref=booked.customer_ref,
            slug=booked.slug,
            exp_month=booked.exp_month,
            exp_year=booked.exp_year,
            holder=booked.holder,
            confirmed=confirmed,
        )
        session.add(token)
        booked.token_ref = token.ref


def look_up(gateway: str, key: str, ref: str | None) -> Answer | None:
    with books.reading() as session:
        known = find(session, gateway, key=key, ref=ref)
        return answer_of(known) if known else None


def by_ref(ref: str) -> Answer | None:
    """For the bank's page, which knows a charge and not whose it is."""
    with books.reading() as session:
        known = session.scalar(select(SandboxCharge).where(SandboxCharge.ref == ref))
        return answer_of(known) if known else None


def cancel(gateway: str, ref: str) -> Answer:
    """End a charge that waits for its cardholder; one that has already ended stays as it is. Raises Rejected."""
    with books.writing() as session:
        known = _known(session, gateway, ref)
        if known.state is ChargeState.REQUIRES_ACTION:
            known.state = ChargeState.CANCELLED
        return answer_of(known)


def confirm(gateway: str, ref: str, *, approved: bool) -> Answer:
    """The cardholder has answered the challenge. Only the first answer counts. Raises Rejected."""
    with books.writing() as session:
        known = _known(session, gateway, ref)
        if known.state is ChargeState.REQUIRES_ACTION:
            code = BY_SLUG[known.slug].declines_with if approved else "authentication_failed"
            if code is None:
                _succeed(session, known, confirmed=True)
            else:
                known.state, known.decline_code = ChargeState.DECLINED, code
        return answer_of(known)


def settle(gateway: str, ref: str, *, decline_code: str | None = None) -> Answer:
    """End a pending charge, well or with `decline_code`. Raises Rejected."""
    with books.writing() as session:
        known = _known(session, gateway, ref)
        if known.state is ChargeState.PENDING and decline_code is None:
            _succeed(session, known)
        elif known.state is ChargeState.PENDING:
            known.state, known.decline_code = ChargeState.DECLINED, decline_code
        return answer_of(known)


def _known(session: Session, gateway: str, ref: str) -> SandboxCharge:
    """Held until the session ends, so that a confirmation and a cancellation cannot both win."""
    held = select(SandboxCharge).where(SandboxCharge.gateway == gateway, SandboxCharge.ref == ref).with_for_update()
    known = session.scalar(held)
    if known is None:
        raise Rejected("no_such_charge", "The sandbox knows no such charge.")
    return known


def answer_of(booked: SandboxCharge) -> Answer:
    """A charge as the sandbox tells of it."""
    card = BY_SLUG[booked.slug].facts(booked.exp_month, booked.exp_year, booked.holder)
    return {
        "id": booked.ref,
        "gateway": booked.gateway,
        "state": str(booked.state),
        "amount": booked.amount,
        "currency": booked.currency,
        "card": asdict(card),
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


def _ref(kind: str) -> str:
    return f"sbx_{kind}_{secrets.token_hex(14)}"
