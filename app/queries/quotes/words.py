"""Payment plan and history of a quote in words; its terms read as those of an order do."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from ...formatting import day, percent
from ...models import Due, History, Instalment
from ..orders.views import EntryView


class Words(NamedTuple):
    icon: str
    what: Any
    tone: str = ""


HISTORY: dict[str, Words] = {
    "created": Words("file-text", lazy_gettext("wrote the quote")),
    "imported": Words("upload", lazy_gettext("imported the quote")),
    "edited": Words("pencil", lazy_gettext("edited the quote")),
    "submit": Words("send", lazy_gettext("submitted it for approval")),
    "withdraw": Words("arrow-back-up", lazy_gettext("withdrew it")),
    "approve": Words("circle-check", lazy_gettext("approved it"), "ok"),
    "reject": Words("circle-x", lazy_gettext("rejected it"), "bad"),
    "revised": Words("versions", lazy_gettext("began version %(version)s")),
    "revision_discarded": Words("trash", lazy_gettext("discarded version %(version)s")),
    "convert": Words("file-invoice", lazy_gettext("converted it into order %(order)s"), "ok"),
    "expire": Words("hourglass", lazy_gettext("closed it: its last day was over"), "warn"),
    "supersede": Words("history", lazy_gettext("put version %(version)s in its place")),
}


def entry(row: History) -> EntryView:
    words = HISTORY.get(row.event) or Words("history", row.event.replace("_", " "))
    return EntryView(
        kind="history",
        icon=words.icon,
        who=row.actor_name,
        what=str(words.what) % (row.data or {}),
        at=row.at,
        words=row.because,
        tone=words.tone,
        changes=tuple((c["what"], c["before"], c["after"]) for c in (row.data or {}).get("changes", ())),
    )


def due(step: Instalment) -> str:
    if step.due is Due.DATE and step.due_date:
        return day(step.due_date)
    return _("On signing") if step.due is Due.SIGNATURE else _("On delivery")


def share(step: Instalment) -> str | None:
    return percent(step.percent) if step.percent is not None else None
