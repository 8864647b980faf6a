"""The example objects that Stripe publishes, whole and unmodified, of every kind that is read: what is said of them is
what is said of the few fields that `test_published_examples` knows, and none of the rest surprises."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.gateways.notices import Subject
from app.gateways.stripe import disputes, movements, notices, reading, settlement
from tests.gateways.stripe.test_published_examples import EXAMPLES

FILE = Path(__file__).parents[4] / "shared" / "stripe" / "fixtures3.json"
Fact = dict[str, Any]


def _charge(charge: Fact) -> Any:
    return reading.charge_id(charge), reading.money(charge), reading.card_in({"latest_charge": charge})


READERS: dict[str, Callable[[Fact], Any]] = {
    "payment_intent": reading.charge,
    "setup_intent": reading.setup,
    "payment_method": reading.card_of,
    "charge": _charge,
    "refund": movements.refunded,
    "dispute": disputes.read,
    "payout": lambda thing: settlement.read(thing, []),
    "balance_transaction": lambda thing: settlement.read(EXAMPLES["payout"], [thing]).items,
    "event": notices.notice,
}


@cache
def published() -> Fact:
    if not FILE.is_file():
        pytest.fail(
            f"Stripe's published objects are not at {FILE}; get fixtures3.json of stripe/openapi and put it there."
        )
    return json.loads(FILE.read_text())["resources"]


def within(thing: Any) -> Iterator[Fact]:
    """Every object, however deep it lies."""
    for part in thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ():
        yield from within(part)
    if isinstance(thing, dict) and isinstance(thing.get("object"), str):
        yield thing


def said(kind: str, thing: Fact) -> Any:
    found = READERS[kind](thing)
    return replace(found, raw_sha256="") if hasattr(found, "raw_sha256") else found


@pytest.mark.parametrize("kind", READERS)
def test_each_whole_object_says_what_the_fields_say_that_we_read(kind: str) -> None:
    whole = published()[kind]
    assert set(EXAMPLES[kind]) < set(whole)
    assert said(kind, whole) == said(kind, EXAMPLES[kind])


@pytest.mark.parametrize("kind", READERS)
def test_each_that_lies_within_another_is_read_as_well(kind: str) -> None:
    found = [thing for thing in within(published()) if thing["object"] == kind]
    assert found
    for thing in found:
        said(kind, thing)


def test_an_event_about_any_object_is_about_something_we_know_or_left_alone() -> None:
    event, known = published()["event"], set[str]()
    for thing in within(published()):
        notice = notices.notice(event | {"data": {"object": thing}})
        assert (notice.subject is Subject.OTHER) is (notice.subject_id is None)
        known |= {thing["object"]} if notice.subject is not Subject.OTHER else set()
    assert known == set(notices.SUBJECTS)


def test_an_account_and_an_endpoint_tell_what_the_check_asks_of_them() -> None:
    assert {"charges_enabled", "payouts_enabled"} <= set(published()["account"])
    assert {"url", "status", "enabled_events"} <= set(published()["webhook_endpoint"])
    assert all(published()[kind]["id"] for kind in ("customer", "file"))
