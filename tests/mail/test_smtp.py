"""Mail over real SMTP, and what is certain after each way it can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask

from app.db import transaction
from app.mail import smtp
from app.mail.message import POLICY, Envelope
from app.mail.smtp import Smtp
from app.mail.transports import Ambiguous, Permanent, Transient
from tests.engines import MailServer, free_port
from tests.mail.servers import Awkward, certificate, only_ann, serving

MARIA, UWE = "maria@northfield.test", "uwe@northfield.test"


def envelope(cc: tuple[str, ...] = (UWE,)) -> Envelope:
    message = EmailMessage(policy=POLICY)
    message["Subject"] = "Żółć — an order"
    message.set_content("Line one\n.\n.leading dot — and a long line " + "x" * 2000 + "\n")
    return Envelope(1, "sales@brightwater.test", (MARIA,), cc, message)


def send(url: str, what: Envelope | None = None, handing_over: Callable[[], None] = lambda: None) -> dict[str, str]:
    return Smtp.at(url).send(what or envelope(), handing_over)


def test_a_mail_arrives_whole(app: Flask, smtp_server: MailServer) -> None:
    assert send(f"smtp://{smtp_server.host}:{smtp_server.port}") == {}
    (mail,) = smtp_server.mails
    assert (mail.sender, mail.recipients) == ("sales@brightwater.test", [MARIA, UWE])
    assert mail.message["Subject"] == "Żółć — an order"
    assert mail.message.get_content().replace("\r\n", "\n") == envelope().message.get_content()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.test", Smtp("mail.test", 25, tls=False, starttls=False)),
        ("smtp://mail.test?starttls=1", Smtp("mail.test", 587, tls=False, starttls=True)),
        ("smtp://mail.test:2525?starttls=0", Smtp("mail.test", 2525, tls=False, starttls=False)),
        ("smtps://ann%40x:p%2Fw@mail.test", Smtp("mail.test", 465, True, False, "ann@x", "p/w")),
    ],
)
def test_addresses_of_servers(url: str, expected: Smtp) -> None:
    assert Smtp.at(url) == expected
    assert "p/w" not in repr(Smtp.at(url))


def test_a_server_that_is_down_is_a_matter_of_time(app: Flask) -> None:
    with pytest.raises(Transient, match="could not be reached"):
        send(f"smtp://127.0.0.1:{free_port()}")


def test_a_silent_server_does_not_hold_us_for_ever(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(smtp, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Transient, match="could not be reached"):
        send(f"smtp://127.0.0.1:{silent.getsockname()[1]}")


def test_answers_of_the_server_say_whether_to_try_again(app: Flask, smtp_server: MailServer) -> None:
    url = f"smtp://{smtp_server.host}:{smtp_server.port}"
    smtp_server.refusal = "451 try later"
    with pytest.raises(Transient, match="451 try later"):
        send(url)
    smtp_server.refusal = "554 no thanks"
    with pytest.raises(Permanent, match="554 no thanks"):
        send(url)


def test_a_recipient_turned_down_for_good_ends_it(app: Flask) -> None:
    with serving(Awkward({MARIA: "550 no such user"})) as server, pytest.raises(Permanent, match=f"{MARIA}: 550 no"):
        send(f"smtp://{server}")


def test_a_recipient_turned_down_for_now_is_a_matter_of_time(app: Flask) -> None:
    handler = Awkward({UWE: "450 greylisted"})
    with serving(handler) as server, pytest.raises(Transient, match="450 greylisted"):
        send(f"smtp://{server}")
    assert handler.taken == []


def test_somebody_in_copy_does_not_hold_up_the_others(app: Flask) -> None:
    handler = Awkward({UWE: "550 no such user"})
    with serving(handler) as server:
        ((refused, said),) = send(f"smtp://{server}").items()
    assert refused == UWE and "550 no such user" in said
    assert [taken.rcpt_tos for taken in handler.taken] == [[MARIA]]


def test_a_connection_lost_after_the_message_leaves_it_open(app: Flask) -> None:
    marked: list[int] = []
    handler = Awkward(hangs_up="after data")
    with serving(handler) as server, pytest.raises(Ambiguous, match="while taking the message"):
        send(f"smtp://{server}", handing_over=lambda: marked.append(1))
    assert (len(marked), len(handler.taken)) == (1, 1)


def test_nothing_is_marked_before_the_recipients_are_taken(app: Flask) -> None:
    with serving(Awkward({MARIA: "550 no such user"})) as server, pytest.raises(Permanent):
        send(f"smtp://{server}", handing_over=lambda: pytest.fail("too early"))


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_sign_in(app: Flask) -> None:
    handler = Awkward()
    with serving(handler, authenticator=only_ann, auth_required=True, auth_require_tls=False) as server:
        send(f"smtp://ann%40seller:p%40ss%20word@{server}")
        with pytest.raises(Transient, match="535"):
            send(f"smtp://ann%40seller:wrong@{server}")
    assert len(handler.taken) == 1


def test_tls_is_used_and_its_certificate_checked(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = certificate(tmp_path)
    handler = Awkward()
    with serving(handler, tls_context=context, require_starttls=True) as server:
        with pytest.raises(Transient, match="certificate verify failed"):
            send(f"smtp://{server}?starttls=1")
        assert handler.taken == []
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        send(f"smtp://{server}?starttls=1")
    assert len(handler.taken) == 1


def test_a_server_without_tls_gets_nothing_if_tls_is_asked_for(app: Flask) -> None:
    handler = Awkward()
    with serving(handler) as server, pytest.raises(Transient):
        send(f"smtp://{server}?starttls=1")
    assert handler.taken == []


def test_the_mail_server_is_not_called_inside_a_transaction(app: Flask) -> None:
    with transaction(), pytest.raises(RuntimeError, match="calling the world"):
        send("smtp://127.0.0.1:1")
