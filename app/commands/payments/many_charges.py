"""Many charges at once: the same three steps as one, each for all of them.

The attempts are committed. The gateway is called for many at the same time, by threads that touch no record; what it
confirmed is committed together, and what follows from that together again. Whatever is not plainly a success, or
breaks with the others, is done as one charge alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context

from flask import Flask, current_app

from ... import clock, jobs
from ...failpoints import failpoint
from ...gateways.base import ChargeResult, Outcome
from ...logs import log
from ..routing import gateway_health
from . import charges, outcomes, post_processing
from .charges import Call

# Writing down an answer takes a quarter of the time of what follows from it.
WRITTEN_AT_ONCE = {"sqlite": 16, "postgresql": 64}


def execute(attempt_ids: Sequence[int]) -> None:
    """Send those that may be sent, and write down what became of them. One that breaks stops no other: it stays open,
    and the sweeper asks about it."""
    answers = _ask(charges.prepare(attempt_ids))
    failpoint("charge.answered")
    good = [id for id, answer in answers.items() if answer.outcome is Outcome.SUCCEEDED]
    others = [id for id in answers if id not in good]

    def settle(ids: Sequence[int]) -> int:
        return _settle({id: answers[id] for id in ids})

    def alone(id: int) -> object:
        return charges.answered(id, answers[id])

    jobs.together("charges.settle", good, settle, alone, many=WRITTEN_AT_ONCE)
    jobs.each("charges.settle", others, alone)


def _ask(calls: Sequence[Call]) -> dict[int, ChargeResult]:
    """What the gateways answered, by attempt; nothing of one that was not asked any more."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

    def apart(call: Call, here: Context) -> ChargeResult | None:
        return here.run(asked, call)

    def asked(call: Call) -> ChargeResult | None:
        with app.app_context():
            return _send(call)

    most = min(len(calls), app.config["CHARGES_IN_FLIGHT"])
    if most > 1:
        with ThreadPoolExecutor(most, "charge") as threads:
            found = list(threads.map(apart, calls, [copy_context() for _ in calls]))  # by the same clock as here
    else:
        found = [_send(call) for call in calls]
    return {call.attempt_id: answer for call, answer in zip(calls, found, strict=True) if answer is not None}


def _send(call: Call) -> ChargeResult | None:
    """None where it broke, or came so late that the sweeper has it now."""
    try:
        return call.gateway.charge(call.request) if call.until > clock.now() else None
    except Exception as error:
        log.error("charge.broke", attempt=call.attempt_id, exc_info=error)
        return None


def _settle(answers: dict[int, ChargeResult]) -> int:
    """Write down what the gateways said, and let follow what follows."""
    written = outcomes.write_all(answers)
    for gateway_id in {x.gateway_id for x in written}:
        gateway_health.heard(gateway_id, Outcome.SUCCEEDED)
    failpoint("charge.outcome_committed")
    post_processing.run_all([x.transaction_id for x in written if x.transaction_id is not None])
    return len(written)
