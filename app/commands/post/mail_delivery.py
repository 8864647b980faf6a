"""Delivering order mail: claim, hand over outside any transaction, record; each mail goes out once.

What is due is taken up many at once, and leaves over one line; still each mail has its own marks, by which what a crash
leaves behind is told apart. Still `sending` and not `handing_over`: nothing has left, so it is simply done again.
`handing_over`: the server may have it; it is sent once more under the same Message-ID, flagged `ambiguous`, and never a
third time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import bindparam, select, update

from ... import jobs
from ...clock import now
from ...db import HOLD, db, end_read, lock, transaction, write
from ...failpoints import failpoint
from ...logs import log
from ...mail import suppression, targets, transports
from ...mail.message import Envelope, compose
from ...mail.targets import Known
from ...mail.transports import Transport, Undelivered, Unreachable
from ...models import SYSTEM, Document, OrderEmail
from ...queries.invoices import reminders
from ...states.mail import MailEvent, MailStatus
from ...values import Value
from . import mail_outcomes as outcomes

MOST = 50
LEASE = timedelta(seconds=120)
# No further mail of those taken up is begun after so many seconds: the last one must end within the lease.
SPAN = 20.0
# Documents are rendered within a second or two, unless the workers are busy.
DOCUMENT_PAUSE = timedelta(seconds=2)
DOCUMENT_PATIENCE = timedelta(hours=1)

Outcome = jobs.Later | None
MARKED = (
    update(OrderEmail)
    .where(OrderEmail.id == bindparam("email_id_"), OrderEmail.status == MailStatus.SENDING)
    .where(OrderEmail.lease_until == bindparam("lease_"))
    .values(handing_over=True)
    .returning(OrderEmail.id)
)
EVER = datetime.min.replace(tzinfo=UTC)


class Claimed(Value):
    """A mail in hand until `lease`, with its real link, which is stored nowhere; or when to come back; or nothing."""

    email: OrderEmail | None = None
    lease: datetime = EVER
    url: str = ""
    documents: tuple[Document, ...] = ()
    later: Outcome = None


@jobs.handler("mails.deliver", lease=LEASE, most=MOST)
def deliver_all(asked: Sequence[dict[str, int]]) -> list[Outcome]:
    """Send these mails, but for those that are sent, given up, or in another's hands."""
    claimed = _claim([job["email_id"] for job in asked])
    failpoint("mail.claimed")
    return _Round(transports.configured()).deliver(claimed)


def deliver(email_id: int) -> None:
    """Send one mail. Raises jobs.Later to be called again."""
    (later,) = deliver_all([{"email_id": email_id}])
    if later is not None:
        raise later


class _Round:
    """What leaves over one line. A server that cannot be reached is asked once for all of them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._ends = time.monotonic() + SPAN
        self._unreachable: Unreachable | None = None

    def deliver(self, claimed: Sequence[Claimed]) -> list[Outcome]:
        return [self._one(x) for x in claimed]

    def _one(self, claimed: Claimed) -> Outcome:
        if claimed.email is None:
            return claimed.later
        email_id: int = claimed.email.id
        if time.monotonic() > self._ends:
            return _put_back(email_id, claimed.lease)
        if self._unreachable is not None:
            return outcomes.troubled(email_id, self._unreachable, claimed.lease)
        return self._send(email_id, claimed)

    def _send(self, email_id: int, claimed: Claimed) -> Outcome:
        try:
            refused = self._transport.send(_envelope(claimed), lambda: _mark(email_id, claimed.lease))
        except _Taken:
            return jobs.Later(LEASE, "somebody else is sending this mail")
        except Unreachable as trouble:
            self._unreachable = trouble
            return outcomes.troubled(email_id, trouble, claimed.lease)
        except Undelivered as trouble:
            return outcomes.troubled(email_id, trouble, claimed.lease)
        except Exception as error:  # a defect of ours must not leave the mail lying
            log.error("mail.broke", email=email_id, exc_info=error)
            return outcomes.troubled(email_id, None, claimed.lease)
        failpoint("mail.delivered")
        outcomes.delivered(email_id, refused, claimed.lease)
        return None


def _claim(email_ids: Sequence[int]) -> list[Claimed]:
    """Take the mails, with their attachments, for as long as the lease lasts."""
    with transaction():
        held = select(OrderEmail).where(OrderEmail.id.in_(email_ids)).order_by(OrderEmail.id)
        found = db.session.scalars(held.with_for_update(**HOLD).execution_options(populate_existing=True))
        emails = {email.id: email for email in found}
        documents = _documents(emails.values())
        suppressed = suppression.among({r["address"] for email in emails.values() for r in email.recipients})
        known = targets.among([(email.link_kind, email.link_public_id) for email in emails.values()])
        vain = reminders.in_vain(emails.values())
        return [_take(emails[id], documents, suppressed, known, vain.get(id, "")) for id in email_ids]


def _take(
    email: OrderEmail, papers: dict[int, Document], suppressed: dict[str, str], known: Known, in_vain: str
) -> Claimed:
    if email.status not in (MailStatus.QUEUED, MailStatus.SENDING):
        return Claimed()
    if email.lease_until and email.lease_until > now():
        return Claimed(later=jobs.Later(email.lease_until - now(), "somebody is sending this mail"))
    if in_vain:
        outcomes.withdraw(email, in_vain)
        return Claimed()
    documents = tuple(papers[id] for id in email.attachments)
    target = known.get((email.link_kind or "", email.link_public_id or ""))
    left_out = {r["address"]: suppressed[r["address"]] for r in email.recipients if r["address"] in suppressed}
    if sentence := _hopeless(email, documents, left_out) or targets.dead_end(email.kind, target):
        outcomes.give_up(email, sentence)
        return Claimed()
    if any(document.rendered_at is None for document in documents):
        return Claimed(later=jobs.Later(DOCUMENT_PAUSE, "an attachment is still being rendered"))
    email.ambiguous = email.ambiguous or email.handing_over
    email.handing_over = False
    email.transition(MailEvent.CLAIM, by=SYSTEM)
    email.tries += 1
    email.lease_until = lease = now() + LEASE
    email.carried = [{"filename": d.filename, "size": d.size, "sha256": d.sha256} for d in documents]
    email.recipients = [_told(r, left_out.get(r["address"])) for r in email.recipients]
    return Claimed(email, lease, targets.address_of(target), documents)


def _told(recipient: dict[str, Any], why: str | None) -> dict[str, Any]:
    kept = {name: value for name, value in recipient.items() if name != "refused"}
    return kept | {"refused": why} if why else kept


def _documents(emails: Iterable[OrderEmail]) -> dict[int, Document]:
    wanted = {id for email in emails for id in email.attachments}
    if not wanted:
        return {}
    return {d.id: d for d in db.session.scalars(select(Document).where(Document.id.in_(wanted)))}


def _hopeless(email: OrderEmail, documents: Sequence[Document], left_out: dict[str, str]) -> str:
    """Why sending it (again) makes no sense, in words; empty if it does."""
    if all(r["address"] in left_out for r in email.recipients if r["role"] == "to"):
        return " ".join(left_out.values())
    if email.handing_over and email.ambiguous:
        return outcomes.twice_unclear()
    if email.created_at < now() - DOCUMENT_PATIENCE and any(d.rendered_at is None for d in documents):
        return _("Its PDF could not be made.")
    return ""


def _envelope(claimed: Claimed) -> Envelope:
    email = claimed.email
    assert email is not None
    envelope = compose(email, url=claimed.url, documents=claimed.documents)  # reads the documents' bodies
    end_read()
    return envelope


class _Taken(Exception):
    """Its lease ran out, and somebody else took it up, or the mail service told what became of it."""


def _mark(email_id: int, lease: datetime) -> None:
    """From here on only the mail server knows whether it has the message. Raises _Taken."""
    with transaction():
        if write(MARKED, email_id_=email_id, lease_=lease).first() is None:
            raise _Taken


def _put_back(email_id: int, lease: datetime) -> Outcome:
    """Not begun, and so not counted as a try."""
    with transaction():
        email = lock(OrderEmail, email_id)
        if not outcomes.in_hand(email, lease):
            return None
        email.tries -= 1
        email.lease_until = None
        email.transition(MailEvent.PUT_BACK, by=SYSTEM)
    return jobs.Later(timedelta(seconds=1), "its turn did not come")
