"""The PDF preview panel: the documents that the customer gets, the chosen one shown as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import Row

from .. import papers
from . import documents
from .views import DocumentTab, PdfView

if TYPE_CHECKING:
    from .facts import Facts

MOST_TABS = 6


def view(facts: Facts, chosen: str = "") -> PdfView:
    """`chosen` is a tab's key; the first tab where it names none."""
    kinds = papers.kinds_for(facts.reader) - {"payment_order"}  # which stands on the payment's own page
    found = _newest_of_each([x for x in facts.documents if x.kind in kinds])
    if not found:
        return PdfView(tabs=(), state="none", title=_("Order"), retry=facts.actions.find("preview"))
    keys = [_key(x) for x in found]
    current = keys.index(chosen) if chosen in keys else 0
    shown = found[current]
    return PdfView(
        tabs=tuple(_tab(facts, x, key, n == current) for n, (x, key) in enumerate(zip(found, keys, strict=True))),
        state="ready" if shown.rendered_at else "failed" if shown.error else "rendering",
        title=shown.filename,
        preview=documents.url(shown),
        download=documents.url(shown, download=True),
        pages=shown.pages,
        size=shown.size,
        rendered_at=shown.rendered_at,
        retry=facts.actions.find("preview"),
    )


def _newest_of_each(found: Sequence[Row[Any]]) -> list[Row[Any]]:
    """A document that was made again hides the older ones of its kind and subject."""
    newest: dict[str, Row[Any]] = {}
    for row in found:
        newest.setdefault(_key(row), row)
    return list(newest.values())[:MOST_TABS]


def _key(row: Row[Any]) -> str:
    """One order document at a time; of other kinds one for each subject."""
    return row.kind if row.kind == "order" else f"{row.kind}-{row.subject_id}"


def _tab(facts: Facts, row: Row[Any], key: str, current: bool) -> DocumentTab:
    words = {
        "order": _("Order"),
        "invoice": _("Invoice"),
        "receipt": _("Receipt"),
        "signed_order": _("Signed order"),
    }
    label = words.get(row.kind, row.kind.replace("_", " ").capitalize())
    href = url_for("orders.pdf", number=facts.row.number, document=key)
    return DocumentTab(key, label, href, current)
