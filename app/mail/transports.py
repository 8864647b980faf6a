"""What carries a mail away: a mail server, or the demo's mailbox page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from flask import current_app

from ..db import assert_no_transaction, insert_once, transaction
from ..models.mail import MailboxMessage
from .message import Envelope


class Undelivered(Exception):
    """The mail did not go out, or may not have; `str()` says why, for people."""


class Transient(Undelivered):
    """Certainly not accepted; worth another try later."""


class Unreachable(Transient):
    """The server itself is not there: nothing else goes out at the moment either."""


class Permanent(Undelivered):
    """Certainly not accepted, and never will be."""


class Ambiguous(Undelivered):
    """Handed over, but no answer came: it may have gone out."""


class Transport(Protocol):
    def send(self, envelope: Envelope, handing_over: Callable[[], None]) -> dict[str, str]:
        """Returns the recipients who were refused, with a sentence why, where others were not. Raises Undelivered.

        Calls `handing_over` once, right before the message itself leaves; whoever dies after that cannot know.
        """


class Mailbox:
    """The demo's stand-in. Keeps no text of its own: the page shows the stored mail and mints the link when opened."""

    def send(self, envelope: Envelope, handing_over: Callable[[], None]) -> dict[str, str]:
        assert_no_transaction()
        with transaction():
            insert_once(MailboxMessage, email_id=envelope.email_id)
        return {}


def configured() -> Transport:
    from .smtp import Smtp

    if current_app.config["MAIL_TRANSPORT"] == "mailbox":
        return Mailbox()
    return Smtp.at(current_app.config["SMTP_URL"])
