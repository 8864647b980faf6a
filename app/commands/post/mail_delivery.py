"""Delivering order mail: claim, hand over outside any transaction, record; each mail goes out once.

What a crash leaves behind is told apart by two marks on the row. Still `sending` and not `handing_over`: nothing has
left, so it is simply done again. `handing_over`: the server may have it; it is sent once more under the same
Message-ID, flagged `ambiguous`, and never a third time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, update

from ... import jobs, settings
from ...clock import now
from ...db import db, end_read, get, lock, transaction
from ...failpoints import failpoint
from ...logs import log
from ...mail import transports
from ...mail.message import Envelope, compose
from ...mail.targets import mint, why_dead
from ...mail.transports import Ambiguous, Permanent, Undelivered
from ...models import SYSTEM, Approval, Document, OrderEmail, Symptom
from ...states.mail import MailEvent, MailStatus
from ..office import escalations

LEASE = timedelta(seconds=120)
BACKOFF = tuple(timedelta(seconds=s) for s in (20, 60, 300, 900, 3600, 2 * 3600, 4 * 3600))
AFTER_AMBIGUITY = timedelta(minutes=5)
# Documents are rendered within a second or two, unless the workers are busy.
DOCUMENT_PAUSE = timedelta(seconds=2)
DOCUMENT_PATIENCE = timedelta(hours=1)


@jobs.handler("mails.deliver", lease=LEASE)
def deliver(email_id: int) -> None:
    """Send one mail, unless it is sent, given up, or in another's hands. Raises jobs.Later to be called again."""
    claimed = _claim(email_id)
    if claimed is None:
        return
    failpoint("mail.claimed")
    try:
        refused = transports.configured().send(_envelope(*claimed), lambda: _mark(email_id))
    except Undelivered as trouble:
        _record_trouble(email_id, trouble)
    except Exception as error:  # a defect of ours must not leave the mail lying
        log.error("mail.broke", email=email_id, exc_info=error)
        _record_trouble(email_id, None)
    else:
        failpoint("mail.delivered")
        _record_delivery(email_id, refused)


def _claim(email_id: int) -> tuple[OrderEmail, list[Document]] | None:
    """Take the mail, with its attachments, for as long as the lease lasts; None if there is nothing to do."""
    with transaction():
        email = lock(OrderEmail, email_id)
        if email.status in (MailStatus.SENT, MailStatus.FAILED):
            return None
        if email.lease_until and email.lease_until > now():
            raise jobs.Later(email.lease_until - now(), "somebody is sending this mail")
        documents = _documents(email)
        if sentence := _hopeless(email, documents):
            _give_up(email, sentence)
            return None
        if any(document.rendered_at is None for document in documents):
            raise jobs.Later(DOCUMENT_PAUSE, "an attachment is still being rendered")
        email.ambiguous = email.ambiguous or email.handing_over
        email.handing_over = False
        email.transition(MailEvent.CLAIM, by=SYSTEM)
        email.tries += 1
        email.lease_until = now() + LEASE
        return email, documents


def _envelope(email: OrderEmail, documents: list[Document]) -> Envelope:
    envelope = compose(email, url=mint(email.link_kind, email.link_public_id), documents=documents)
    end_read()
    return envelope


def _documents(email: OrderEmail) -> list[Document]:
    found = {d.id: d for d in db.session.scalars(select(Document).where(Document.id.in_(email.attachments)))}
    return [found[id] for id in email.attachments]


def _hopeless(email: OrderEmail, documents: list[Document]) -> str:
    """Why sending it (again) makes no sense, in words; empty if it does."""
    if email.handing_over and email.ambiguous:
        return _twice_unclear()
    if email.created_at < now() - DOCUMENT_PATIENCE and any(d.rendered_at is None for d in documents):
        return _("Its PDF could not be made.")
    return why_dead(email.kind, email.link_kind, email.link_public_id)


def _twice_unclear() -> str:
    return _(
        "The mail server broke off twice while taking the message. It may have arrived; ask before sending it again."
    )


def _mark(email_id: int) -> None:
    """From here on only the mail server knows whether it has the message."""
    with transaction() as session:
        session.execute(update(OrderEmail).where(OrderEmail.id == email_id).values(handing_over=True))


def _record_delivery(email_id: int, refused: list[str]) -> None:
    with transaction():
        approval = _request_for(get(OrderEmail, email_id))
        email = lock(OrderEmail, email_id)
        if email.status is not MailStatus.SENDING:
            return
        email.sent_at = now()
        _release(email, " ".join(refused) or None)
        email.transition(MailEvent.DELIVER, by=SYSTEM, because=email.last_error, **_facts(email))
        _relieve(email)
        if approval is not None:
            approval.sent_at = approval.sent_at or email.sent_at


def _request_for(email: OrderEmail) -> Approval | None:
    """The submission that the mail asks to sign, held before its mail is, as whoever sends a reminder holds them."""
    asks = email.subject_kind == Approval.__tablename__ and email.kind == "approval_request"
    return lock(Approval, email.subject_id) if asks else None


def _record_trouble(email_id: int, trouble: Undelivered | None) -> None:
    """Put it back for another try, or give up. Raises jobs.Later for the former."""
    db.session.rollback()
    with transaction():
        email = lock(OrderEmail, email_id)
        if email.status is not MailStatus.SENDING:
            return
        unclear = isinstance(trouble, Ambiguous) or (trouble is None and email.handing_over)
        sentence = str(trouble) if trouble else _("Countersign could not send it because of a defect of its own.")
        if unclear and email.ambiguous:
            _give_up(email, _twice_unclear())
            return
        if isinstance(trouble, Permanent) or email.tries >= settings.fresh(settings.MAIL_TRIES):
            _give_up(email, sentence)
            return
        email.ambiguous = email.ambiguous or unclear
        wait = AFTER_AMBIGUITY if unclear else BACKOFF[min(email.tries, len(BACKOFF)) - 1]
        _release(email, sentence)
        email.transition(MailEvent.PUT_BACK, by=SYSTEM, because=sentence)
    raise jobs.Later(wait, sentence)


def _give_up(email: OrderEmail, sentence: str) -> None:
    log.warning("mail.failed", email=email.id, kind=email.kind)
    _release(email, sentence)
    email.transition(MailEvent.GIVE_UP, by=SYSTEM, because=sentence, **_facts(email))
    _escalate(email, sentence)


def _escalate(email: OrderEmail, sentence: str) -> None:
    """A customer waits for a link that does not come."""
    if email.link_kind is None or why_dead(email.kind, email.link_kind, email.link_public_id):
        return
    facts: dict[str, Any] = {"to": ", ".join(r["address"] for r in email.recipients), "tries": email.tries}
    order_id = email.order_id
    escalations.open(Symptom.LINK_FAILED, email, email.subject[:100], sentence, order_id=order_id, **facts)


def _relieve(email: OrderEmail) -> None:
    """What was sent again has arrived, so nobody needs to see to the mail that had failed, or to those before it."""
    earlier = email.resent_from_id
    while earlier is not None:
        failed = lock(OrderEmail, earlier)
        escalations.clear(Symptom.LINK_FAILED, failed, "It was sent again and has arrived.")
        earlier = failed.resent_from_id


def _release(email: OrderEmail, sentence: str | None) -> None:
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
