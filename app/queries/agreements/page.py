"""The page of one agreement: whether it is live, what comes next, what was paid, what was agreed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import String, and_, cast, literal, or_, select

from ... import settings
from ...access import Permission, why_not
from ...db import db, get
from ...errors import NotFound, Refusal
from ...mail import recipients
from ...models import (
    Account,
    AgreementLine,
    AgreementVersion,
    Attempt,
    CollectionMethod,
    Contact,
    Document,
    History,
    Invoice,
    PaymentAgreement,
    PaymentMethod,
    PaymentOrder,
    SalesOrder,
    ScheduledPayment,
    Subscription,
    User,
)
from ...money import Money, PricedLine, line_amount, totals
from ...states import declines
from ...states.agreement import ENDED
from ...states.scheduled_payment import ScheduledStatus
from .. import routes
from ..scope import visible
from . import acts, verdict, words
from .runs import REASON
from .term import Term
from .views import AgreementPage, EntryView, LineView, PeriodView

PAST, HISTORY = 12, 40


WHOLE: Any = verdict.joined(
    select(
        *verdict.COLUMNS,
        *routes.COLUMNS,
        *(
            getattr(PaymentAgreement, name)
            for name in (
                *("number", "account_id", "order_id", "frequency", "every", "anchor", "ends_on", "trial_ends_on"),
                *("paused_until", "missed", "renewal", "term_months", "proration", "prices_include_tax", "version"),
                *("consent_text", "consent_by", "consent_how", "consent_at", "consent_version"),
            )
        ),
        Account.name.label("account"),
        Account.number.label("account_number"),
        SalesOrder.number.label("order"),
        Contact.name.label("contact_name"),
        Contact.email.label("contact_email"),
    )
)
WHOLE = WHOLE.outerjoin(SalesOrder, SalesOrder.id == PaymentAgreement.order_id).outerjoin(
    Contact, Contact.id == PaymentAgreement.contact_id
)


def entity_id(number: str, reader: User) -> int:
    """Raises NotFound, for foreign ones too."""
    found = db.session.scalar(
        select(PaymentAgreement.id).where(PaymentAgreement.number == number, visible(reader, PaymentAgreement.owner_id))
    )
    if found is None:
        raise NotFound(f"agreement {number}")
    return found


def view(number: str, reader: User, *, before: int | None = None) -> AgreementPage:
    """Six statements, however long it has run; `before` pages through what is past. Raises NotFound."""
    row: Any = db.session.execute(
        WHOLE.where(PaymentAgreement.number == number, visible(reader, PaymentAgreement.owner_id))
    ).one_or_none()
    if row is None:
        raise NotFound(f"agreement {number}")
    facts = verdict.of_row(row)
    found = verdict.judged(facts, routes.of(row), allowed=bool(settings.get(settings.RECURRING)))
    coming, past, earlier = _periods(row, reader, before)
    term = Term(row.status, row.renewal, row.term_months, row.ends_on, row.cancels_on, facts.today)
    lines = _lines(row)
    whole = totals([x[1] for x in lines], row.currency, prices_include_tax=row.prices_include_tax)
    return AgreementPage(
        id=row.id,
        number=row.number,
        url=url_for("agreements.show", number=row.number),
        status=words.shown(row.status, found),
        live=found.live,
        note=words.not_live(found),
        checks=found.checks,
        account=row.account,
        account_number=row.account_number,
        order=row.order,
        contact=f"{row.contact_name}, {row.contact_email}" if row.contact_name else None,
        often=words.often(row.frequency, row.every),
        amount=whole.gross,
        net=whole.net,
        tax=whole.tax,
        collection=row.collection,
        collected=words.collected(row.collection, words.card(row.brand, row.last4)),
        method_id=row.method_id,
        next_on=row.next_on if facts.comes else None,
        next_amount=Money(row.next_amount, row.currency) if row.next_amount and facts.comes else None,
        first_on=row.anchor,
        today=facts.today,
        ends_on=row.ends_on,
        cancels_on=row.cancels_on,
        trial_ends_on=row.trial_ends_on,
        paused_until=row.paused_until,
        missed=row.missed,
        renewal=row.renewal,
        term_months=row.term_months,
        proration=row.proration,
        zone=row.zone,
        consent_text=row.consent_text,
        consent_by=row.consent_by,
        consent_how=row.consent_how,
        consent_at=row.consent_at,
        consent_version=row.consent_version,
        version=row.version,
        versions=_versions(row),
        coming=coming,
        past=past,
        earlier=url_for("agreements.show", number=row.number, before=earlier) if earlier else None,
        lines=tuple(x[0] for x in lines),
        subscriptions=_subscriptions(row.id),
        history=_history(row),
        ends_soon=term.ends_soon,
        acts=tuple(acts.of(row.number, term)),
    )


LAST = (
    select(Attempt.id)
    .where(Attempt.payment_order_id == ScheduledPayment.payment_order_id)
    .order_by(Attempt.id.desc())
    .limit(1)
    .correlate(ScheduledPayment)
    .scalar_subquery()
)


def _periods(
    row: Any, reader: User, before: int | None
) -> tuple[tuple[PeriodView, ...], tuple[PeriodView, ...], int | None]:
    """What is still to be collected in its order, what is settled newest first, and where the older ones begin."""
    query: Any = (
        select(
            *(
                getattr(ScheduledPayment, name)
                for name in ("id", "period", "status", "due_on", "covers_from", "covers_to", "amount")
            ),
            PaymentOrder.number.label("payment_order"),
            Invoice.number.label("invoice"),
            Attempt.decline_code,
            Attempt.advice,
            Attempt.error,
            REASON.label("reason"),
        )
        .outerjoin(PaymentOrder, PaymentOrder.id == ScheduledPayment.payment_order_id)
        .outerjoin(Invoice, Invoice.id == ScheduledPayment.invoice_id)
        .outerjoin(Attempt, Attempt.id == LAST)
        .where(ScheduledPayment.agreement_id == row.id)
    )
    if before is not None:
        query = query.where(ScheduledPayment.period < before)
    newest = db.session.execute(query.order_by(ScheduledPayment.period.desc()).limit(2 * PAST + 2)).all()
    settled = (ScheduledStatus.PAID, ScheduledStatus.SKIPPED, ScheduledStatus.CANCELLED)
    coming = tuple(_period(row, x, reader) for x in reversed(newest) if x.status not in settled)
    past = tuple(_period(row, x, reader) for x in newest if x.status in settled)
    more = len(newest) > 2 * PAST + 1
    return coming, past, newest[-1].period if more else None


def _period(row: Any, x: Any, reader: User) -> PeriodView:
    late = x.status is ScheduledStatus.SCHEDULED and x.due_on <= verdict.of_row(row).today
    seen = x.invoice is not None and why_not(reader, Permission.INVOICE_VIEW) is None
    return PeriodView(
        period=x.period,
        status="due" if late and row.status not in ENDED else str(x.status),
        due_on=x.due_on,
        covers_from=x.covers_from,
        covers_to=x.covers_to,
        amount=Money(x.amount, row.currency),
        payment_order=x.payment_order,
        payment_order_url=url_for("payments.show", number=x.payment_order) if x.payment_order else None,
        invoice=x.invoice,
        invoice_url=url_for("invoices.show", number=x.invoice) if seen else None,
        words=_trouble(row, x),
        acts=tuple(acts.of_period(row, x)),
    )


def _trouble(row: Any, x: Any) -> str:
    if x.status is ScheduledStatus.COLLECTING and row.collection == CollectionMethod.PAYMENT_LINK:
        return _("The customer has the link to pay it.")
    if x.status is ScheduledStatus.COLLECTING:
        return _("Its outcome is not known yet.")
    if x.status is not ScheduledStatus.FAILED:
        return ""
    if x.decline_code is None:
        return x.reason or x.error or _("The invoice was not paid by its day.")
    found = declines.explain(x.decline_code, x.advice)
    return f"{_(found.staff)} {_(found.staff_next)}"


def failed(agreement_id: int, period: int) -> int:
    """The payment order of a period that failed. Raises NotFound, and Refusal `not_failed` for one that did not, or was
    paid since."""
    row = db.session.scalars(
        select(ScheduledPayment).where(ScheduledPayment.agreement_id == agreement_id, ScheduledPayment.period == period)
    ).one_or_none()
    if row is None:
        raise NotFound(f"period {period}")
    if row.status is not ScheduledStatus.FAILED or row.payment_order_id is None:
        raise Refusal(
            "not_failed", "Period %(period)s does not wait to be paid.", "Reload the agreement's page.", period=period
        )
    return row.payment_order_id


def gets_link(payment_order_id: int) -> str:
    """Who is sent the link to pay it, each with the reason; or why nobody can be."""
    try:
        found = recipients.for_link(get(PaymentOrder, payment_order_id))
    except Refusal as refusal:
        return refusal.sentence
    return _("It goes to %(people)s.", people="; ".join(f"{r.address} ({r.reason})" for r in found))


def _lines(row: Any) -> list[tuple[LineView, PricedLine]]:
    query = select(AgreementLine).where(AgreementLine.agreement_id == row.id).order_by(AgreementLine.position)
    found = []
    for x in db.session.scalars(query):
        amount = line_amount(x.priced, row.currency)
        found.append((LineView(x.id, x.description, x.quantity, x.unit_price, x.tax_rate, amount), x.priced))
    return found


def _versions(row: Any) -> Sequence[Any]:
    """`printed` where its paper can be read."""
    names = ("version", "sha256", "reason", "made_by", "created_at")
    columns: list[Any] = [getattr(AgreementVersion, name) for name in names]
    query = select(*columns, Document.rendered_at.is_not(None).label("printed")).outerjoin(
        Document, paper_of(row.id, row.number, AgreementVersion.version)
    )
    mine = query.where(AgreementVersion.agreement_id == row.id)
    return db.session.execute(mine.order_by(AgreementVersion.version.desc()).limit(HISTORY)).all()


def paper_of(agreement_id: int, number: str, version: Any) -> Any:
    name = literal(f"{number}-v", String).concat(cast(version, String)).concat(".pdf")
    return and_(Document.kind == "agreement", Document.subject_id == agreement_id, Document.filename == name)


def paper(number: str, version: int, reader: User) -> tuple[bytes, str]:
    """The PDF of one version, and its name. Raises NotFound, and while it is not there yet."""
    mine = paper_of(entity_id(number, reader), number, version)
    row = db.session.execute(select(Document.body, Document.filename).where(mine)).one_or_none()
    if row is None or row.body is None:
        raise NotFound(f"agreement {number}, version {version}")
    return row.body, row.filename


def _subscriptions(agreement_id: int) -> Sequence[Any]:
    columns = (Subscription.status, Subscription.description, Subscription.quantity, Subscription.starts_on)
    query = select(*columns, Subscription.ends_on).where(Subscription.agreement_id == agreement_id)
    return db.session.execute(query.order_by(Subscription.id)).all()


def _history(row: Any) -> tuple[EntryView, ...]:
    periods = select(ScheduledPayment.id).where(ScheduledPayment.agreement_id == row.id)
    mine = or_(
        and_(History.entity == PaymentAgreement.__tablename__, History.entity_id == row.id),
        and_(History.entity == ScheduledPayment.__tablename__, History.entity_id.in_(periods)),
    )
    columns = (History.entity, History.event, History.actor_name, History.because, History.data, History.at)
    rows = db.session.execute(select(*columns).where(mine).order_by(History.id.desc()).limit(HISTORY))
    known = [x for x in rows if (x.entity, x.event) in words.HISTORY]
    return tuple(
        EntryView(icon, tone, x.actor_name, what, x.because, x.at)
        for x in known
        for icon, tone, what in [words.entry(x, row.currency)]
    )


def cards(account_id: int) -> list[tuple[int, str]]:
    """The account's cards on file, newest first, for whoever chooses one."""
    query = select(PaymentMethod).where(PaymentMethod.account_id == account_id, PaymentMethod.detached_at.is_(None))
    return [(x.id, _named(x)) for x in db.session.scalars(query.order_by(PaymentMethod.id.desc()))]


def _named(card: PaymentMethod) -> str:
    words = f"{card.label}, {card.exp_month:02d}/{card.exp_year % 100:02d}"
    return _("%(card)s (declined for good)", card=words) if card.hard_declined_at is not None else words
