"""Disputes as a list and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Row, and_, case, func, select
from sqlalchemy.orm import aliased

from .. import clock
from ..access import Permission, why_not
from ..db import db
from ..errors import NotFound
from ..formatting import day, money
from ..models import (
    Account,
    Attempt,
    Dispute,
    DisputeEntry,
    DisputeEntryKind,
    Document,
    Gateway,
    History,
    PaymentAgreement,
    PaymentOrder,
    SalesOrder,
    Transaction,
    User,
)
from ..money import Money
from ..states.dispute import OPEN, DisputeEvent, DisputeStatus
from ..values import Value
from . import evidence
from .orders.views import Action, EntryView, Link
from .payments import owners
from .payments.words import of_event
from .scope import visible

MOST = 200
SOON = timedelta(days=5)
ENTRIES = {
    DisputeEntryKind.DEBIT: lambda: _("Taken by the bank"),
    DisputeEntryKind.FEE: lambda: _("Dispute fee"),
    DisputeEntryKind.REINSTATEMENT: lambda: _("Given back"),
    DisputeEntryKind.FEE_RETURNED: lambda: _("Dispute fee given back"),
}


class DisputeRow(Value):
    number: str
    href: str
    customer: str
    payment_order: str
    status: str
    amount: Money
    reason: str
    due_by: datetime | None
    urgent: bool


class MoneyView(Value):
    what: str
    amount: Money
    provider_id: str
    at: datetime
    outward: bool


class Paper(Value):
    """A document that can go with the answer; `kind` is what the form sends back."""

    kind: str
    name: str
    href: str


class DisputePage(Value):
    """`source` is what asked for the money: an order, or an agreement. It `packs` where an order stands behind it."""

    number: str
    url: str
    status: str
    account: str
    source: Link
    of_order: bool
    packs: bool
    payment_order: Link
    amount: Money
    reason: str
    inquiry: bool
    opened_at: datetime
    due_by: datetime | None
    gateway: str
    provider_id: str | None
    transaction: str
    card: str
    sentence: str
    detail: str
    icon: str
    tone: str
    primary: Action | None
    more: tuple[Action, ...]
    money: tuple[MoneyView, ...]
    words: tuple[tuple[str, str], ...]
    answered_with: tuple[str, ...]
    answered_at: datetime | None
    papers: tuple[Paper, ...]
    history: tuple[EntryView, ...]


_Signed = aliased(SalesOrder)
"""The order that made the agreement, where the reader sees it."""
COLUMNS = (
    Dispute.id,
    Dispute.number,
    Dispute.status,
    Dispute.amount,
    Dispute.currency,
    Dispute.reason,
    Dispute.inquiry,
    Dispute.opened_at,
    Dispute.due_by,
    Dispute.provider_id,
    Dispute.evidence,
    Dispute.answered_with,
    Dispute.answered_at,
    Dispute.transaction_id,
    PaymentOrder.id.label("payment_order_id"),
    PaymentOrder.number.label("payment_order"),
    PaymentOrder.invoice_id,
    SalesOrder.id.label("order_id"),
    owners.SOURCE.label("source"),
    func.coalesce(SalesOrder.id, _Signed.id).label("signed_id"),
    Account.name.label("customer"),
    Gateway.name.label("gateway"),
    Transaction.provider_id.label("charge"),
    Attempt.card_label,
)


def _query(reader: User, seen: ColumnElement[bool]) -> Any:
    query = (
        select(*COLUMNS)
        .select_from(Dispute)
        .join(PaymentOrder, PaymentOrder.id == Dispute.payment_order_id)
        .join(Account, Account.id == PaymentOrder.account_id)
        .join(Gateway, Gateway.id == Dispute.gateway_id)
        .join(Transaction, Transaction.id == Dispute.transaction_id)
        .join(Attempt, Attempt.id == Transaction.attempt_id)
    )
    made_by = and_(_Signed.id == PaymentAgreement.order_id, visible(reader, _Signed.owner_id))
    return owners.joined(query).outerjoin(_Signed, made_by).where(seen)


def listing(reader: User) -> tuple[DisputeRow, ...]:
    """Those that need an answer first, the soonest due on top; one statement."""
    undecided = case((Dispute.status == DisputeStatus.NEEDS_RESPONSE, 0), (Dispute.status.in_(OPEN), 1), else_=2)
    rows = db.session.execute(
        _query(reader, owners.within_reach(reader)).order_by(undecided, Dispute.due_by, Dispute.id.desc()).limit(MOST)
    )
    return tuple(
        DisputeRow(
            number=row.number,
            href=url_for("disputes.show", number=row.number),
            customer=row.customer,
            payment_order=row.payment_order,
            status=row.status,
            amount=Money(row.amount, row.currency),
            reason=row.reason.replace("_", " "),
            due_by=row.due_by if row.status in OPEN else None,
            urgent=_urgent(row),
        )
        for row in rows
    )


def _urgent(row: Row[Any]) -> bool:
    waits = row.status is DisputeStatus.NEEDS_RESPONSE and row.due_by is not None
    return bool(waits and row.due_by - clock.now() < SOON)


def load(number: str, reader: User) -> Row[Any]:
    """Raises NotFound, for foreign ones too."""
    row: Row[Any] | None = db.session.execute(
        _query(reader, owners.seen_by(reader)).where(Dispute.number == number)
    ).one_or_none()
    if row is None:
        raise NotFound(f"dispute {number}")
    return row


def view(row: Row[Any], reader: User) -> DisputePage:
    moved, history = _entries(row.id), _history(row.id)
    sentence, detail, icon, tone = _told(row, moved, history)
    actions = [a for a in _actions(row, reader) if a is not None]
    answer = next((a for a in actions if a.key == "answer"), None)
    return DisputePage(
        number=row.number,
        url=url_for("disputes.show", number=row.number),
        status=row.status,
        account=row.customer,
        source=_source(row),
        of_order=row.order_id is not None,
        packs=row.signed_id is not None,
        payment_order=Link(row.payment_order, url_for("payments.show", number=row.payment_order)),
        amount=Money(row.amount, row.currency),
        reason=row.reason.replace("_", " "),
        inquiry=row.inquiry,
        opened_at=row.opened_at,
        due_by=row.due_by,
        gateway=row.gateway,
        provider_id=row.provider_id,
        transaction=row.charge,
        card=row.card_label,
        sentence=sentence,
        detail=detail,
        icon=icon,
        tone=tone,
        primary=answer,
        more=tuple(a for a in actions if a is not answer),
        money=tuple(_moved(x) for x in moved),
        words=tuple((label_of(key), text) for key, text in row.evidence.items() if text),
        answered_with=tuple(row.answered_with),
        answered_at=row.answered_at,
        papers=papers(row),
        history=tuple(of_event(x) for x in history),
    )


def _source(row: Row[Any]) -> Link:
    endpoint = "orders.show" if row.order_id is not None else "agreements.show"
    return Link(row.source, url_for(endpoint, number=row.source))


def _told(row: Row[Any], moved: Sequence[Any], history: Sequence[Any]) -> tuple[str, str, str, str]:
    amount = money(Money(row.amount, row.currency))
    if row.status is DisputeStatus.NEEDS_RESPONSE:
        due = _("The bank reads no answer after %(day)s.", day=day(row.due_by)) if row.due_by else ""
        if row.inquiry:
            return _("The bank asks about %(amount)s; no money has moved.", amount=amount), due, "alert-circle", "warn"
        again = any(x.event == DisputeEvent.APPEAL for x in history)
        contests = _("The decision over %(amount)s is contested, and the bank asks again.", amount=amount)
        contests = contests if again else _("The cardholder contests %(amount)s.", amount=amount)
        return contests, due, "alert-triangle", "bad"
    if row.status is DisputeStatus.UNDER_REVIEW:
        waits = _("Banks take up to 75 days. The gateway tells us how it ends.")
        return _("The answer is with the bank."), waits, "clock", "info"
    if row.status is DisputeStatus.WON:
        kinds = {x.kind for x in moved}
        kept = DisputeEntryKind.FEE in kinds and DisputeEntryKind.FEE_RETURNED not in kinds
        fee = _("The fee stays with the processor.") if kept else ""
        return _("Won: the bank gave back what it took."), fee, "circle-check", "ok"
    gone = _("%(amount)s went back to the cardholder; what it had paid is owed again.", amount=amount)
    told = (
        _("Accepted by us.")
        if row.status is DisputeStatus.ACCEPTED
        else _("Lost: the bank decided for the cardholder.")
    )
    return told, "" if row.inquiry else gone, "circle-x", "bad"


def _actions(row: Row[Any], reader: User) -> list[Action]:
    may = why_not(reader, Permission.DISPUTE_RECORD)
    refusal = f"{may.sentence} {may.help}" if may else None

    def action(key: str, label: str, icon: str, endpoint: str, how: Any, danger: bool = False) -> Action:
        href = url_for(endpoint, number=row.number)
        return Action(key, label, icon, href, how, danger=danger, refusal=refusal)

    found = []
    if row.status is DisputeStatus.NEEDS_RESPONSE:
        found.append(action("answer", _("Answer the bank"), "send", "disputes.answer_form", "page"))
    if row.status in OPEN:
        found.append(action("accept", _("Accept the dispute"), "ban", "disputes.accept_form", "dialog", danger=True))
        if row.provider_id is None:
            found.append(action("decide", _("Enter how it ended"), "pencil", "disputes.decide_form", "dialog"))
    elif row.provider_id is None:
        found.append(action("reopen", _("The bank opens it again"), "pencil", "disputes.reopen_form", "dialog"))
    return found


def _entries(dispute_id: int) -> Sequence[Any]:
    columns = (
        DisputeEntry.kind,
        DisputeEntry.amount,
        DisputeEntry.currency,
        DisputeEntry.provider_id,
        DisputeEntry.at,
    )
    return db.session.execute(
        select(*columns).where(DisputeEntry.dispute_id == dispute_id).order_by(DisputeEntry.id)
    ).all()


def _moved(row: Row[Any]) -> MoneyView:
    outward = row.kind in (DisputeEntryKind.DEBIT, DisputeEntryKind.FEE)
    return MoneyView(ENTRIES[row.kind](), Money(row.amount, row.currency), row.provider_id, row.at, outward)


def papers(row: Row[Any]) -> tuple[Paper, ...]:
    """The newest of each document that is ready to go with an answer; one statement."""
    rows = db.session.execute(
        select(Document.id, Document.kind, Document.filename)
        .where(evidence.papers_of(row), Document.rendered_at.is_not(None))
        .order_by(Document.id)
    )
    newest = {x.kind: x for x in rows}
    return tuple(
        Paper(kind, x.filename, url_for("documents.show", document_id=x.id, filename=x.filename))
        for kind, x in newest.items()
    )


def _history(dispute_id: int) -> Sequence[Row[Any]]:
    columns = (History.entity, History.event, History.actor_name, History.because, History.data, History.at)
    mine = and_(History.entity == "dispute", History.entity_id == dispute_id)
    return db.session.execute(select(*columns).where(mine).order_by(History.id.desc())).all()


def label_of(key: str) -> str:
    """What the bank's field is called to people."""
    return {
        "product_description": _("What was sold"),
        "customer_name": _("Customer"),
        "customer_email": _("Customer's address for mail"),
        "billing_address": _("Billing address"),
        "service_date": _("When it was delivered"),
        "access_log": _("Use of what was delivered"),
        "uncategorized_text": _("Anything else"),
    }.get(key, key)
