"""Notes, mails, files and history in one line of time."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.access import Role
from app.commands.orders import approvals, order_papers
from app.db import db, transaction
from app.models import Note, OrderEmail, OrderFile, SalesOrder, User
from app.states.mail import MailEvent
from tests import factories
from tests.blueprints.orders.conftest import FRAGMENT
from tests.conftest import Client

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


def test_a_note_joins_the_timeline(browser_of_dana: Client, order: SalesOrder) -> None:
    answer = browser_of_dana.post(
        f"/orders/{order.number}/notes", data={"body": "Ring first.\nGate 2.", "visible": "y"}, headers=FRAGMENT
    )
    assert answer.status_code == 200 and answer.text.lstrip().startswith('<section id="panel-timeline"')
    assert "Ring first." in answer.text and "Customer sees this" in answer.text
    assert db.session.scalars(select(Note)).one().visible


def test_an_empty_note_is_not_kept(browser_of_dana: Client, order: SalesOrder) -> None:
    answer = browser_of_dana.post(f"/orders/{order.number}/notes", data={"body": " "}, headers=FRAGMENT)
    assert answer.status_code == 422 and "Write the note first." in answer.text


def test_a_note_is_one_however_often_it_is_pressed(browser_of_dana: Client, order: SalesOrder) -> None:
    page = browser_of_dana.get(f"/orders/{order.number}/notes/new", headers=FRAGMENT).text
    key = re.search(r'name="form_key"[^>]*value="([^"]+)"', page)
    assert key is not None
    for _ in range(2):
        data = {"body": "Ring first.", "form_key": key[1]}
        assert browser_of_dana.post(f"/orders/{order.number}/notes", data=data, headers=FRAGMENT).status_code == 200
    assert len(db.session.scalars(select(Note)).all()) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("Paid by 4242 4242 4242 4242, 12/29", "This looks like a card number; card numbers are never kept here."),
        ("Ring\x00first", "There is an invisible character in here that cannot be kept. Type it anew."),
        ("a" * 10_001, "At most 10000 characters; this has 10001."),
    ],
)
def test_what_is_not_kept_is_refused_beside_the_note_and_not_lost(
    browser_of_dana: Client, order: SalesOrder, body: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = browser_of_dana.post(f"/orders/{order.number}/notes", data={"body": body}, headers=FRAGMENT)
    assert answer.status_code == 422 and words in answer.text and body in answer.text
    assert db.session.scalars(select(Note)).all() == [] and body not in "".join(capfd.readouterr())


def test_a_file_named_like_a_card_is_refused(browser_of_dana: Client, order: SalesOrder) -> None:
    answer = upload(browser_of_dana, order, PNG, "4242424242424242.png")
    assert answer.status_code == 422 and "looks like a card number" in answer.text


def upload(client: Client, order: SalesOrder, content: bytes, name: str):  # type: ignore[no-untyped-def]
    from io import BytesIO

    return client.post(f"/orders/{order.number}/files", data={"upload": (BytesIO(content), name)}, headers=FRAGMENT)


def test_a_file_is_kept_as_its_bytes_say_and_served_as_an_attachment(
    browser_of_dana: Client, order: SalesOrder
) -> None:
    assert upload(browser_of_dana, order, PNG, "../../plan<b>.html").status_code == 200
    row = db.session.scalars(select(OrderFile)).one()
    assert (row.filename, row.content_type) == ("planb.html", "image/png")
    answer = browser_of_dana.get(f"/orders/{order.number}/files/{row.id}")
    assert answer.data == PNG
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "empty.pdf", "This file is empty."),
        (b"<html><script>alert(1)</script>", "note.txt", "Files of this kind are not accepted."),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 60, "report.pdf", "Files of this kind are not accepted."),
        (b"MZ\x90\x00" + b"\0" * 60, "setup.exe", "Files of this kind are not accepted."),
        (b"%PDF-1.7 " + b"0" * order_papers.LARGEST, "big.pdf", "larger than 10 MB"),
    ],
    ids=["empty", "html", "elf", "exe", "big"],
)
def test_what_is_not_accepted_says_why(
    browser_of_dana: Client, order: SalesOrder, content: bytes, name: str, words: str
) -> None:
    answer = upload(browser_of_dana, order, content, name)
    assert answer.status_code == 422 and words in answer.text
    assert db.session.scalar(select(OrderFile.id)) is None


def test_text_is_text_and_csv_is_csv(browser_of_dana: Client, order: SalesOrder) -> None:
    upload(browser_of_dana, order, "Grüße".encode(), "readme.txt")
    upload(browser_of_dana, order, b"a;b\n1;2\n", "rows.csv")
    kinds = db.session.scalars(select(OrderFile.content_type).order_by(OrderFile.id)).all()
    assert kinds == ["text/plain", "text/csv"]


def test_a_file_of_another_order_is_not_there(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    other = factories.order(owner=dana)
    file = order_papers.add_file(other.id, "a.png", PNG, visible=False, by=dana)
    assert browser_of_dana.get(f"/orders/{order.number}/files/{file.id}").status_code == 404


def test_it_is_filtered_by_kind_and_paged_by_key(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    approvals.submit(order.id, by=dana)
    for n in range(45):
        order_papers.add_note(order.id, f"Note number {n}.", visible=False, by=dana)
    order_papers.add_file(order.id, "plan.png", PNG, visible=False, by=dana)
    seen: list[str] = []
    address: str | None = f"/orders/{order.number}/timeline"
    while address:
        part = browser_of_dana.get(address, headers=FRAGMENT).text
        seen += re.findall(r"Note number \d+\.|plan\.png|asked for approval by mail|sent the order for approval", part)
        older = re.search(r'class="button small" href="([^"]+before=[^"]+)"', part)
        address = older.group(1).replace("&amp;", "&") if older else None
    assert seen[0] == "plan.png" and seen[1] == "Note number 44." and len(seen) == len(set(seen)) == 48
    assert seen[46:] in (
        ["asked for approval by mail", "sent the order for approval"],
        ["sent the order for approval", "asked for approval by mail"],
    )
    only_files = browser_of_dana.get(f"/orders/{order.number}/timeline?kind=file", headers=FRAGMENT).text
    assert "plan.png" in only_files and "Note number" not in only_files
    assert "Note number 44." in browser_of_dana.get(f"/orders/{order.number}/timeline?before=broken").text


def test_a_mail_is_sent_again_as_one_of_its_own(browser_of_dana: Client, order: SalesOrder, dana: User) -> None:
    approvals.submit(order.id, by=dana)
    mail = db.session.scalars(select(OrderEmail)).one()
    with transaction():
        row = db.session.get_one(OrderEmail, mail.id)
        row.transition(MailEvent.CLAIM, by=factories_actor(dana))
        row.transition(MailEvent.GIVE_UP, by=factories_actor(dana))
        row.last_error = "The mailbox is full"
    page = browser_of_dana.get(f"/orders/{order.number}/timeline").text
    assert "Not delivered" in page and "The mailbox is full" in page and "Send again" in page
    dialog = browser_of_dana.get(f"/orders/{order.number}/mails/{mail.id}/resend", headers=FRAGMENT).text
    key = re.search(r'name="form_key"[^>]*value="([^"]+)"', dialog)
    assert key is not None
    for _ in range(2):
        answer = browser_of_dana.post(
            f"/orders/{order.number}/mails/{mail.id}/resend", data={"form_key": key.group(1)}, headers=FRAGMENT
        )
        assert answer.status_code == 200
    assert len(db.session.scalars(select(OrderEmail)).all()) == 2


def factories_actor(user: User):  # type: ignore[no-untyped-def]
    from app.models import Actor

    return Actor.of(user)


def test_reading_is_not_writing(client: Client, order: SalesOrder) -> None:
    client.sign_in(factories.user(Role.READ_ONLY))
    assert client.get(f"/orders/{order.number}/timeline").status_code == 200
    assert client.post(f"/orders/{order.number}/notes", data={"body": "x"}).status_code == 403
