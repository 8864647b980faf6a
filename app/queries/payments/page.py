"""The page of one payment order: what is asked for, what was tried, what is proven, what was sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import Row

from ...access import Permission, why_not
from ...formatting import ago
from ...models import IntentPurpose
from ...money import Money
from ...states.attempt import OPEN
from ...states.intent import IntentStatus
from ..orders import documents
from ..orders import payment as order_payment
from ..orders.parties import account_link
from ..orders.payment_facts import THANKS
from ..orders.plan import collection_words
from ..orders.views import Action, FiguresView, Link, MailView, ReceiptView
from . import actions, checkouts, paper, standing, words
from .facts import Collection
from .views import CheckoutView, LineView, PaymentOrderPage, SentView, TryView


def view(collection: Collection) -> PaymentOrderPage:
    """Sixteen statements at most, however much was tried."""
    row, source, about = collection.row, collection.source, collection.about
    period = collection.period
    return PaymentOrderPage(
        number=row.number,
        url=url_for("payments.show", number=row.number),
        status=collection.status,
        account=account_link(source.row),
        order=period.order if period else Link(source.row.number, url_for("orders.show", number=source.row.number)),
        quote=_quote(collection),
        agreement=period.agreement if period else None,
        period=period.covers if period else "",
        invoice=period.invoice if period else _invoice(collection),
        purpose=row.purpose,
        first=row.first,
        amount=source.money(row.amount),
        balance=collection.balance,
        figures=_figures(collection),
        due_date=row.due_date,
        overdue=collection.is_open and row.due_date is not None and row.due_date < source.today,
        collection=collection_words(row.collection),
        route=_route(collection),
        descriptor=about.descriptor,
        contact=f"{about.contact_name}, {about.contact_email}" if about.contact_name else None,
        creator=about.creator or _("Countersign"),
        created_at=about.created_at,
        lines=tuple(LineView(x.description, source.money(x.amount)) for x in collection.lines),
        next_step=standing.view(collection),
        decline=standing.decline(collection),
        trouble=order_payment.trouble(_proven(collection)),
        waiting=standing.waits(collection) or _following_up(collection),
        checkouts=tuple(_checkout(collection, x) for x in collection.intents),
        attempts=tuple(_try(collection, x) for x in {x.id: x for x in collection.attempts}.values()),
        transactions=tuple(order_payment.transaction(x) for x in _proven(collection)),
        receipts=(
            *(_offline(collection, x) for x in collection.offline),
            *(order_payment.receipt(source, x) for x in _proven(collection) if x.receipt_id is not None),
        ),
        mails=tuple(_mail(x) for x in collection.mails),
        movements=collection.reversals.view(),
        disputes=collection.reversals.dispute_lines(),
        held_until=collection.held_until,
        history=tuple(words.of_event(x) for x in collection.history),
        paper=paper.view(collection),
    )


def _quote(collection: Collection) -> Link | None:
    """Whoever sees the order sees the quote that it came from."""
    if collection.order is None or not collection.source.row.quote_number:
        return None
    number, version = collection.source.row.quote_number, collection.source.row.quote_version
    return Link(f"{number} v{version}", url_for("quotes.show_version", number=number, version=version))


def _route(collection: Collection) -> str | None:
    about = collection.about
    if not about.route_name:
        return None
    name = f"{about.route_name}, {about.gateway_name}"
    return _("%(route)s, chosen for this", route=name) if collection.row.chosen_route_id else name


def _invoice(collection: Collection) -> Link | None:
    """Whoever sees the order sees its invoices."""
    number = collection.about.invoice
    return Link(number, url_for("invoices.show", number=number)) if number else None


def _figures(collection: Collection) -> FiguresView:
    f, money = collection.figures, collection.source.money
    return FiguresView(*(money(x) for x in (f.requested, f.authorized, f.captured, f.refunded, f.disputed, f.balance)))


def _offline(collection: Collection, row: Row[Any]) -> ReceiptView:
    document = documents.newest(collection.source.documents, "receipt", row.id)
    return ReceiptView(row.number, Money(row.amount, row.currency), row.at, row.paid_with, documents.url(document))


def _proven(collection: Collection) -> list[Row[Any]]:
    return [x for x in collection.attempts if x.transaction_id is not None]


def _following_up(collection: Collection) -> str | None:
    """Paid, and receipt, invoice and activation are being made."""
    if collection.reversals.underway:
        return _("The gateway has not said yet what became of what was asked.")
    unfinished = any(x.done_at is None and x.post_processing_error is None for x in _proven(collection))
    if unfinished and collection.period is not None:
        return _("Paid. The receipt follows in a moment.")
    return _("Paid. Receipt, invoice and activation follow in a moment.") if unfinished else None


def _checkout(collection: Collection, row: Row[Any]) -> CheckoutView:
    status, left = _shown_status(collection, row), max(row.attempt_limit - row.tries, 0)
    return CheckoutView(
        status=status,
        purpose=checkouts.name(row),
        amount=collection.source.money(row.amount),
        opened_at=row.created_at,
        expires_at=row.expires_at,
        viewed_at=row.viewed_at,
        tries_left=left,
        tries=row.tries,
        generation=row.generation,
        mails=sum(x.link_public_id == row.public_id and x.kind != THANKS for x in collection.mails),
        actions=_of_link(collection, row, left) if status == IntentStatus.LIVE else (),
    )


def _of_link(collection: Collection, row: Row[Any], left: int) -> tuple[Action, ...]:
    """What can be done with a live one by whoever may; more tries once they are used up."""
    if row.purpose is IntentPurpose.STAFF:
        return ()
    keys = [*(["grant_tries"] if not left else []), "extend_link"]
    if row.purpose is IntentPurpose.LINK:
        keys += ["rotate_link", "revoke_link"]
    found = (actions.find(collection, key, _("Revoke") if key == "revoke_link" else None) for key in keys)
    return tuple(action for action in found if action is not None and not action.refusal)


def _shown_status(collection: Collection, row: Row[Any]) -> str:
    """A link is dead from its last second on, whether or not the clock's job has come by."""
    over = row.status is IntentStatus.LIVE and row.expires_at <= collection.source.now
    return IntentStatus.EXPIRED if over else row.status


def _try(collection: Collection, row: Row[Any]) -> TryView:
    reason, remedy = words.of_attempt(row)
    return TryView(
        id=row.id,
        status=row.status,
        card=row.card_label or _("New card"),
        amount=collection.source.money(row.amount),
        at=row.created_at,
        by=row.actor_name,
        gateway=row.gateway_name,
        reason=reason,
        remedy=remedy,
        code=row.decline_code,
        next_question=_next_question(collection, row),
        ask=_ask(collection, row) if row.status in OPEN else None,
    )


def _next_question(collection: Collection, row: Row[Any]) -> str | None:
    if row.status not in OPEN or row.ask_at is None:
        return None
    if row.ask_at - collection.source.now < timedelta(minutes=1):
        return _("Asked again in less than a minute.")
    return _("Asked again %(when)s.", when=ago(row.ask_at))


def _ask(collection: Collection, row: Row[Any]) -> Action:
    refusal = why_not(collection.source.reader, Permission.PAYMENT_ASK_GATEWAY)
    return Action(
        key="ask",
        label=_("Ask the gateway"),
        icon="refresh",
        href=url_for("payments.ask", number=collection.number, attempt_id=row.id),
        how="post",
        refusal=f"{refusal.sentence} {refusal.help}" if refusal else None,
    )


def _mail(row: Row[Any]) -> SentView:
    to = ", ".join(r["address"] for r in row.recipients)
    return SentView(words.of_mail(row.kind), MailView(row.status, to, row.created_at, row.last_error), row.asked_by)
