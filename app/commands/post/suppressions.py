"""Suppressing an address, and lifting that again."""

from __future__ import annotations

from ... import access, audit, clock
from ...access import Permission
from ...db import insert_once, lock, transaction
from ...errors import Refusal
from ...models import SYSTEM, Actor, SuppressedAddress, User


def suppress(address: str, cause: str, words: str, *, email_id: int | None) -> None:
    """Nothing is sent there from now on; once, however often it fails. Inside the transaction of its cause."""
    at = address.strip().lower()
    facts = {"address": at, "cause": cause, "words": words, "email_id": email_id, "since": clock.now()}
    if insert_once(SuppressedAddress, **facts):
        audit.note("address.suppressed", at, by=SYSTEM, after={"cause": cause, "words": words})


def lift(suppressed_id: int, *, because: str, by: User) -> SuppressedAddress:
    """Mail goes there again. Raises Refusal: `not_permitted`, `not_suppressed`."""
    with transaction():
        access.demand(by, Permission.MAIL_LIFT)
        row = lock(SuppressedAddress, suppressed_id)
        if row.lifted_at is not None:
            raise Refusal("not_suppressed", "Somebody has lifted this already; mail goes there again.")
        row.lifted_at, row.lifted_by, row.lifted_because = clock.now(), by.name, because
        audit.note("address.lifted", row.address, by=Actor.of(by), before=row.words, after=because)
        return row
