"""What waits for payment operations, each made by the fault that makes it wait."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

from sqlalchemy import select

from app import clock, jobs
from app.access import Role
from app.commands.office import escalations
from app.commands.payments import notices, post_processing
from app.commands.post import mails, suppressions
from app.commands.receivables import following_up, offline
from app.commands.routing import gateway_health
from app.db import db, end_read, lock, transaction
from app.gateways.sandbox import movements, script
from app.gateways.sandbox.cards import Fault
from app.gateways.sandbox.tables import Call
from app.mail import suppression, transports
from app.mail.transports import Permanent
from app.models import (
    Attempt,
    Escalation,
    Movement,
    NoticeWork,
    OrderEmail,
    PostProcessing,
    ProcessorEvent,
    Receipt,
    SalesOrder,
    SettlementException,
    SuppressedAddress,
    Symptom,
    Transaction,
    User,
)
from app.money import Money
from app.states.notice import NoticeEvent
from tests import factories, ledgers, moves
from tests.commands import moving
from tests.mail import post
from tests.paid_out import pay_out, sync

_count = itertools.count(1)


def operator(**facts: Any) -> User:
    return factories.user(Role.PAYMENT_OPERATIONS, **facts)


def lost_charge() -> Attempt:
    """Booked at the sandbox, whose answer never came."""
    factories.company()
    end_read()
    script.next_charge(fault=Fault.TIMEOUT_AFTER)
    admin = factories.user(Role.ADMIN)
    order = factories.order(owner=admin)
    with mock.patch.object(post_processing, "run"):
        moving.collection.collect_first(order.id, pay_with=moving.card(), form_key=f"lost-{order.id}", by=admin)
    return db.session.scalars(select(Attempt).order_by(Attempt.id.desc())).first()  # type: ignore[return-value]


def lost_refund() -> Movement:
    charge = moving.paid()
    script.next_call(Call.REFUND, fault=Fault.TIMEOUT_AFTER)
    return moving.refund(charge, 1000, factories.user(Role.ADMIN))


def failed_step() -> Transaction:
    """A payment whose receipt could not be written."""
    broken = RuntimeError("the numbering is locked")
    with mock.patch.object(post_processing.receipts, "for_transaction", side_effect=broken):
        return moving.paid()


def failed_follow_up() -> Receipt:
    """A wire whose invoice could not be paid with it."""
    bill, by = ledgers.invoice(), ledgers.clerk()
    with mock.patch.object(following_up.receipts, "allocate", side_effect=RuntimeError("the invoice is locked")):
        return offline.for_invoice(bill.id, ledgers.came(), form_key="wire", by=by)


def processing_of(row: Transaction | Receipt) -> int:
    """The id of what must still follow this money."""
    follows = PostProcessing.receipt_id if isinstance(row, Receipt) else PostProcessing.transaction_id
    found = db.session.scalars(select(PostProcessing.id).where(follows == row.id)).one()
    end_read()
    return found


class Refusing:
    """A mail server that wants none of it."""

    def send(self, envelope: Any, handing_over: Callable[[], None]) -> dict[str, str]:
        raise Permanent("The mailbox does not exist.")


def failed_link_mail() -> OrderEmail:
    intent = post.intent()
    with transaction():
        email = mails.payment_link(intent, by=factories.user(Role.ADMIN))
    end_read()
    with mock.patch.object(transports, "configured", Refusing):
        jobs.run_due(raising=True)
    return email


def event(**facts: Any) -> ProcessorEvent:
    """Stored as it would be, and nobody is at it yet."""
    gateway, n = moves.first_gateway(), next(_count)
    values = {
        "event_id": f"evt_{n}",
        "type": "charge.succeeded",
        "subject": "charge",
        "subject_id": f"ch_{n}",
        "mode": gateway.mode,
        "payload": {"id": f"evt_{n}", "data": {"client_secret": "withheld"}},
        "sha256": "0" * 64,
        "happened_at": clock.now(),
    } | facts
    with transaction() as session:
        row = ProcessorEvent(gateway_id=gateway.id, **values)
        session.add(row)
        session.flush()
        session.add(NoticeWork(event_id=row.id, updated_at=clock.now() - timedelta(hours=1)))
    return row


def unmatched(**facts: Any) -> ProcessorEvent:
    row = event(**facts)
    notices._move(row.id, NoticeEvent.GIVE_UP, f"No attempt of ours is the charge {row.subject_id}.")
    return row


def strange_line() -> SettlementException:
    """A payout with a refund that was made at the processor, and that we have not heard of."""
    charge = moving.paid()
    movements.refund_by_hand("sandbox", charge.provider_id, Money(500, charge.currency))
    pay_out()
    sync()
    return db.session.scalars(select(SettlementException).order_by(SettlementException.id.desc())).first()  # type: ignore[return-value]


def silent_gateway() -> None:
    """The sandbox is taken down, and was found silent."""
    key = moves.first_gateway().id
    end_read()
    script.take_down("sandbox")
    for _ in range(gateway_health.MOST_SILENT):
        gateway_health.silent(key, "The sandbox did not answer in time.")


def escalation(symptom: Symptom = Symptom.LATE_MONEY, **facts: Any) -> Escalation:
    order = factories.order(**facts)
    with transaction():
        held = lock(SalesOrder, order.id)
        return escalations.open(symptom, held, held.number, "Money came late.", order_id=held.id, amount="12.00 EUR")


def suppressed(address: str = "gone@northfield.test") -> SuppressedAddress:
    """One that mail came back from."""
    with transaction() as session:
        suppressions.suppress(address, suppression.BOUNCED, "550 no such user", email_id=None)
        return session.scalars(select(SuppressedAddress).where(SuppressedAddress.address == address)).one()
