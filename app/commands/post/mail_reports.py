"""Taking in what the mail service reports: the row learns of it once, and an address that fails is suppressed."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from ...db import db, get, insert_new, lock, transaction
from ...logs import log
from ...mail import reports
from ...mail.reports import Report
from ...mail.suppression import BOUNCED, COMPLAINED
from ...models import SYSTEM, MailReport, OrderEmail, Symptom
from ...states.mail import MailEvent
from ..office import escalations
from . import mail_outcomes as outcomes
from . import suppressions

EVENTS = {"delivered": MailEvent.ARRIVE, "bounced": MailEvent.BOUNCE, "complained": MailEvent.COMPLAIN}


def take_in(body: bytes, signature: str) -> bool:
    """Whether it is news. Raises BadReport."""
    report = reports.read(body, signature)
    with transaction():
        known = db.session.scalar(select(OrderEmail.id).where(OrderEmail.message_id == report.message_id))
        facts = {name: getattr(report, name) for name in ("reference", "type", "message_id", "address", "words")}
        row = insert_new(MailReport, **facts, email_id=known, permanent=report.permanent, told_at=report.at)
        if row is None:
            return False
        if known is None:
            log.warning("mail.report_about_nothing", type=report.type)
        else:
            _apply(known, report)
    return True


def _apply(email_id: int, report: Report) -> None:
    approval = outcomes.request_for(get(OrderEmail, email_id))
    email = lock(OrderEmail, email_id)
    if report.type == "delivered":
        _arrived(email, report)
        if approval is not None:
            approval.sent_at = approval.sent_at or email.sent_at
    elif report.type == "complained" or report.permanent:
        _failed(email, report)
    else:
        email.record("delayed", by=SYSTEM, because=_words(report))


def _arrived(email: OrderEmail, report: Report) -> None:
    """It had left, then, whatever was known of it here."""
    if not _is_for(email, report) or not email.can(MailEvent.ARRIVE):
        return
    email.sent_at = email.sent_at or report.at
    outcomes.release(email, None)
    email.ambiguous = False
    email.transition(MailEvent.ARRIVE, by=SYSTEM)
    escalations.clear(Symptom.LINK_FAILED, email, "The mail service reports that it has arrived.")
    outcomes.relieve(email)


def _failed(email: OrderEmail, report: Report) -> None:
    words = _words(report)
    if report.address:
        cause = COMPLAINED if report.type == "complained" else BOUNCED
        suppressions.suppress(report.address, cause, report.words, email_id=email.id)
    email.recipients = [
        r | {"refused": words} if r["address"].lower() == report.address.lower() else r for r in email.recipients
    ]
    event = EVENTS[report.type]
    if not _is_for(email, report) or not email.can(event):
        email.record("lost_in_copy", by=SYSTEM, because=words)
        return
    outcomes.release(email, words)
    email.sent_at = email.sent_at or report.at
    email.transition(event, by=SYSTEM, because=words)
    if report.type == "bounced":
        outcomes.escalate(email, words)


def _is_for(email: OrderEmail, report: Report) -> bool:
    """Whether it is about somebody whom the mail is for, rather than in copy."""
    first = {r["address"].lower() for r in email.recipients if r["role"] == "to"}
    return not report.address or report.address.lower() in first


def _words(report: Report) -> str:
    facts = {"address": report.address or _("the recipient"), "words": report.words or _("no reason given")}
    if report.type == "complained":
        return _("%(address)s marked it as spam.", **facts)
    if not report.permanent:
        return _("It is delayed on its way to %(address)s: %(words)s", **facts)
    return _("It came back from %(address)s: %(words)s", **facts)
