"""Sending a mail once more, to the same people: a row of its own that points at the old one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ... import access, jobs
from ...db import db, get, insert_once, lock, transaction
from ...errors import Refusal
from ...mail import suppression
from ...mail.recipients import Recipient
from ...mail.targets import why_dead
from ...models import OrderEmail, User
from ...states.mail import ON_ITS_WAY
from .senders import message_id


def people(email: OrderEmail) -> list[dict[str, Any]]:
    """Whom it goes to and why, without what became of each."""
    return [{name: r[name] for name in ("address", "name", "role", "reason")} for r in email.recipients]


def why_not_again(email_id: int) -> Refusal | None:
    """What keeps a mail from being sent once more; None if nothing does."""
    email = get(OrderEmail, email_id)
    try:
        _refuse_again(email)
    except Refusal as refusal:
        return refusal
    return None


def _refuse_again(email: OrderEmail) -> None:
    if email.status in ON_ITS_WAY:
        raise Refusal("mail_on_its_way", "This mail is still on its way; there is no need for a second one.")
    suppression.refuse([Recipient(**r) for r in people(email)])
    if reason := why_dead(email.kind, email.link_kind, email.link_public_id):
        raise Refusal("link_dead", reason, "Send a new link from the order.")


def resend(email_id: int, *, form_key: str, by: User) -> OrderEmail:
    """Send a mail once more, as a row of its own that points at the old one. Opens its own transaction.

    Raises Refusal `mail_on_its_way`, `address_suppressed` or `link_dead`.
    """
    with transaction():
        access.demand(by, access.Permission.MAIL_RESEND)
        old = lock(OrderEmail, email_id)
        _refuse_again(old)
        copied = (
            "kind order_id agreement_id subject_kind subject_id sender reply_to recipients subject edition text html"
            " link_kind link_public_id attachments"
        )
        values = {name: getattr(old, name) for name in copied.split()} | {"recipients": people(old)}
        cause = f"again:{form_key}"
        fresh = {"message_id": message_id(old.sender), "asked_by": by.name, "resent_from_id": old.id}
        staged = insert_once(OrderEmail, **values, **fresh, cause=cause)
        email = db.session.scalars(
            select(OrderEmail).filter_by(
                kind=old.kind, subject_kind=old.subject_kind, subject_id=old.subject_id, cause=cause
            )
        ).one()
        if staged:
            jobs.stage("mails.deliver", email_id=email.id)
    return email
