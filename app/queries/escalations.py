"""Escalations: the list, newest first and paged by key, and one of them with links to what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Row, and_, or_, select

from .. import clock
from ..access import Permission, Role, can
from ..db import read_columns
from ..errors import NotFound
from ..models import (
    Account,
    Attempt,
    Dispute,
    Escalation,
    History,
    Movement,
    NoticeWork,
    PaymentOrder,
    SalesOrder,
    Symptom,
    Team,
    User,
)
from ..states.escalation import EscalationEvent, EscalationStatus
from ..values import Value
from .orders.views import Link
from .scope import visible

PAGE = 50
X = Escalation
S = EscalationStatus

# Who works in a team: whoever holds one of these roles.
ROLES: dict[Team, tuple[Role, ...]] = {
    Team.SALES_OPERATIONS: (Role.SALES_MANAGER,),
    Team.PAYMENT_OPERATIONS: (Role.PAYMENT_OPERATIONS,),
    Team.PAYMENT_ADMIN: (Role.PAYMENT_ADMIN,),
    Team.FINANCE: (Role.AR,),
    Team.ADMIN: (Role.ADMIN,),
}
STATUSES = {"waiting": (S.OPEN, S.ACKNOWLEDGED), "open": (S.OPEN,), "resolved": (S.RESOLVED,), "all": tuple(S)}
WHOSE = ("", "mine", "team")


class Filter(Value):
    """What the query string asks for; without a word it asks for everybody's that are not resolved."""

    status: str = "waiting"
    whose: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Filter:
        status, whose = args.get("status", ""), args.get("whose", "")
        return cls(status if status in STATUSES else "waiting", whose if whose in WHOSE else "")

    def url(self, **more: Any) -> str:
        status = self.status if self.status != "waiting" else None
        return url_for("escalations.index", **({"status": status, "whose": self.whose or None} | more))


class EscalationRow(Value):
    """`late`: nobody has taken it up in the time that its team has for that."""

    id: int
    url: str
    symptom: str
    team: str
    status: EscalationStatus
    label: str
    summary: str
    owner: str | None
    order: Link | None
    due_at: datetime
    created_at: datetime
    late: bool
    may_take: bool


class EscalationList(Value):
    rows: tuple[EscalationRow, ...]
    previous: str | None
    next: str | None


class EscalationPage(Value):
    row: EscalationRow
    opened_by: str
    resolved_at: datetime | None
    links: tuple[Link, ...]
    facts: tuple[tuple[str, str], ...]
    history: Sequence[Row[Any]]
    may_resolve: bool
    may_reopen: bool


COLUMNS: tuple[Any, ...] = (
    X.id,
    X.symptom,
    X.team,
    X.status,
    X.subject_kind,
    X.subject_id,
    X.subject_label,
    X.summary,
    X.context,
    X.opened_by,
    X.due_at,
    X.created_at,
    X.resolved_at,
    User.name.label("owner"),
    SalesOrder.number.label("order_number"),
    Account.number.label("account_number"),
    Account.name.label("customer"),
)


def _of(reader: User) -> Any:
    """What a reader may see: about orders of theirs, and about none."""
    return (
        select(*COLUMNS)
        .outerjoin(User, User.id == X.owner_id)
        .outerjoin(SalesOrder, SalesOrder.id == X.order_id)
        .outerjoin(Account, Account.id == X.account_id)
        .where(or_(X.order_id.is_(None), visible(reader, SalesOrder.owner_id)))
    )


def teams(reader: User) -> list[Team]:
    return [team for team, roles in ROLES.items() if any(role in reader.roles for role in roles)]


def view(wanted: Filter, reader: User, *, before: int | None = None, after: int | None = None) -> EscalationList:
    """One page of escalations older than the one with the id `before`, or newer than `after`; one statement."""
    query, backwards = _of(reader).where(*_conditions(wanted, reader)), after is not None and before is None
    if before is not None:
        query = query.where(X.id < before)
    elif after is not None:
        query = query.where(X.id > after)
    found = list(read_columns(query.order_by(X.id.asc() if backwards else X.id.desc()).limit(PAGE + 1)))
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    older, newer = (backwards or more), (more if backwards else before is not None)
    return EscalationList(
        rows=tuple(map(_row, found)),
        previous=wanted.url(after=found[0].id) if found and newer else None,
        next=wanted.url(before=found[-1].id) if found and older else None,
    )


def _conditions(wanted: Filter, reader: User) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [X.status.in_(STATUSES[wanted.status])]
    if wanted.whose == "mine":
        found.append(X.owner_id == reader.id)
    if wanted.whose == "team":
        found.append(X.team.in_(teams(reader)))
    return found


def _row(row: Row[Any]) -> EscalationRow:
    may = can(Permission.ESCALATION_RESOLVE)
    return EscalationRow(
        id=row.id,
        url=url_for("escalations.escalation", escalation_id=row.id),
        symptom=symptom(row.symptom),
        team=team(row.team),
        status=row.status,
        label=row.subject_label,
        summary=row.summary,
        owner=row.owner,
        order=_link("orders.show", row.order_number),
        due_at=row.due_at,
        created_at=row.created_at,
        late=row.status is S.OPEN and row.due_at < clock.now(),
        may_take=may and (row.status, EscalationEvent.ACKNOWLEDGE) in X.EDGES,
    )


def _link(endpoint: str, number: str | None) -> Link | None:
    return Link(number, url_for(endpoint, number=number)) if number else None


def page(escalation_id: int, reader: User) -> EscalationPage:
    """Raises NotFound, also for what is about somebody else's order. Three statements."""
    row = read_columns(_of(reader).where(X.id == escalation_id)).one_or_none()
    if row is None:
        raise NotFound(f"escalation {escalation_id}")
    may = can(Permission.ESCALATION_RESOLVE)
    links = (_subject(row), _link("orders.show", row.order_number), _link("accounts.show", row.account_number))
    return EscalationPage(
        row=_row(row),
        opened_by=row.opened_by,
        resolved_at=row.resolved_at,
        links=tuple(dict.fromkeys(link for link in links if link)),
        facts=tuple((_told(name), str(value)) for name, value in row.context.items() if value not in (None, "")),
        history=_history(row.id),
        may_resolve=may and (row.status, EscalationEvent.RESOLVE) in X.EDGES,
        may_reopen=may and (row.status, EscalationEvent.REOPEN) in X.EDGES,
    )


def _told(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _subject(row: Row[Any]) -> Link | None:
    """The page of what it is about; at most one statement."""
    kind, id = row.subject_kind, row.subject_id
    if kind == "settlement_exception":
        queue = url_for("settlement.exceptions", status="all", before=id + 1)
        return Link(row.subject_label, f"{queue}#exception-{id}")
    if kind == "notice_work":
        event_id = read_columns(select(NoticeWork.event_id).where(NoticeWork.id == id)).scalar_one_or_none()
        return Link(row.subject_label, url_for("events.event", event_id=event_id)) if event_id else None
    if kind == "receipt":
        return Link(row.subject_label, url_for("receivables.receipt", receipt=row.subject_label))
    if kind == "order_email":
        return Link(row.subject_label, url_for("post.mail", mail_id=id)) if can(Permission.MAIL_OPERATE) else None
    owning: Any = {"attempt": Attempt, "movement": Movement, "dispute": Dispute}.get(kind)
    if owning is None:
        return None
    query = select(PaymentOrder.number).join(owning, owning.payment_order_id == PaymentOrder.id)
    return _link("payments.show", read_columns(query.where(owning.id == id)).scalar_one_or_none())


def _history(escalation_id: int) -> Sequence[Row[Any]]:
    query = select(History.event, History.to_status, History.actor_name, History.because, History.at)
    mine = and_(History.entity == X.__tablename__, History.entity_id == escalation_id)
    return read_columns(query.where(mine).order_by(History.id.desc()).limit(30)).all()


def symptom(value: Symptom) -> str:
    return {
        Symptom.MISSING_CONTEXT: _("Order misses its quote or opportunity"),
        Symptom.LATE_MONEY: _("Money came late"),
        Symptom.LINK_FAILED: _("A link did not arrive"),
        Symptom.RETOKENIZATION: _("A saved card needs another gateway"),
        Symptom.ATTEMPT_UNKNOWN: _("A charge has been unknown for an hour"),
        Symptom.QUARANTINED: _("An answer was quarantined"),
        Symptom.UNMATCHED_EVENT: _("An event is about nothing of ours"),
        Symptom.SETTLEMENT_EXCEPTION: _("A payout and our books differ"),
        Symptom.DISPUTE_DUE: _("A dispute is due soon"),
        Symptom.INVARIANT_BROKEN: _("The books do not hold"),
        Symptom.OVERDRAWN: _("More was paid out than had come"),
        Symptom.WRONG_RECIPIENT: _("A mail goes to the wrong people"),
    }[value]


def team(value: Team) -> str:
    return {
        Team.SALES_OPERATIONS: _("Sales operations"),
        Team.PAYMENT_OPERATIONS: _("Payment operations"),
        Team.PAYMENT_ADMIN: _("Payment admin"),
        Team.FINANCE: _("Finance"),
        Team.ADMIN: _("Admin"),
    }[value]
