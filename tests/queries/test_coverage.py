"""The six rows of the coverage table, and which of them wins where two hold."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from flask import Flask
from msgspec.structs import replace

from app.models.method import GatewayState
from app.queries.coverage import MethodFacts, RouteFacts, Step, Verdict, judge

HERE, ELSEWHERE = 1, 2
TODAY = date(2026, 11, 21)
CARD = MethodFacts(exp_year=2029, exp_month=12, detached=False, hard_declined=False, gateways=frozenset({HERE}))
ROUTE = RouteFacts(name="Europe cards", gateway_id=HERE, gateway_name="Sandbox", gateway_state=GatewayState.ACTIVE)


@pytest.mark.parametrize(
    ("card", "state", "verdict"),
    [
        (CARD, GatewayState.ACTIVE, Verdict.READY),
        (replace(CARD, gateways=frozenset({ELSEWHERE})), GatewayState.ACTIVE, Verdict.RETOKENIZE),
        (replace(CARD, gateways=frozenset()), GatewayState.ACTIVE, Verdict.NEW_METHOD),
        (replace(CARD, exp_year=2026, exp_month=10), GatewayState.ACTIVE, Verdict.NEW_METHOD),
        (replace(CARD, detached=True), GatewayState.ACTIVE, Verdict.NEW_METHOD),
        (replace(CARD, hard_declined=True), GatewayState.ACTIVE, Verdict.NEW_METHOD),
        (None, GatewayState.ACTIVE, Verdict.NEW_METHOD),
        (CARD, GatewayState.DEPRECATED, Verdict.LEGACY),
        (replace(CARD, exp_year=2025), GatewayState.DEPRECATED, Verdict.NEW_METHOD),
        (replace(CARD, gateways=frozenset({ELSEWHERE})), GatewayState.DEPRECATED, Verdict.LEGACY),
        (CARD, GatewayState.REMOVED, Verdict.BLOCKED),
        (CARD, GatewayState.UNAVAILABLE, Verdict.WAIT),
        (replace(CARD, detached=True), GatewayState.UNAVAILABLE, Verdict.WAIT),
    ],
)
def test_verdicts(app: Flask, card: MethodFacts | None, state: GatewayState, verdict: Verdict) -> None:
    found = judge(card, replace(ROUTE, gateway_state=state), TODAY)
    assert found.verdict is verdict
    assert found.chargeable is (verdict is Verdict.READY)
    assert found.reason and found.decision


@pytest.mark.parametrize(
    ("until", "agreement", "there", "allowed"),
    [
        (TODAY, True, True, True),
        (TODAY - timedelta(days=1), True, True, False),
        (TODAY, False, True, False),
        (TODAY, True, False, False),
        (None, True, True, False),
    ],
)
def test_a_card_on_a_gateway_being_retired_is_charged_only_by_the_rule(
    app: Flask, until: date | None, agreement: bool, there: bool, allowed: bool
) -> None:
    route = replace(ROUTE, gateway_state=GatewayState.DEPRECATED, legacy_until=until)
    found = judge(CARD if there else replace(CARD, gateways=frozenset()), route, TODAY, agreement=agreement)
    assert (found.verdict, found.chargeable) == (Verdict.LEGACY, allowed)
    assert found.step is (Step.USE if allowed else Step.MIGRATE)
    assert ("21 Nov 2026" in found.reason) is (until == TODAY and there)


@pytest.mark.parametrize(
    ("card", "state", "step"),
    [
        (CARD, GatewayState.ACTIVE, Step.USE),
        (replace(CARD, gateways=frozenset({ELSEWHERE})), GatewayState.ACTIVE, Step.ESCALATE),
        (None, GatewayState.ACTIVE, Step.ASK),
        (CARD, GatewayState.REMOVED, Step.ASK),
        (CARD, GatewayState.UNAVAILABLE, Step.WAIT),
    ],
)
def test_every_verdict_leads_to_its_decision(
    app: Flask, card: MethodFacts | None, state: GatewayState, step: Step
) -> None:
    assert judge(card, replace(ROUTE, gateway_state=state), TODAY).step is step


def test_a_card_is_good_through_its_last_month(app: Flask) -> None:
    card = replace(CARD, exp_year=2026, exp_month=11)
    assert judge(card, ROUTE, date(2026, 11, 30)).verdict is Verdict.READY
    assert judge(card, ROUTE, date(2026, 12, 1)).verdict is Verdict.NEW_METHOD


def test_without_a_route_everything_waits(app: Flask) -> None:
    assert judge(CARD, None, TODAY).verdict is Verdict.WAIT
