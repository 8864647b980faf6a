"""The same world, walked by Hypothesis, which makes what it finds as short as it can."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.faults import lives, verbs
from tests.faults.world import Verb, World, living

pytestmark = pytest.mark.faults

BOUNDED = settings(
    max_examples=5,
    stateful_step_count=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Machine(RuleBasedStateMachine):
    """Each rule lets one of its verbs happen; then whatever must always hold, holds, and in the end all of it."""

    world: World

    @initialize(dice=st.randoms(use_true_random=False))
    def be_born(self, dice: random.Random) -> None:
        self.world.be_born(dice)
        self.world.do(verbs.order)

    def teardown(self) -> None:
        lives.settle(self.world)


def _rule(*these: Verb) -> Any:
    """Does the first of them, in an order of its own dice, that there is something to do for."""

    def happens(self: Machine, dice: random.Random) -> None:
        self.world.rng = dice
        for verb in dice.sample(these, len(these)):
            if self.world.do(verb):
                break
        lives.look(self.world)

    return rule(dice=st.randoms(use_true_random=False))(happens)


RULES: dict[str, tuple[Verb, ...]] = {
    "approve": (verbs.submit, verbs.sign, verbs.decide_refund),
    "edit": (verbs.order, verbs.edit, verbs.cancel, verbs.book, verbs.request),
    "pay": (verbs.pay, verbs.customer_pays, verbs.confirm),
    "money_without_gateway": (verbs.money_comes, verbs.bounce, verbs.apply, verbs.take_off, verbs.credit),
    "webhook": (verbs.events_come,),
    "hold": (verbs.hold_first,),
    "capture": (verbs.capture,),
    "void": (verbs.void,),
    "refund": (verbs.refund, verbs.refund_by_hand, verbs.end_refund),
    "dispute": (verbs.contest, verbs.bank_decides, verbs.answer_dispute),
    "settle": (verbs.payout, verbs.sync),
    "tick": (verbs.tick, verbs.work),
    "script": (verbs.script_next,),
    "crash": (verbs.crash, verbs.meanwhile),
}
for name, these in RULES.items():
    setattr(Machine, name, _rule(*these))


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with living(sqlite_template, tmp_path_factory.mktemp("machine")) as world:
        yield world


def walk(world: World, examples: int = BOUNDED.max_examples) -> None:
    here = type("Here", (Machine,), {"world": world})
    run_state_machine_as_test(here, settings=settings(BOUNDED, max_examples=examples))


def test_whatever_order_things_happen_in_the_books_add_up(world: World) -> None:
    walk(world)
