"""Changing what is paid, how, or on which day. It takes effect with the next period that is not due yet, and makes a
new version of the agreement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from ... import audit
from ...access import Permission, demand
from ...db import transaction
from ...errors import Refusal, StaleVersion
from ...formatting import day as words_of_day
from ...mail.agreement_kinds import Told
from ...models import Actor, CollectionMethod, PaymentAgreement, Proration, User
from ...states.agreement import ENDED
from ...values import Value
from . import holding, schedule, supplying, telling, versions
from .agreements import refuse_unless_chargeable
from .pausing import not_running


class Change(Value):
    """What is wanted from the next period on. `lines`: quantity and unit price by the line's id, those that are not
    named stay. `next_on`: the new day of the next payment, which the following ones count from. `proration` None: as it
    is."""

    collection: CollectionMethod
    method_id: int | None = None
    lines: Mapping[int, tuple[Decimal, Decimal]] = msgspec.field(default_factory=dict)
    next_on: date | None = None
    proration: Proration | None = None


def change(agreement_id: int, wanted: Change, *, version: int, because: str, by: User) -> PaymentAgreement:
    """Raises Refusal: `not_permitted`, `not_running`, `stale_version`, `no_method`, `nothing_to_pay`, `foreign_line`,
    `day_too_early`, `after_the_end`, `nothing_left`, `nothing_changed`."""
    with transaction():
        demand(by, Permission.AGREEMENT_MANAGE)
        row, actor = holding.hold(agreement_id), Actor.of(by)
        if row.status in ENDED:
            raise not_running(row)
        if row.version != version:
            raise StaleVersion("This agreement was changed since the page was opened.", row.version)
        before = _told(row)
        _take_method(row, wanted)
        _take_lines(row, wanted)
        _take_day(row, wanted)
        row.proration = wanted.proration or row.proration
        if (after := _told(row)) == before:
            raise Refusal("nothing_changed", "Nothing is different from what was agreed.", status=422)
        schedule.renew(row, by=actor, because="Changed")
        supplying.follow(row)
        row.record("changed", by=actor, because=because.strip() or None, number=row.number, **_of(after))
        audit.note("agreement.change", row.number, by=actor, before=before, after=after)
        paper = versions.write(row, because.strip() or "Changed", by=actor)
        telling.tell(row, Told.CHANGED, paper=paper, by=actor)
        return row


def _take_method(row: PaymentAgreement, wanted: Change) -> None:
    refuse_unless_chargeable(row.account_id, wanted.collection, wanted.method_id)
    row.collection = wanted.collection
    row.method_id = wanted.method_id if wanted.collection is CollectionMethod.SAVED_METHOD else None


def _take_lines(row: PaymentAgreement, wanted: Change) -> None:
    by_id = {line.id: line for line in row.lines}
    for line_id, (quantity, unit_price) in wanted.lines.items():
        if line_id not in by_id:
            raise Refusal("foreign_line", "This line is not on the agreement.", status=422)
        by_id[line_id].quantity, by_id[line_id].unit_price = quantity, unit_price
    if not row.totals().gross:
        raise Refusal("nothing_to_pay", "This comes to nothing; cancel the agreement instead.", status=422)


def _take_day(row: PaymentAgreement, wanted: Change) -> None:
    """Later only: the days up to then are a gift, while an earlier day would ask for some of them twice."""
    coming = schedule.coming(row)
    if wanted.next_on is None or (coming is not None and wanted.next_on == coming.due_on):
        return
    if coming is None:
        raise Refusal("nothing_left", "No further payment is scheduled, so there is no day to move.", status=422)
    if wanted.next_on < coming.due_on:
        raise Refusal(
            "day_too_early",
            "The days until %(day)s are paid for already.",
            "Choose that day or a later one.",
            status=422,
            day=words_of_day(coming.due_on),
        )
    if row.last_day is not None and wanted.next_on > row.last_day:
        raise Refusal(
            "after_the_end",
            "It ends on %(day)s; after that day nothing is paid.",
            "Choose that day or an earlier one.",
            status=422,
            day=words_of_day(row.last_day),
        )
    row.anchor, row.anchor_period = wanted.next_on, coming.period


def _told(row: PaymentAgreement) -> dict[str, Any]:
    """What of it can be changed, for the audit."""
    return {
        "amount": row.totals().gross,
        "lines": [[x.description, str(x.quantity), str(x.unit_price)] for x in row.lines],
        "collection": str(row.collection),
        "method": row.method_id,
        "from": row.anchor.isoformat(),
        "proration": str(row.proration),
    }


def _of(told: dict[str, Any]) -> dict[str, Any]:
    return {"amount": told["amount"].minor, "currency": told["amount"].currency, "collection": told["collection"]}
