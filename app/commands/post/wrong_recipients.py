"""Somebody sees that a mail goes to the wrong people: an escalation to the admins, with the mail."""

from __future__ import annotations

from typing import Any

from ... import access
from ...access import Permission
from ...db import lock, transaction
from ...models import Actor, Escalation, OrderEmail, Symptom, User
from ..office import escalations


def report(email_id: int, *, because: str, by: User) -> Escalation:
    """The one that is open about this mail, or a new one. Raises Refusal `not_permitted`."""
    with transaction():
        access.demand(by, Permission.MAIL_RESEND)
        email = lock(OrderEmail, email_id)
        facts: dict[str, Any] = {
            "mail": email.subject,
            "message_id": email.message_id,
            "recipients": "; ".join(f"{r['role']}: {r['address']} ({r['reason']})" for r in email.recipients),
            "edition_of_order_email_settings": email.edition,
            "text": email.text[:1500],
        }
        label, order_id = email.subject[:100], email.order_id
        return escalations.open(
            Symptom.WRONG_RECIPIENT, email, label, because, by=Actor.of(by), order_id=order_id, **facts
        )
