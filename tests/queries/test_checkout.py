"""What a payer is told, by what the evidence says."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app.queries.public import checkout
from app.queries.public.checkout import Facts, State, judge
from app.states.attempt import AttemptStatus
from app.states.intent import IntentStatus

BASE = Facts(
    requested=100,
    captured=0,
    closed=False,
    order_cancelled=False,
    on_hold=False,
    attempt=None,
    intent=IntentStatus.LIVE,
    expired=False,
    tries_left=5,
)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, State.PAY),
        ({"attempt": AttemptStatus.DECLINED}, State.PAY),
        ({"attempt": AttemptStatus.FAILED}, State.PAY),
        ({"attempt": AttemptStatus.STARTED}, State.CONFIRMING),
        ({"attempt": AttemptStatus.PENDING, "intent": IntentStatus.REVOKED}, State.CONFIRMING),
        ({"attempt": AttemptStatus.UNKNOWN, "order_cancelled": True}, State.CONFIRMING),
        ({"attempt": AttemptStatus.REQUIRES_ACTION, "tries_left": 0}, State.ACTION),
        ({"captured": 100, "order_cancelled": True, "intent": IntentStatus.CANCELLED}, State.PAID),
        ({"captured": 60, "intent": IntentStatus.PAID}, State.SUPERSEDED),
        ({"held": 100, "attempt": AttemptStatus.SUCCEEDED, "intent": IntentStatus.PAID}, State.AUTHORIZED),
        ({"captured": 60, "held": 40}, State.AUTHORIZED),
        ({"held": 40}, State.PAY),
        ({"tries_left": 0}, State.NO_MORE_TRIES),
        ({"on_hold": True}, State.ON_HOLD),
        ({"expired": True}, State.EXPIRED),
        ({"closed": True}, State.WITHDRAWN),
        ({"closed": True, "order_cancelled": True}, State.CANCELLED),
        ({"intent": IntentStatus.REVOKED}, State.REVOKED),
        ({"intent": IntentStatus.SUPERSEDED}, State.SUPERSEDED),
        ({"intent": IntentStatus.EXPIRED}, State.EXPIRED),
    ],
)
def test_the_payer_is_told_by_the_evidence(changes: dict[str, object], state: State) -> None:
    assert judge(replace(BASE, **changes)) is state  # type: ignore[arg-type]


def test_no_state_is_without_its_page() -> None:
    shown = {State.PAY, State.ACTION, State.CONFIRMING, State.AUTHORIZED, State.PAID, State.NO_MORE_TRIES}
    shown |= {State.ON_HOLD}
    assert shown | checkout.DEAD == set(State)
