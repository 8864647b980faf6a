"""Notes and files on an order: internal unless marked for the customer."""

from __future__ import annotations

import hashlib
import re
import unicodedata

import filetype

from ... import forms, typed
from ...access import Permission, demand
from ...db import lock, transaction
from ...errors import Refusal
from ...models import Document, Note, OrderFile, SalesOrder, User
from ...states.order import EDITABLE
from ..post import papers

LARGEST = 10 * 1024 * 1024  # bytes
LONGEST_NOTE = 10_000  # characters
OFFICE = "application/vnd.openxmlformats-officedocument."
ACCEPTED = {
    "application/pdf": "PDF",
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WebP",
    "image/gif": "GIF",
    f"{OFFICE}wordprocessingml.document": "Word",
    f"{OFFICE}spreadsheetml.sheet": "Excel",
    f"{OFFICE}presentationml.presentation": "PowerPoint",
    "text/plain": "plain text",
    "text/csv": "CSV",
}


def preview(order_id: int) -> Document | None:
    """Have the order's document made as its customer would get it now; None while there is nobody to address it to."""
    with transaction():
        return papers.preview(lock(SalesOrder, order_id))


def add_note(order_id: int, body: str, *, visible: bool, by: User, form_key: str | None = None) -> Note:
    """One note for each `form_key`. Raises Refusal: `empty_note`, `long_note`."""
    body = body.strip()
    if not body:
        raise Refusal("empty_note", "Write the note first.", status=422)
    if len(body) > LONGEST_NOTE:
        raise Refusal(
            "long_note", "A note holds at most %(n)s characters; attach a file instead.", status=422, n=LONGEST_NOTE
        )
    with transaction() as session:
        demand(by, Permission.ORDER_NOTE)
        order = lock(SalesOrder, order_id)
        asked = ["order_papers.add_note", order_id, body, visible]
        if known := forms.answered(form_key, asked):
            return session.get_one(Note, known["id"])
        note = Note(order_id=order.id, author_id=by.id, body=body, visible=visible)
        session.add(note)
        session.flush()
        _show_in_preview(order, visible)
        forms.remember(form_key, asked, id=note.id)
        return note


def add_file(
    order_id: int, filename: str, content: bytes, *, visible: bool, by: User, form_key: str | None = None
) -> OrderFile:
    """Keep a file as its bytes say it is, whatever the browser claimed; one for each `form_key`.

    Raises Refusal: `empty_file`, `large_file`, `file_type`, `card_number`.
    """
    kind, sha256 = _kind_of(filename, content), hashlib.sha256(content).hexdigest()
    if typed.has_card_number(filename):
        raise Refusal(
            "card_number",
            "The file's name looks like a card number; card numbers are never kept here.",
            "Give it another name.",
            status=422,
        )
    with transaction() as session:
        demand(by, Permission.ORDER_NOTE)
        order = lock(SalesOrder, order_id)
        asked = ["order_papers.add_file", order_id, filename, sha256, visible]
        if known := forms.answered(form_key, asked):
            return session.get_one(OrderFile, known["id"])
        file = OrderFile(
            order_id=order.id,
            author_id=by.id,
            filename=_safe_name(filename),
            content_type=kind,
            size=len(content),
            sha256=sha256,
            visible=visible,
            body=content,
        )
        session.add(file)
        session.flush()
        _show_in_preview(order, visible)
        forms.remember(form_key, asked, id=file.id)
        return file


def _show_in_preview(order: SalesOrder, visible: bool) -> None:
    """What a draft's customer would get now holds it, too. One that was sent stays as it was sent."""
    if visible and order.status in EDITABLE:
        papers.preview(order)


def _kind_of(filename: str, content: bytes) -> str:
    if not content:
        raise Refusal("empty_file", "This file is empty.", status=422)
    if len(content) > LARGEST:
        raise Refusal("large_file", "This file is larger than 10 MB.", "Share it by link in a note.", status=422)
    found = filetype.guess(content)
    kind = found.mime if found else _text_kind(filename, content)
    if kind not in ACCEPTED:
        names = ", ".join(ACCEPTED.values())
        raise Refusal(
            "file_type", "Files of this kind are not accepted.", "Accepted are %(kinds)s.", status=422, kinds=names
        )
    return kind


def _text_kind(filename: str, content: bytes) -> str:
    """Text has no signature: it must decode, hold no control characters, and not look like markup."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "application/octet-stream"
    if any(unicodedata.category(c) == "Cc" and c not in "\t\r\n" for c in text) or text.lstrip()[:1] == "<":
        return "application/octet-stream"
    return "text/csv" if filename.lower().endswith(".csv") else "text/plain"


def _safe_name(filename: str) -> str:
    """The last part of the path, without characters that mean something to a header, a shell or a reader's eye."""
    name = re.split(r"[/\\]", filename)[-1]
    kept = "".join(
        c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c)[0] != "C" and c not in '"<>|:*?'
    )
    return kept.strip(" .")[-200:] or "file"
