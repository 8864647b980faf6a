"""Whole lives by a seed: so many steps, then time passes until everything has settled, and all of it must add up.

python -m tests.faults.lives 0 10000 --processes 2   # says how many lives were lived and what was found
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import func, or_, select

from app import clock
from app.db import db, end_read
from app.gateways.sandbox import movements as processor_moves
from app.gateways.sandbox import post, processor, reconcile, script
from app.gateways.sandbox.tables import ChargeState, InstructionState, SandboxCharge, SandboxInstruction, SandboxScript
from app.models import (
    Attempt,
    Escalation,
    Movement,
    PaymentOrder,
    PostProcessing,
    Receipt,
    StagedJob,
    Symptom,
    Transaction,
)
from app.models import TransactionAction as A
from app.queries import invariants
from app.states.attempt import OPEN
from app.states.escalation import EscalationStatus
from app.states.movement import ASKED
from tests.faults.verbs import GATEWAY, MAIL, WEIGHTS, look_around, order
from tests.faults.world import Finding, Verb, World

STEPS = 25
LOOK_EVERY = 15
# A row of any age may still be waited for while a life goes on: only what may never be is looked for then.
EVER = timedelta(days=3650)
EVENTUAL = (14, 25)
# What is due by and by: the sweeps, then what is asked about after an hour, then daily; links and holds run out.
PATIENCE = (61, 601, 7201, 90_000)


def live(world: World, seed: int, *, verbs: dict[Verb, int] = WEIGHTS, steps: int = STEPS) -> list[str]:
    """One life; its steps. Raises Finding, with the seed and the steps."""
    world.be_born(random.Random(seed))
    known, weights = list(verbs), list(verbs.values())
    try:
        world.do(order)
        for n in range(1, steps + 1):
            while not world.do(world.rng.choices(known, weights)[0]):
                pass
            if n % LOOK_EVERY == 0:
                look(world)
        settle(world)
    except Finding as finding:
        told = "\n  ".join(world.steps)
        raise Finding(f"seed {seed}: {finding}\n  {told}") from finding
    return world.steps


def look(world: World) -> None:
    """What must hold at every moment."""
    rules = [rule for rule in invariants.RULES if rule.number not in EVENTUAL]
    _refuse(world.quietly(lambda: [f"{r.number}: {c}" for r in rules for c in r.complaints(EVER)]))


def settle(world: World) -> None:
    """The gateway answers, what it has pending ends, nobody dies any more, and time passes; then all of it holds."""
    world.fate = None
    world.quietly(_calm)
    for seconds in PATIENCE:
        world.let_pass(seconds)
        world.quietly(_end_pending)  # what is sent again may come to wait only now
        world.quietly(_deliver)
        world.quietly(partial(look_around, world, sync=seconds == PATIENCE[-1]))
        if world.broke:
            raise Finding(world.broke[0])
    _refuse(world.quietly(lambda: complaints(world)))


def _calm() -> None:
    script.bring_up(GATEWAY)
    script.let_speak(GATEWAY)
    armed = db.session.scalars(select(SandboxScript.id).where(SandboxScript.taken_by.is_(None))).all()
    end_read()
    for script_id in armed:
        script.disarm(GATEWAY, script_id)


def _end_pending() -> None:
    pending = db.session.scalars(select(SandboxCharge.ref).where(SandboxCharge.state == ChargeState.PENDING)).all()
    waiting = select(SandboxInstruction.ref).where(
        SandboxInstruction.kind == "refund", SandboxInstruction.state == InstructionState.PENDING
    )
    refunds = db.session.scalars(waiting).all()
    end_read()
    for ref in pending:
        processor.settle(GATEWAY, ref)
    for ref in refunds:
        processor_moves.end_refund(GATEWAY, ref)


def _deliver() -> None:
    for event_id in post.waiting(GATEWAY):
        post.post(event_id)


def complaints(world: World) -> list[str]:
    """Where the end of a life does not add up."""
    found = invariants.broken(grace=timedelta(0))
    found += [f"the sandbox's own books: {c}" for c in reconcile.complaints()]
    found += _unended() + _undone(world) + _overcharged()
    end_read()
    return found


def _unended() -> list[str]:
    """What is not known has a name on somebody's list."""
    escalated = select(Escalation.subject_id).where(Escalation.status != EscalationStatus.RESOLVED)
    unknown = escalated.where(Escalation.symptom.in_((Symptom.ATTEMPT_UNKNOWN, Symptom.QUARANTINED)))
    attempts = select(Attempt.public_id, Attempt.status).where(
        Attempt.status.in_(OPEN), Attempt.id.not_in(unknown.where(Escalation.subject_kind == "attempt"))
    )
    moves = select(Movement.action, Movement.id, Movement.status).where(
        Movement.status.in_(ASKED), Movement.id.not_in(unknown.where(Escalation.subject_kind == "movement"))
    )
    return [
        *(f"attempt {r.public_id} is {r.status} at the end" for r in db.session.execute(attempts)),
        *(f"{r.action} {r.id} is {r.status} at the end" for r in db.session.execute(moves)),
    ]


def _undone(world: World) -> list[str]:
    """Every job is done or waits for a later day, and everything that follows money is done."""
    failed = select(StagedJob.kind, StagedJob.last_error).where(
        StagedJob.kind.not_in(() if world.with_mail else MAIL),
        or_(StagedJob.failed_at.is_not(None), StagedJob.done_at.is_(None) & (StagedJob.run_after < clock.now())),
    )
    left = select(PostProcessing.id, PostProcessing.step, PostProcessing.error).where(PostProcessing.done_at.is_(None))
    return [
        *(f"the job {r.kind} is not done: {r.last_error}" for r in db.session.execute(failed)),
        *(f"after money {r.step} is not done: {r.error}" for r in db.session.execute(left)),
    ]


def _overcharged() -> list[str]:
    """By the processor's own books: of no payment order more was taken, less what went back, than it asks for."""
    gone = func.coalesce(_sum(A.REFUND), 0) - func.coalesce(_sum(A.REFUND_FAILURE), 0)
    taken = (
        select(Attempt.payment_order_id, func.sum(SandboxCharge.captured).label("minor"))
        .join(SandboxCharge, SandboxCharge.key == Attempt.idempotency_key)
        .group_by(Attempt.payment_order_id)
        .subquery()
    )
    rows = db.session.execute(
        select(PaymentOrder.number, PaymentOrder.amount, taken.c.minor, gone.label("gone"))
        .join(taken, taken.c.payment_order_id == PaymentOrder.id)
        .where(taken.c.minor - gone - _lost() > PaymentOrder.amount)
    )
    return [f"{r.minor} were taken for {r.number}, {r.gone} went back, {r.amount} are asked for" for r in rows]


def _sum(action: A) -> Any:
    moved = select(func.sum(Transaction.amount)).where(
        Transaction.payment_order_id == PaymentOrder.id, Transaction.action == action
    )
    return moved.correlate(PaymentOrder).scalar_subquery()


def _lost() -> Any:
    """What left with disputes and did not come back on appeal."""
    lost = select(func.sum(-Receipt.amount)).where(
        Receipt.payment_order_id == PaymentOrder.id, Receipt.dispute_id.is_not(None)
    )
    return func.coalesce(lost.correlate(PaymentOrder).scalar_subquery(), 0)


def _refuse(found: list[str]) -> None:
    if found:
        raise Finding("; ".join(found[:5]))


def kinds(steps: list[str]) -> Counter[str]:
    """How often each verb was, for a look at what lives are made of."""
    return Counter(step.strip().partition(":")[0] for step in steps)
