"""Mail by SMTP (RFC 5321), told apart by what is certain: refused for now, refused for good, or nobody knows."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from flask_babel import gettext as _

from ..db import assert_no_transaction
from .connections import Kept, Line
from .message import Envelope
from .transports import Ambiguous, Permanent, Transient, Unreachable

# Seconds for one answer of the server; RFC 5321 would allow minutes, the lease on the mail does not.
PATIENCE = 15


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

    def send(self, envelope: Envelope, handing_over: Callable[[], None]) -> dict[str, str]:
        """One line carries many mails; it is kept for the next one unless something went wrong on it."""
        assert_no_transaction()
        line = self._line()
        try:
            refused = self._address(line.client, envelope)
            handing_over()
            self._hand_over(line.client, envelope)
        except (Transient, Permanent) as told:
            _keep_if_sound(self, line, told)
            raise
        except BaseException:
            line.client.close()
            raise
        KEPT.give_back(self, line)
        return refused

    def _line(self) -> Line:
        """A kept line that still answers, or a new one. Whatever goes wrong before the message leaves is a matter of
        time or of settings, never of this mail."""
        while (kept := KEPT.take(self)) is not None:
            with suppress(OSError, smtplib.SMTPException):
                if kept.client.rset()[0] == 250:
                    return kept
            kept.client.close()
        try:
            return Line(self._connect())
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(_("The mail server could not be reached: %(why)s", why=_words(error))) from error

    def _connect(self) -> smtplib.SMTP:
        client: smtplib.SMTP
        if self.tls:
            client = smtplib.SMTP_SSL(self.host, self.port, timeout=PATIENCE, context=ssl.create_default_context())
        else:
            client = smtplib.SMTP(self.host, self.port, timeout=PATIENCE)
        assert client.sock is not None
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a question never waits for an answer's ACK
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

    def _address(self, client: smtplib.SMTP, envelope: Envelope) -> dict[str, str]:
        """Say from whom and to whom. The server may turn some down, but not everybody whom the mail is for."""
        try:
            _check(client.mail(envelope.sender), _("the sender %(address)s", address=envelope.sender))
            refused = {address: _turned_down(client, address) for address in envelope.addresses}
        except (OSError, smtplib.SMTPException) as error:
            raise Transient(_("The mail server broke off: %(why)s", why=_words(error))) from error
        if all(refused[address] for address in envelope.to):
            raise Permanent(" ".join(refused[address] for address in envelope.to))
        return {address: sentence for address, sentence in refused.items() if sentence}

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


KEPT: Kept[Smtp] = Kept()


def _keep_if_sound(server: Smtp, line: Line, told: Transient | Permanent) -> None:
    """An answer leaves the line as good as it was; silence does not."""
    if isinstance(told.__cause__, (OSError, smtplib.SMTPException)):
        line.client.close()
    else:
        KEPT.give_back(server, line)


def _turned_down(client: smtplib.SMTP, address: str) -> str:
    """Why the server does not take this recipient, in words; empty if it does. Raises Transient."""
    try:
        _check(client.rcpt(address), address)
    except Permanent as refusal:
        return str(refusal)
    return ""


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
