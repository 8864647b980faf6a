"""From a stored mail to the message that goes out (RFC 5322, RFC 3834)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Any

from .. import clock
from ..models.document import Document
from ..models.mail import OrderEmail
from ..values import Value
from .rendering import with_link


class Headers(HeaderRegistry):
    """Most of a mail's headers stood in the one before it as well, and parsing them costs more than all else."""

    def __init__(self) -> None:
        super().__init__()
        self._known = lru_cache(maxsize=1024)(super().__call__)
        self._kind = lru_cache(maxsize=64)(super().__getitem__)

    def __getitem__(self, name: str) -> Any:
        return self._kind(name)

    def __call__(self, name: str, value: Any) -> Any:
        return self._known(name, value) if isinstance(value, str) else super().__call__(name, value)


# Seven bits: whatever relay comes next need not be able to do more.
SEVEN_BITS = SMTP.clone(cte_type="7bit", header_factory=Headers())
_folded = lru_cache(maxsize=1024)(SEVEN_BITS.fold_binary)


class Remembering(EmailPolicy):
    """How a header is folded depends on nothing but the header."""

    def fold_binary(self, name: str, value: str) -> bytes:
        return _folded(name, value)


POLICY = Remembering(linesep=SEVEN_BITS.linesep, cte_type="7bit", header_factory=SEVEN_BITS.header_factory)


class Envelope(Value):
    """A message ready to go. `to` are the addresses it must reach, `cc` and `bcc` those it may; the latter stand here
    only, and in none of its headers."""

    email_id: int
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    message: EmailMessage
    bcc: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        return (*self.to, *self.cc, *self.bcc)


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
    for part in message.walk():
        if part.is_multipart():
            part.set_boundary(secrets.token_hex(24))  # else all of the text is searched for one that is not in it
    by_role = {
        role: tuple(r["address"] for r in email.recipients if r["role"] == role and "refused" not in r)
        for role in ("to", "cc", "bcc")
    }
    return Envelope(email.id, parseaddr(email.sender)[1], by_role["to"], by_role["cc"], message, by_role["bcc"])


def _address(recipient: dict[str, str]) -> Address:
    return Address(" ".join(recipient["name"].split()), addr_spec=recipient["address"])
