"""Who is known at a sandbox gateway, and the cards that are kept for them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ... import clock
from ...values import Value
from ..notices import Subject
from ..outcome import CardFacts
from . import books, events
from .cards import BY_SLUG, SandboxCard, read_alias
from .line import Rejected, new_ref
from .tables import SandboxCustomer, SandboxToken


class Means(Value):
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
            ref=new_ref("cus"), gateway=gateway, key=key, account_number=account_number, name=name, email=email
        )
        session.add(customer)
    return customer.ref


def is_customer(session: Session, gateway: str, ref: str | None) -> bool:
    known = select(SandboxCustomer.id).where(SandboxCustomer.gateway == gateway, SandboxCustomer.ref == ref)
    return session.scalar(known) is not None


def entered(alias: str | None, holder: str) -> Means:
    """The card behind an alias of the card field. Raises Rejected."""
    read = read_alias(alias or "")
    if read is None:
        raise Rejected("not_a_test_card", "The sandbox takes published test cards only.")
    card, month, year = read
    return Means(card, month, year, holder)


def saved(session: Session, gateway: str, token_ref: str, customer_ref: str | None) -> Means:
    """Raises Rejected."""
    token = session.scalar(select(SandboxToken).where(SandboxToken.gateway == gateway, SandboxToken.ref == token_ref))
    if token is None or token.customer_ref != customer_ref or token.detached_at:
        raise Rejected("no_such_token", "This customer has no such saved card.")
    return Means(BY_SLUG[token.slug], token.exp_month, token.exp_year, token.holder, token)


def keep(
    session: Session,
    gateway: str,
    customer_ref: str,
    *,
    slug: str,
    exp_month: int,
    exp_year: int,
    holder: str,
    confirmed: bool,
) -> str:
    """The new token."""
    token = SandboxToken(
        ref=new_ref("pm"),
        gateway=gateway,
        customer_ref=customer_ref,
        slug=slug,
        exp_month=exp_month,
        exp_year=exp_year,
        holder=holder,
        confirmed=confirmed,
    )
    session.add(token)
    return token.ref


def card(gateway: str, token_ref: str) -> CardFacts | None:
    """A saved card as it is now; None: it is not kept any more."""
    with books.reading() as session:
        token = _kept(session, gateway, token_ref)
        return BY_SLUG[token.slug].facts(token.exp_month, token.exp_year, token.holder) if token else None


def _kept(session: Session, gateway: str, token_ref: str) -> SandboxToken | None:
    return session.scalar(
        select(SandboxToken).where(
            SandboxToken.gateway == gateway, SandboxToken.ref == token_ref, SandboxToken.detached_at.is_(None)
        )
    )


def detach(gateway: str, token_ref: str, customer_ref: str) -> None:
    """What is gone already, or was never there, stays gone."""
    with books.writing() as session:
        token = _kept(session, gateway, token_ref)
        if token is not None and token.customer_ref == customer_ref:
            _detach(session, token)


def remove(gateway: str, token_ref: str) -> None:
    """As somebody would at the processor's own pages. Raises Rejected."""
    with books.writing() as session:
        _detach(session, _to_hand(session, gateway, token_ref))


def renew(gateway: str, token_ref: str) -> None:
    """Its bank gave its holder another one, good for three years from now. Raises Rejected."""
    with books.writing() as session:
        token = _to_hand(session, gateway, token_ref)
        token.exp_year = max(token.exp_year, clock.now().year) + 3
        events.queue(session, gateway, Subject.METHOD, "automatically_updated", token.ref)


def _to_hand(session: Session, gateway: str, token_ref: str) -> SandboxToken:
    token = _kept(session, gateway, token_ref)
    if token is None:
        raise Rejected("no_such_token", "The sandbox keeps no such card any more.")
    return token


def _detach(session: Session, token: SandboxToken) -> None:
    token.detached_at = clock.now()
    events.queue(session, token.gateway, Subject.METHOD, "detached", token.ref)
