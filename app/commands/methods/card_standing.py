"""What a charge says of the saved card that it was made to: after a decline that no retry can mend it is not charged
again, wherever it might be offered, until it is saved anew, renewed by its bank, or a later charge succeeds.

The later of two charges decides, in whatever order their answers come. Called inside a transaction, with the account
held, by whoever writes an answer down.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, bindparam, select

from ... import clock
from ...db import db, read_columns
from ...models import Attempt, PaymentMethod, Token
from ...states.attempt import AttemptStatus
from ...states.declines import HOPELESS, explain

SPOILED = select(PaymentMethod.id).where(
    PaymentMethod.id.in_(bindparam("method_ids_", expanding=True)), PaymentMethod.hard_declined_at.is_not(None)
)


def refused(attempt: Attempt) -> None:
    """A decline: the card is not charged again, if another one is needed and nothing later speaks for it."""
    found = explain(attempt.decline_code, attempt.advice)
    if attempt.method_id is not None and found.needs_other_card and _still_speaks(attempt):
        db.session.get_one(PaymentMethod, attempt.method_id).hard_declined_at = clock.now()


def _still_speaks(attempt: Attempt) -> bool:
    """Of the card as it is on file now: not of what was there before it was saved anew."""
    same = select(Token.id).where(Token.gateway_id == attempt.gateway_id, Token.token == attempt.token)
    return db.session.scalar(same) is not None and not _later(attempt, Attempt.status == AttemptStatus.SUCCEEDED)


def accepted(attempts: Iterable[Attempt]) -> None:
    """Successes; one statement where none of their cards was refused."""
    told = {attempt.method_id: attempt for attempt in attempts if attempt.method_id is not None}
    spoiled = read_columns(SPOILED, method_ids_=sorted(told)).scalars().all() if told else []
    for method_id in spoiled:
        if not _later(told[method_id], Attempt.decline_class.in_(HOPELESS)):
            db.session.get_one(PaymentMethod, method_id).hard_declined_at = None


def _later(attempt: Attempt, what: ColumnElement[bool]) -> bool:
    """Whether a charge that was made later to the same card became that."""
    query = select(Attempt.id).where(Attempt.method_id == attempt.method_id, Attempt.id > attempt.id, what)
    return db.session.scalar(query.limit(1)) is not None
