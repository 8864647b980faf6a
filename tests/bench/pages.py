"""The pages that are measured, what is asked of each, and the orders they show."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from time import time
from urllib.parse import urlsplit

from flask import Flask, current_app
from flask.sessions import SecureCookieSessionInterface

from app import jobs, links
from app.access import Role
from app.commands.orders import approvals, order_papers, signing
from app.commands.payments import charges
from app.commands.payments.charges import Instrument
from app.models import Actor, Approval, SalesOrder, User
from tests import factories

LINES = 40
MARIA = Actor.customer("Maria Keller")
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass(frozen=True)
class Page:
    """`share` is the part of its baseline's throughput that the page should reach, `statements` the most it may send
    to the database."""

    name: str
    path: str
    headers: dict[str, str]
    share: float
    statements: int


def prepare() -> Iterator[Page]:
    """Writes the orders, by the commands that people use, and yields the pages that show them."""
    seller = factories.user(Role.SALESPERSON, name="Dana Reyes", team="North")
    cookie = {"Cookie": _cookie(current_app, seller)}
    number = _with_a_past(seller).number
    yield Page("Staff order page", f"/orders/{number}", cookie, share=0.45, statements=9)
    yield Page("Customer approval page", _link(_sent(seller)), {}, share=0.50, statements=6)
    yield Page("Payment panel", f"/orders/{number}/payment", cookie | FRAGMENT, share=0.70, statements=7)
    yield Page("Lines panel", f"/orders/{number}/lines", cookie | FRAGMENT, share=0.70, statements=7)


def _sent(seller: User) -> Approval:
    """An order of forty lines, a fourth of them recurring, lying before its customer with its PDF."""
    lines = [(factories.licence if n % 4 == 0 else factories.line)(n) for n in range(1, LINES + 1)]
    order = factories.order(owner=seller, lines=lines, deposit_percent="10")
    approval = approvals.submit(order.id, message="As discussed on the phone.", by=seller)
    jobs.run_due(raising=True)
    return approval


def _with_a_past(seller: User) -> SalesOrder:
    """Such an order with notes, signed, declined once, then paid: every panel has something to show."""
    approval = _sent(seller)
    for n in range(10):
        order_papers.add_note(approval.order_id, f"Called about delivery, part {n}.", visible=False, by=seller)
    signing.mark_viewed(approval.id)
    snapshot = approval.snapshot
    hand = factories.hand(approval, title="Head of operations")
    signing.sign(approval.id, hand, sha256=snapshot.sha256, edition=snapshot.edition)
    _pay(approval, "insufficient-funds", "9995")
    _pay(approval, "visa", "4242")
    jobs.run_due(raising=True)
    return approval.order


def _pay(approval: Approval, card: str, last4: str) -> None:
    saved = "Save this card for what recurs."
    instrument = Instrument(alias=f"sbx_card_{card}_1239", label=f"Visa ending {last4}", save=True, consent_text=saved)
    intent = signing.checkout(approval.id)
    charges.execute(charges.start(intent.id, pay_with=instrument, form_key=card, by=MARIA).id)


def _link(approval: Approval) -> str:
    return urlsplit(links.url("approve", approval.public_id, approval.generation)).path


def _cookie(app: Flask, user: User) -> str:
    """As a browser has it after signing in and seeing its first form."""
    session = {"_user_id": user.get_id(), "_fresh": True, "began": int(time()), "seen": int(time())}
    session["csrf_token"] = secrets.token_hex(20)
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    return f"{app.config['SESSION_COOKIE_NAME']}={serializer.dumps(session)}"
