"""Lives by a seed. `bin/test --long` lives ten thousand of them; here a few, and what shows that they would notice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.commands.payments import charges, movement_calls
from app.gateways.sandbox import script
from app.gateways.sandbox.adapter import SandboxGateway
from app.gateways.sandbox.cards import Fault
from tests.faults import lives
from tests.faults.verbs import DEADLY, order, pay, refund, refund_by_hand, tick
from tests.faults.world import Finding, Verb, World, living

pytestmark = pytest.mark.faults

FEW = range(3)


def seeds() -> range:
    """COUNTERSIGN_SEEDS=from:to lives others, for a look at one that was found elsewhere."""
    given = os.environ.get("COUNTERSIGN_SEEDS")
    return range(*map(int, given.split(":"))) if given else FEW


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with living(sqlite_template, tmp_path_factory.mktemp("life")) as world:
        yield world


def test_whatever_happens_in_a_life_it_adds_up_in_the_end(world: World) -> None:
    for seed in seeds():
        assert lives.live(world, seed)


def test_lives_in_which_processes_are_really_killed_add_up(world: World) -> None:
    kills = 0
    for seed in range(2):
        assert lives.live(world, seed, verbs=DEADLY)
        kills += world.kills
    assert kills


def test_a_life_is_the_same_whenever_it_is_lived(world: World) -> None:
    assert lives.kinds(lives.live(world, 3)) == lives.kinds(lives.live(world, 3))


def found(world: World, few: dict[Verb, int], most: int = 20) -> str:
    """What lives made of these verbs come upon."""
    for seed in range(most):
        try:
            lives.live(world, seed, verbs=few, steps=8)
        except Finding as finding:
            return str(finding)
    return ""


def an_answer_is_lost(w: World) -> str:
    return str(script.next_charge(fault=Fault.TIMEOUT_AFTER))


def test_control_a_charge_declared_lost_without_a_look_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    few: dict[Verb, int] = {order: 1, pay: 3, an_answer_is_lost: 3, tick: 2}
    assert found(world, few, most=2) == ""
    monkeypatch.setattr(SandboxGateway, "look_up", lambda *_: None)
    monkeypatch.setattr(charges, "SEND_AGAIN_WITHIN", timedelta(seconds=5))
    assert "the sandbox booked" in found(world, few)


def test_control_a_refund_that_we_do_not_hear_of_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    few: dict[Verb, int] = {order: 1, pay: 3, refund: 2, refund_by_hand: 2, tick: 2}
    assert found(world, few, most=2) == ""
    monkeypatch.setattr(movement_calls, "hear", lambda gateway_id, refund_id: True)
    assert "the sandbox refunded" in found(world, few)
