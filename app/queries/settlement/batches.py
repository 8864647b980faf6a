"""The list of payouts: newest first, filtered by what the address says, paged by key. Two statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from ...db import read_columns
from ...models import BatchState, Gateway, LineKind, SettlementBatch, SettlementLine
from ...money import Money
from ...values import Value
from ..months import Month

PAGE = 50
MOST_IN_A_FILE = 20_000
K = LineKind

# The columns of sums and the kinds of lines that each adds up; fees are a column of their own beside every kind.
SUMS: dict[str, tuple[LineKind, ...]] = {
    "charges": (K.CHARGE,),
    "refunds": (K.REFUND, K.REFUND_FAILURE),
    "disputes": (K.DISPUTE, K.REINSTATEMENT),
    "others": (K.FEE, K.ADJUSTMENT),
}


class Filter(Value):
    """What the query string asks for; unknown values ask for nothing."""

    gateway: str = ""
    state: str = ""
    month: Month | None = None

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Filter:
        state = args.get("state", "")
        known = state if state in set(BatchState) else ""
        return cls(args.get("gateway", "")[:40], known, Month.read(args.get("month", "")))

    def url(self, endpoint: str = "settlement.index", **more: Any) -> str:
        month = str(self.month) if self.month else None
        return url_for(endpoint, gateway=self.gateway or None, state=self.state or None, month=month, **more)

    @property
    def narrows(self) -> bool:
        return bool(self.gateway or self.state or self.month)


class Sums(Value):
    """What a payout is made of. `fees` are what the processor kept, above zero; `apart` is what its lines miss."""

    charges: Money
    refunds: Money
    disputes: Money
    others: Money
    fees: Money
    net: Money
    lines: int

    @property
    def found(self) -> Money:
        return self.charges + self.refunds + self.disputes + self.others - self.fees

    @property
    def apart(self) -> Money:
        return self.net - self.found


class BatchRow(Value):
    reference: str
    url: str
    gateway: str
    state: str
    created_on: date
    arrives_on: date
    sums: Sums


class BatchList(Value):
    rows: tuple[BatchRow, ...]
    previous: str | None
    next: str | None


COLUMNS: tuple[Any, ...] = (
    SettlementBatch.id,
    SettlementBatch.provider_id,
    SettlementBatch.state,
    SettlementBatch.currency,
    SettlementBatch.net,
    SettlementBatch.created_on,
    SettlementBatch.arrives_on,
    Gateway.name.label("gateway"),
)


def gateways() -> list[tuple[str, str]]:
    """Keys and names of all that can be filtered by."""
    return [(r.key, r.name) for r in read_columns(select(Gateway.key, Gateway.name).order_by(Gateway.name))]


def view(wanted: Filter, *, before: str = "", after: str = "") -> BatchList:
    """One page of payouts older than the one with the key `before`, or newer than `after`; see `key_of`."""
    older_than, newer_than = _read_key(before), _read_key(after)
    query = select(*COLUMNS).join(Gateway, Gateway.id == SettlementBatch.gateway_id).where(*_conditions(wanted))
    if older_than:
        query = query.where(_beside(older_than, older=True))
    elif newer_than:
        query = query.where(_beside(newer_than, older=False))
    backwards = newer_than is not None and older_than is None
    found = list(read_columns(_sorted(query, backwards).limit(PAGE + 1)))
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else older_than is not None)
    return BatchList(
        rows=_rows(found),
        previous=wanted.url(after=key_of(found[0])) if found and newer else None,
        next=wanted.url(before=key_of(found[-1])) if found and older else None,
    )


def every(wanted: Filter) -> tuple[BatchRow, ...]:
    """All that the filter finds, for a file."""
    query = select(*COLUMNS).join(Gateway, Gateway.id == SettlementBatch.gateway_id).where(*_conditions(wanted))
    return _rows(list(read_columns(_sorted(query, False).limit(MOST_IN_A_FILE))))


def key_of(row: Row[Any]) -> str:
    return f"{row.created_on.isoformat()}.{row.id}"


def _read_key(text: str) -> tuple[date, int] | None:
    day, _, id = text.partition(".")
    try:
        return date.fromisoformat(day), min(int(id), 2**62)
    except ValueError:
        return None


def _beside(key: tuple[date, int], *, older: bool) -> ColumnElement[bool]:
    day, id = SettlementBatch.created_on, SettlementBatch.id
    if older:
        return or_(day < key[0], and_(day == key[0], id < key[1]))
    return or_(day > key[0], and_(day == key[0], id > key[1]))


def _sorted(query: Any, backwards: bool) -> Any:
    keys = (SettlementBatch.created_on, SettlementBatch.id)
    return query.order_by(*(k.asc() if backwards else k.desc() for k in keys))


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.gateway:
        found.append(Gateway.key == wanted.gateway)
    if wanted.state:
        found.append(SettlementBatch.state == BatchState(wanted.state))
    if wanted.month:
        day = SettlementBatch.created_on
        found += [day >= wanted.month.first, day < wanted.month.plus(1).first]
    return found


def _rows(found: list[Row[Any]]) -> tuple[BatchRow, ...]:
    lines = _by_kind([r.id for r in found])
    return tuple(
        BatchRow(
            reference=r.provider_id,
            url=url_for("settlement.batch", batch_id=r.id),
            gateway=r.gateway,
            state=r.state,
            created_on=r.created_on,
            arrives_on=r.arrives_on,
            sums=summed(Money(r.net, r.currency), lines.get(r.id, ())),
        )
        for r in found
    )


def _by_kind(ids: list[int]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {}
    for row in read_columns(sums_of_lines(SettlementLine.batch_id.in_(ids))) if ids else ():
        found.setdefault(row.batch_id, []).append(row)
    return found


def sums_of_lines(condition: ColumnElement[bool]) -> Any:
    """By batch and kind: how many lines, what they move and what of it are fees."""
    return (
        select(
            SettlementLine.batch_id,
            SettlementLine.kind,
            func.count().label("lines"),
            func.sum(SettlementLine.gross).label("gross"),
            func.sum(SettlementLine.fee).label("fee"),
        )
        .where(condition)
        .group_by(SettlementLine.batch_id, SettlementLine.kind)
    )


def summed(net: Money, kinds: Iterable[Row[Any]]) -> Sums:
    rows, currency = list(kinds), net.currency
    columns = {name: sum(int(r.gross) for r in rows if r.kind in kinds) for name, kinds in SUMS.items()}
    fees = sum(int(r.fee) for r in rows)
    sums = {name: Money(minor, currency) for name, minor in columns.items()}
    return Sums(**sums, fees=Money(fees, currency), net=net, lines=sum(int(r.lines) for r in rows))
