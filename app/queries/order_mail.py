"""Mails that did not arrive, what the queue looks like, one mail whole, and the addresses that nothing is sent to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Row, and_, func, select
from sqlalchemy.orm import aliased

from .. import clock
from ..access import Permission, can
from ..db import read_columns
from ..errors import NotFound
from ..language import gettext
from ..mail import suppression
from ..mail.kinds import NAMES
from ..models import Document, History, OrderEmail, SalesOrder, SuppressedAddress
from ..states.mail import AMISS, ON_ITS_WAY
from ..values import Value
from .operations.views import Act, Keys, Slice, Waiting, cut
from .orders.views import Link

M, S = OrderEmail, SuppressedAddress
_Again = aliased(OrderEmail)
# Mails leave within seconds; what is older waits for something.
PROMPT = timedelta(minutes=2)


class Trouble(Value):
    """Mails that should have left already: how many, since when, and what the mail server said last."""

    count: int
    since: datetime
    words: str


def trouble() -> Trouble | None:
    """None while mails leave as they should; one statement."""
    late = and_(M.status.in_(ON_ITS_WAY), M.created_at < clock.now() - PROMPT)
    said = select(M.last_error).where(late, M.last_error.is_not(None)).order_by(M.id.desc()).limit(1)
    found = select(func.count(M.id).label("number"), func.min(M.created_at).label("since"), said.scalar_subquery())
    row: Any = read_columns(found.where(late)).one()
    return Trouble(row[0], row[1], row[2] or "") if row[0] else None


def amiss() -> ColumnElement[bool]:
    """Not with the customer, and not sent again since."""
    again = select(_Again.id).where(_Again.resent_from_id == M.id)
    return and_(M.status.in_(AMISS), ~again.exists())


def count_amiss() -> int:
    return int(read_columns(select(func.count(M.id)).where(amiss())).scalar_one())


def amiss_rows(keys: Keys) -> tuple[Slice, tuple[Waiting, ...]]:
    query = (
        select(M.id, M.subject, M.kind, M.recipients, M.last_error, M.tries, M.created_at, SalesOrder.number)
        .outerjoin(SalesOrder, SalesOrder.id == M.order_id)
        .where(amiss())
    )
    found, resend = cut(query, M.id, keys), can(Permission.MAIL_RESEND)
    return found, tuple(_waiting(row, resend) for row in found.rows)


def _waiting(row: Row[Any], resend: bool) -> Waiting:
    mail = Link(gettext(NAMES.get(row.kind, row.kind)), url_for("post.mail", mail_id=row.id))
    order = [Link(row.number, url_for("orders.show", number=row.number))] if row.number else []
    send = Act(_("Send again"), url_for("post.resend", mail_id=row.id), "mail-forward")
    return Waiting(
        id=row.id,
        title=row.subject,
        detail=row.last_error or "",
        links=(mail, *order),
        names=", ".join(r["address"] for r in row.recipients),
        amount=None,
        since=row.created_at,
        tries=row.tries,
        acts=(send,) if resend else (),
    )


class Attached(Value):
    filename: str
    size: int | None
    sha256: str | None


class MailPage(Value):
    """One mail as it is kept: its links are withheld."""

    id: int
    kind: str
    status: str
    subject: str
    sender: str
    reply_to: str
    recipients: list[dict[str, Any]]
    text: str
    html: str
    has_link: bool
    attachments: tuple[Attached, ...]
    edition: int
    tries: int
    ambiguous: bool
    last_error: str | None
    asked_by: str
    created_at: datetime
    sent_at: datetime | None
    message_id: str
    order: Link | None
    earlier: int | None
    later: int | None
    history: Sequence[Row[Any]]
    on_its_way: bool


def page(mail_id: int, order_id: int | None = None, agreement_id: int | None = None) -> MailPage:
    """With `order_id` only a mail of that order, and so with `agreement_id`. Raises NotFound."""
    query = select(*M.__table__.columns, SalesOrder.number).outerjoin(SalesOrder, SalesOrder.id == M.order_id)
    if order_id is not None:
        query = query.where(M.order_id == order_id)
    if agreement_id is not None:
        query = query.where(M.agreement_id == agreement_id)
    row = read_columns(query.where(M.id == mail_id)).one_or_none()
    if row is None:
        raise NotFound(f"mail {mail_id}")
    names = "id status subject sender reply_to recipients text html edition tries ambiguous last_error asked_by"
    same = {name: getattr(row, name) for name in [*names.split(), "created_at", "sent_at", "message_id"]}
    return MailPage(
        **same,
        kind=gettext(NAMES.get(row.kind, row.kind)),
        has_link=row.link_kind is not None,
        attachments=_attached(row),
        order=Link(row.number, url_for("orders.show", number=row.number)) if row.number else None,
        earlier=row.resent_from_id,
        later=read_columns(select(M.id).where(M.resent_from_id == row.id).order_by(M.id.desc()).limit(1)).scalar(),
        history=_history(row.id),
        on_its_way=row.status in ON_ITS_WAY,
    )


def _attached(row: Row[Any]) -> tuple[Attached, ...]:
    """What went out; before that, what is to go."""
    if row.carried:
        return tuple(Attached(**paper) for paper in row.carried)
    found = read_columns(
        select(Document.id, Document.filename, Document.size, Document.sha256).where(Document.id.in_(row.attachments))
    )
    return tuple(Attached(paper.filename, paper.size, paper.sha256) for paper in found)


def _history(mail_id: int) -> Sequence[Row[Any]]:
    query = select(History.event, History.to_status, History.because, History.at)
    mine = and_(History.entity == M.__tablename__, History.entity_id == mail_id)
    return read_columns(query.where(mine).order_by(History.id.desc()).limit(40)).all()


class Suppressed(Value):
    id: int
    address: str
    cause: str
    words: str
    since: datetime
    mail_id: int | None
    lifted_at: datetime | None
    lifted_by: str
    lifted_because: str


def suppressed(keys: Keys, *, lifted: bool = False, address: str = "") -> tuple[Slice, tuple[Suppressed, ...]]:
    """Those in force, or those that were; `address` is the beginning of one."""
    query = select(*S.__table__.columns).where(S.lifted_at.is_not(None) if lifted else S.lifted_at.is_(None))
    if address:
        query = query.where(S.address.startswith(address.lower(), autoescape=True))
    found = cut(query, S.id, keys)
    return found, tuple(map(_suppressed, found.rows))


def _suppressed(row: Row[Any]) -> Suppressed:
    names = ("id", "address", "words", "since", "lifted_at", "lifted_by", "lifted_because")
    cause = gettext(suppression.CAUSES.get(row.cause, row.cause))
    return Suppressed(cause=cause, mail_id=row.email_id, **{name: getattr(row, name) for name in names})
