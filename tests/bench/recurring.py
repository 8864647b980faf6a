"""Many agreements due today, and the gateway that charges them while bin/bench looks at the watch.

The first is made as people make it; the others are copies of its rows, as making so many would take hours.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, insert, select

from app.db import WRITE, db, end_read
from app.gateways.base import ChargeRequest, ChargeResult, Outcome
from app.models import (
    Account,
    Address,
    AgreementLine,
    AgreementVersion,
    Contact,
    History,
    PaymentAgreement,
    PaymentMethod,
    PaymentProfile,
    ScheduledPayment,
    Token,
)
from app.money import Money
from tests import plans
from tests.gateways.scripted import ScriptedGateway

AT_ONCE = 1000
# Each with the columns that lead to the others, and those of which no two rows say the same.
COPIED: tuple[tuple[type[Any], tuple[str, ...], tuple[str, ...]], ...] = (
    (Account, (), ("number",)),
    (Address, ("account_id",), ()),
    (Contact, ("account_id",), ()),
    (PaymentMethod, ("account_id", "contact_id"), ()),
    (PaymentProfile, ("account_id",), ("customer_ref",)),
    (Token, ("method_id",), ("token",)),
    (PaymentAgreement, ("account_id", "contact_id", "method_id"), ("number",)),
    (AgreementLine, ("agreement_id",), ()),
    (AgreementVersion, ("agreement_id",), ()),
    (ScheduledPayment, ("agreement_id",), ()),
)
LEADS_TO = {"account_id": "account", "contact_id": "contact", "method_id": "payment_method"}
LEADS_TO |= {"agreement_id": "payment_agreement"}


def seed(count: int) -> None:
    """So many agreements of as many accounts, each with a period that is due today by a card on file."""
    first = plans.by_hand(card=True)
    first_rows = _rows_of(first.id, first.account_id)
    end_read()
    engine: Engine = db.engine.execution_options(**{WRITE: True})
    for start in range(1, count, AT_ONCE):
        with engine.begin() as connection:
            numbers = range(start, min(start + AT_ONCE, count))
            _copy(connection, first_rows, numbers)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")  # as autovacuum does within minutes


def _rows_of(agreement_id: int, account_id: int) -> dict[str, list[dict[str, Any]]]:
    wanted = {"account_id": account_id, "agreement_id": agreement_id}
    found = {}
    for model, leads, _unique in COPIED:
        table: Any = model.__table__
        query = table.select()
        if model in (Account, PaymentAgreement):
            query = query.where(table.c.id == (account_id if model is Account else agreement_id))
        elif model is Token:
            query = query.where(table.c.method_id.in_([row["id"] for row in found["payment_method"]]))
        else:
            query = query.where(table.c[leads[0]] == wanted[leads[0]])
        found[table.name] = [dict(row) for row in db.session.execute(query).mappings()]
    return found


def _copy(connection: Any, rows: dict[str, list[dict[str, Any]]], numbers: Iterable[int]) -> None:
    """Ids are the first row's and so many thousands more, which no row of another number has."""
    step = 1 + max(row["id"] for table in rows.values() for row in table)
    for model, leads, unique in COPIED:
        table: Any = model.__table__
        made = []
        for n in numbers:
            for row in rows[table.name]:
                moved = {name: row[name] + n * step for name in ("id", *leads) if row[name] is not None}
                named = {name: f"{row[name]}-{n}" for name in unique if row[name] is not None}
                later = {name: None for name in row if name.endswith(("_contact_id", "_address_id", "_method_id"))}
                made.append(row | (later if model is Account else {}) | moved | named)
        connection.execute(insert(table), made)
        if connection.dialect.name == "postgresql":
            series = func.pg_get_serial_sequence(table.name, "id")
            connection.execute(select(func.setval(series, select(func.max(table.c.id)).scalar_subquery())))
    _tell(connection, rows, numbers, step)


def _tell(connection: Any, rows: dict[str, list[dict[str, Any]]], numbers: Iterable[int], step: int) -> None:
    """Who gets the bill, and that each agreement was activated."""
    (account,), (agreement,) = rows["account"], rows["payment_agreement"]
    table: Any = Account.__table__
    for n in numbers:
        to = {name: account[name] + n * step for name in ("billing_contact_id", "billing_address_id") if account[name]}
        if to:
            connection.execute(table.update().where(table.c.id == account["id"] + n * step).values(to))
    told = History.__table__
    first = [
        dict(row)
        for row in connection.execute(
            select(told).where(told.c.entity == "payment_agreement", told.c.entity_id == agreement["id"])
        ).mappings()
    ]
    again = [
        {name: value for name, value in row.items() if name != "id"} | {"entity_id": agreement["id"] + n * step}
        for n in numbers
        for row in first
    ]
    if again:
        connection.execute(insert(told), again)


class Till(ScriptedGateway):
    """Takes every charge after `seconds`, and writes each key once into a `book` that outlives the process."""

    def __init__(self, seconds: float, book: Path | None = None) -> None:
        super().__init__()
        self.seconds, self.book = seconds, book
        self.known: dict[str, Money] = {}
        self._read, self._reading = 0, threading.Lock()

    def charge(self, request: ChargeRequest) -> ChargeResult:
        time.sleep(self.seconds)
        if self.book is not None and self.look_up(request.key, None) is None:
            amount, asked = request.amount, request.metadata["payment_order"]
            with self.book.open("ab") as file:
                os.write(file.fileno(), f"{request.key} {amount.minor} {amount.currency} {asked}\n".encode())
        return _taken(request.key, request.amount)

    def look_up(self, key: str, provider_id: str | None) -> ChargeResult | None:
        with self._reading:  # charges are many at once
            if self.book is not None and key not in self.known and self.book.exists():
                self._read_on(self.book)
        return _taken(key, self.known[key]) if key in self.known else None

    def _read_on(self, book: Path) -> None:
        with book.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode().splitlines():
            key, minor, currency, _asked = line.split()
            self.known[key] = Money(int(minor), currency)


def _taken(key: str, amount: Money) -> ChargeResult:
    return ChargeResult(Outcome.SUCCEEDED, f"till-{key}", amount, raw_sha256="0" * 64)
