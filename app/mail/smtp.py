"""Mail by SMTP (RFC 5321), told apart by what is certain: refused for now, refused for good, or nobody knows."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from flask_babel import gettext as _

from ..db import assert_no_transaction
from .message import Envelope
from .transports import Ambiguous, Permanent, Transient

# Seconds for one answer of the server; RFC 5321 would allow minutes, the lease on the mail does not.
PATIENCE = 20


@dataclass(frozen=True, slots=True)
class Smtp:
    """`smtp://user:password@host:587?starttls=1`, or `smtps://` for TLS from the start."""

    host: str
    port: int
    tls: bool
    starttls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def at(cls, url: str) -> Smtp:
        parts = urlsplit(url)
        tls = parts.scheme == "smtps"
        starttls = parse_qs(parts.query).get("starttls", ["0"])[-1] not in ("0", "off", "")
        port = parts.port or (465 if tls else 587 if starttls else 25)
        return cls(
            parts.hostname or "", port, tls, starttls, unquote(parts.username or ""), unquote(parts.password or "")
        )

    def send(self, envelope: Envelope, handing_over: Callable[[], None]) -> list[str]:
        assert_no_transaction()
        with self._connection() as client:
            refused = self._address(client, envelope)
            handing_over()
            self._hand_over(client, envelope)
        return refused

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        """Whatever goes wrong before the message leaves is a matter of time or of settings, never of this mail."""
        try:
            client = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise Transient(_("The mail server could not be reached: %(why)s", why=_words(error))) from error
        try:
            yield client
        finally:
            with suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()

    def _connect(self) -> smtplib.SMTP:
        client: smtplib.SMTP
        if self.tls:
            client = smtplib.SMTP_SSL(self.host, self.port, timeout=PATIENCE, context=ssl.create_default_context())
        else:
            client = smtplib.SMTP(self.host, self.port, timeout=PATIENCE)
        try:
            client.ehlo_or_helo_if_needed()
            if self.starttls:
                client.starttls(context=ssl.create_default_context())
                client.ehlo()
            if self.user:
                client.login(self.user, self.password)
        except BaseException:
            client.close()
            raise
        return client

    def _address(self, client: smtplib.SMTP, envelope: Envelope) -> list[str]:
        """Say from whom and to whom. The server may turn down somebody in copy, but not whom the mail is for."""
        refused = []
        try:
            _check(client.mail(envelope.sender), _("the sender %(address)s", address=envelope.sender))
            for address in envelope.to:
                _check(client.rcpt(address), address)
            for address in envelope.cc:
                try:
                    _check(client.rcpt(address), address)
                except Permanent as refusal:
                    refused.append(str(refusal))
        except (OSError, smtplib.SMTPException) as error:
            raise Transient(_("The mail server broke off: %(why)s", why=_words(error))) from error
        return refused

    def _hand_over(self, client: smtplib.SMTP, envelope: Envelope) -> None:
        try:
            answer = client.data(envelope.message.as_bytes())
        except smtplib.SMTPDataError as error:
            answer = (error.smtp_code, _bytes(error.smtp_error))
        except (OSError, smtplib.SMTPException) as error:
            raise Ambiguous(
                _("The mail server broke off while taking the message: %(why)s", why=_words(error))
            ) from error
        _check(answer, _("the message"))


def _check(answer: tuple[int, bytes], what: str) -> None:
    """Raises Transient for 4yz and Permanent for 5yz (RFC 5321, 4.2.1)."""
    code, text = answer
    if 200 <= code < 300:
        return
    said = f"{code} {text.decode(errors='replace')}"[:200]
    sentence = _("The mail server did not take %(what)s: %(said)s", what=what, said=said)
    raise Permanent(sentence) if code >= 500 else Transient(sentence)


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_bytes(error.smtp_error).decode(errors='replace')}"[:200]
    return (str(error) or type(error).__name__)[:200]
