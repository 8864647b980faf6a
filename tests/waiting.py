"""What waits for payment operations, each by the fault that makes it wait; at the sandbox."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

import time_machine

from app import clock, jobs
from app.access import Role
from app.commands.office import escalations
from app.commands.payments import collection, notices, post_processing
from app.commands.payments.charges import Instrument
from app.commands.receivables import receipts
from app.commands.routing import sandbox
from app.db import db, lock, transaction
from app.models import Attempt, Escalation, NoticeWork, PaymentOrder, ProcessorEvent, SalesOrder, Symptom, User
from app.states.notice import NoticeEvent
from tests import factories, moves

_count = itertools.count(1)
VISA = Instrument(alias="sbx_card_visa_1229", label="Visa ending 4242")


def operator(**facts: Any) -> User:
    return factories.user(Role.PAYMENT_OPERATIONS, **facts)


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


def escalation(symptom: Symptom = Symptom.LATE_MONEY, **facts: Any) -> Escalation:
    order = factories.order(**facts)
    with transaction():
        held = lock(SalesOrder, order.id)
        return escalations.open(symptom, held, held.number, "Money came late.", order_id=held.id, amount="12.00 EUR")
