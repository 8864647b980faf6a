"""What became of a mail: delivered, put back for another try, or given up; and who is told when it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _

from ... import jobs, settings
from ...clock import now
from ...db import db, get, lock, transaction
from ...logs import log
from ...mail.targets import why_dead
from ...mail.transports import Ambiguous, Permanent, Undelivered
from ...models import SYSTEM, Approval, OrderEmail, Symptom
from ...states.mail import MailEvent, MailStatus
from ..office import escalations

BACKOFF = tuple(timedelta(seconds=s) for s in (20, 60, 300, 900, 3600, 2 * 3600, 4 * 3600))
AFTER_AMBIGUITY = timedelta(minutes=5)


def delivered(email_id: int, refused: Mapping[str, str], lease: datetime) -> None:
    """The server has it; `refused` says by address why it did not take some of several recipients."""
    with transaction():
        approval = request_for(get(OrderEmail, email_id))
        email = lock(OrderEmail, email_id)
        if not in_hand(email, lease):
            return
        email.sent_at = now()
        email.recipients = [
            r | {"refused": refused[r["address"]]} if r["address"] in refused else r for r in email.recipients
        ]
        release(email, " ".join(r["refused"] for r in email.recipients if "refused" in r) or None)
        email.transition(MailEvent.DELIVER, by=SYSTEM, because=email.last_error, **_facts(email))
        relieve(email)
        if approval is not None:
            approval.sent_at = approval.sent_at or email.sent_at


def in_hand(email: OrderEmail, lease: datetime) -> bool:
    """Whether it is still ours: whoever took it up since has a lease of their own."""
    return email.status is MailStatus.SENDING and email.lease_until == lease


def request_for(email: OrderEmail) -> Approval | None:
    """The submission that the mail asks to sign, held before its mail is, as whoever sends a reminder holds them."""
    asks = email.subject_kind == Approval.__tablename__ and email.kind == "approval_request"
    return lock(Approval, email.subject_id) if asks else None


def troubled(email_id: int, trouble: Undelivered | None, lease: datetime) -> jobs.Later | None:
    """Put it back for another try, which Later says when, or give up. None for a defect of ours."""
    db.session.rollback()
    with transaction():
        email = lock(OrderEmail, email_id)
        if not in_hand(email, lease):
            return None
        unclear = isinstance(trouble, Ambiguous) or (trouble is None and email.handing_over)
        sentence = str(trouble) if trouble else _("Countersign could not send it because of a defect of its own.")
        if unclear and email.ambiguous:
            give_up(email, twice_unclear())
            return None
        if isinstance(trouble, Permanent) or email.tries >= settings.fresh(settings.MAIL_TRIES):
            give_up(email, sentence)
            return None
        email.ambiguous = email.ambiguous or unclear
        wait = AFTER_AMBIGUITY if unclear else BACKOFF[min(email.tries, len(BACKOFF)) - 1]
        release(email, sentence)
        email.transition(MailEvent.PUT_BACK, by=SYSTEM, because=sentence)
    return jobs.Later(wait, sentence)


def twice_unclear() -> str:
    return _(
        "The mail server broke off twice while taking the message. It may have arrived; ask before sending it again."
    )


def give_up(email: OrderEmail, sentence: str) -> None:
    withdraw(email, sentence)
    escalate(email, sentence)


def withdraw(email: OrderEmail, sentence: str) -> None:
    """Given up, and nobody needs to see to it."""
    log.warning("mail.failed", email=email.id, kind=email.kind)
    release(email, sentence)
    email.transition(MailEvent.GIVE_UP, by=SYSTEM, because=sentence, **_facts(email))


def escalate(email: OrderEmail, sentence: str) -> None:
    """A customer waits for a link that does not come."""
    if email.link_kind is None or why_dead(email.kind, email.link_kind, email.link_public_id):
        return
    facts: dict[str, Any] = {"to": ", ".join(r["address"] for r in email.recipients), "tries": email.tries}
    order_id = email.order_id
    escalations.open(Symptom.LINK_FAILED, email, email.subject[:100], sentence, order_id=order_id, **facts)


def relieve(email: OrderEmail) -> None:
    """What was sent again has arrived, so nobody needs to see to the mail that had failed, or to those before it."""
    earlier = email.resent_from_id
    while earlier is not None:
        failed = lock(OrderEmail, earlier)
        escalations.clear(Symptom.LINK_FAILED, failed, "It was sent again and has arrived.")
        earlier = failed.resent_from_id


def release(email: OrderEmail, sentence: str | None) -> None:
    email.lease_until = None
    email.handing_over = False
    email.last_error = sentence[:500] if sentence else None


def _facts(email: OrderEmail) -> dict[str, object]:
    """What the order's timeline says about it."""
    return {
        "kind": email.kind,
        "subject": email.subject,
        "to": [recipient["address"] for recipient in email.recipients],
        "again": email.resent_from_id is not None,
    }
