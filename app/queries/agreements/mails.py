"""The mails about an agreement, its periods and their dunning, as its page lists them and one by one."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import Row, select

from ...access import Permission, can
from ...db import read_columns
from ...mail.policy import TO_COLLEAGUES
from ...models import OrderEmail
from ...states.mail import ON_ITS_WAY
from ...values import Value
from ..orders import happenings
from ..orders.views import Action, EntryView

FEW, PAGE = 6, 50
M = OrderEmail
# Named as in the timeline of an order.
COLUMNS = (
    M.id,
    M.created_at.label("at"),
    M.asked_by.label("who"),
    M.kind.label("what"),
    M.status.label("more"),
    M.last_error.label("words"),
    M.recipients.label("data"),
)


class Mails(Value):
    """Newest first; `older` leads to those before."""

    entries: tuple[EntryView, ...]
    older: str | None


def newest(agreement_id: int, number: str) -> Mails:
    """One statement."""
    return _cut(agreement_id, number, None, FEW)


def listing(agreement_id: int, number: str, before: int | None) -> Mails:
    """A page of them; one statement."""
    return _cut(agreement_id, number, before, PAGE)


def _cut(agreement_id: int, number: str, before: int | None, most: int) -> Mails:
    query = select(*COLUMNS).where(M.agreement_id == agreement_id).order_by(M.id.desc()).limit(most + 1)
    rows = read_columns(query.where(M.id < before) if before else query).all()
    shown, resends = rows[:most], can(Permission.MAIL_RESEND)
    older = url_for("agreements.mails", number=number, before=shown[-1].id) if len(rows) > most else None
    return Mails(tuple(_entry(row, number, resends) for row in shown), older)


def _entry(row: Row[Any], number: str, resends: bool) -> EntryView:
    again = None
    if resends and row.more not in ON_ITS_WAY and row.what not in TO_COLLEAGUES:
        href = url_for("agreements.resend_form", number=number, mail_id=row.id)
        again = Action("resend", _("Send again"), "mail-forward", href, "dialog")
    return happenings.mail(row, url_for("agreements.mail", number=number, mail_id=row.id), again)
