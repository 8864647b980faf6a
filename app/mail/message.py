"""From a stored mail to the message that goes out (RFC 5322, RFC 3834)."""

from __future__ import annotations

from collections.abc import Iterable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from .. import clock
from ..models.document import Document
from ..models.mail import OrderEmail
from ..values import Value
from .rendering import with_link

# Seven bits: whatever relay comes next need not be able to do more.
POLICY = SMTP.clone(cte_type="7bit")


class Envelope(Value):
    """A message ready to go. `to` are the addresses it must reach, `cc` those it may."""

    email_id: int
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    message: EmailMessage


def compose(email: OrderEmail, *, url: str, documents: Iterable[Document] = ()) -> Envelope:
    """Put the real link and the PDFs in. The result is for the transport only: it must not be stored or logged."""
    message = EmailMessage(policy=POLICY)
    message["From"] = email.sender
    for role in ("to", "cc"):
        if addresses := [_address(r) for r in email.recipients if r["role"] == role and "refused" not in r]:
            message[role.title()] = addresses
    if email.reply_to:
        message["Reply-To"] = email.reply_to
    message["Subject"] = email.subject
    message["Message-ID"] = email.message_id
    message["Date"] = format_datetime(clock.now())
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(with_link(email.text, url))
    message.add_alternative(with_link(email.html, url), subtype="html")
    for document in documents:
        assert document.body is not None
        message.add_attachment(document.body, maintype="application", subtype="pdf", filename=document.filename)
    by_role = {
        role: tuple(r["address"] for r in email.recipients if r["role"] == role and "refused" not in r)
        for role in ("to", "cc")
    }
    return Envelope(email.id, parseaddr(email.sender)[1], by_role["to"], by_role["cc"], message)


def _address(recipient: dict[str, str]) -> Address:
    return Address(" ".join(recipient["name"].split()), addr_spec=recipient["address"])
