"""What waits of the world around: mails with links, processor events, settlement exceptions, gateways."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Row, and_, func, select
from sqlalchemy.orm import aliased

from ... import clock
from ...access import Permission, can
from ...badges import badge_of
from ...db import read_columns
from ...models import (
    Account,
    Gateway,
    GatewayState,
    MethodRequest,
    NoticeWork,
    OrderEmail,
    ProcessorEvent,
    RefusedNotices,
    SalesOrder,
    SettlementException,
)
from ...money import Money
from ...states.mail import AMISS
from ...states.notice import NEEDS_PEOPLE, NoticeStatus
from ...states.settlement_exception import ExceptionStatus
from ...values import Value
from ..orders.views import Link
from ..settlement import words
from .views import Act, Keys, Slice, Waiting, cut

_Later = aliased(OrderEmail)
X = SettlementException


def mails() -> ColumnElement[bool]:
    """Links that never left, and that nobody has mailed since."""
    later = select(_Later.id).where(
        _Later.kind == OrderEmail.kind,
        _Later.subject_kind == OrderEmail.subject_kind,
        _Later.subject_id == OrderEmail.subject_id,
        _Later.id > OrderEmail.id,
    )
    return and_(OrderEmail.status.in_(AMISS), OrderEmail.link_kind.is_not(None), ~later.exists())


def events() -> ColumnElement[bool]:
    return NoticeWork.status.in_(NEEDS_PEOPLE)


def exceptions() -> ColumnElement[bool]:
    return X.status == ExceptionStatus.OPEN


def gateways() -> ColumnElement[bool]:
    return Gateway.state == GatewayState.UNAVAILABLE


def mail_rows(keys: Keys) -> tuple[Slice, tuple[Waiting, ...]]:
    query = (
        select(
            OrderEmail.id,
            OrderEmail.subject,
            OrderEmail.recipients,
            OrderEmail.last_error,
            OrderEmail.tries,
            OrderEmail.created_at,
            SalesOrder.number.label("order_number"),
            Account.number.label("account_number"),
        )
        .outerjoin(SalesOrder, SalesOrder.id == OrderEmail.order_id)
        .outerjoin(
            MethodRequest,
            and_(OrderEmail.subject_kind == "method_request", MethodRequest.id == OrderEmail.subject_id),
        )
        .outerjoin(Account, Account.id == MethodRequest.account_id)
        .where(mails())
    )
    found, resend = cut(query, OrderEmail.id, keys), can(Permission.MAIL_RESEND)
    return found, tuple(_mail(row, resend) for row in found.rows)


def _mail(row: Row[Any], resend: bool) -> Waiting:
    order = row.order_number and Link(row.order_number, url_for("orders.show", number=row.order_number))
    account = row.account_number and Link(row.account_number, url_for("accounts.show", number=row.account_number))
    links = tuple(link for link in (order, account) if link)
    send = Act(_("Send again"), url_for("operations.resend", mail_id=row.id), "mail-forward")
    look = [Act(_("Open"), link.href or "", "arrow-right", post=False) for link in links[:1]]
    return Waiting(
        id=row.id,
        title=row.subject,
        detail=row.last_error or "",
        links=links,
        names=", ".join(r["address"] for r in row.recipients),
        amount=None,
        since=row.created_at,
        tries=row.tries,
        acts=(send,) if resend else tuple(look),
    )


def event_rows(keys: Keys) -> tuple[Slice, tuple[Waiting, ...]]:
    query = (
        select(
            NoticeWork.id,
            NoticeWork.event_id,
            NoticeWork.status,
            NoticeWork.error,
            NoticeWork.tries,
            ProcessorEvent.type,
            ProcessorEvent.event_id.label("reference"),
            ProcessorEvent.received_at,
            Gateway.name.label("gateway"),
        )
        .join(ProcessorEvent, ProcessorEvent.id == NoticeWork.event_id)
        .join(Gateway, Gateway.id == ProcessorEvent.gateway_id)
        .where(events())
    )
    found = cut(query, NoticeWork.id, keys)
    return found, tuple(map(_event, found.rows))


def _event(row: Row[Any]) -> Waiting:
    here = url_for("events.event", event_id=row.event_id)
    again = Act(_("Replay"), url_for("operations.replay", event_id=row.event_id))
    look = Act(_("Look into it"), here, "arrow-right", post=False)
    replayable = row.status is not NoticeStatus.QUARANTINED and can(Permission.EVENT_REPLAY)
    return Waiting(
        id=row.id,
        title=f"{badge_of('notice', row.status).word}: {row.type}",
        detail=row.error or "",
        links=(Link(row.reference, here),),
        names=row.gateway,
        amount=None,
        since=row.received_at,
        tries=row.tries,
        acts=(again,) if replayable else (look,),
    )


def exception_rows(keys: Keys) -> tuple[Slice, tuple[Waiting, ...]]:
    query = select(X.id, X.kind, X.reference, X.facts, X.created_at, Gateway.name.label("gateway"))
    found = cut(query.join(Gateway, Gateway.id == X.gateway_id).where(exceptions()), X.id, keys)
    return found, tuple(map(_exception, found.rows))


def _exception(row: Row[Any]) -> Waiting:
    here = url_for("settlement.exceptions", before=row.id + 1) + f"#exception-{row.id}"
    amount, currency = row.facts.get("found", row.facts.get("expected")), row.facts.get("currency")
    return Waiting(
        id=row.id,
        title=words.exception(row.kind),
        detail=words.meaning(row.kind),
        links=(Link(row.reference, here),),
        names=row.gateway,
        amount=Money(amount, currency) if amount is not None and currency else None,
        since=row.created_at,
        acts=(Act(_("Open it"), here, "arrow-right", post=False),) if can(Permission.SETTLEMENT_VIEW) else (),
    )


class Health(Value):
    """How a gateway is. `refused` counts the posts to its webhook that were turned away today; `silent` its answers in
    a row that told nothing."""

    key: str
    name: str
    state: GatewayState
    mode: str
    silent: int
    down_since: datetime | None
    down_error: str | None
    checked_at: datetime | None
    recovered_at: datetime | None
    refused: int

    @property
    def well(self) -> bool:
        return self.state is not GatewayState.UNAVAILABLE and not self.silent


def health() -> tuple[Health, ...]:
    """Every gateway that is not removed; one statement."""
    refused = (
        select(func.coalesce(func.sum(RefusedNotices.count), 0))
        .where(RefusedNotices.gateway_id == Gateway.id, RefusedNotices.day == clock.now().date())
        .scalar_subquery()
    )
    names = ("key", "name", "mode", "silent", "down_since", "down_error", "checked_at", "recovered_at")
    columns = [getattr(Gateway, name) for name in names]
    query = select(*columns, Gateway.state.label("state"), refused.label("refused"))
    rows = read_columns(query.where(Gateway.status != GatewayState.REMOVED).order_by(Gateway.name, Gateway.id))
    return tuple(Health(**(row._asdict() | {"refused": int(row.refused)})) for row in rows)
