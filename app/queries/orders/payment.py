"""The payment panel: what was asked for, tried, declined, taken, and what each step proves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from flask import current_app, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import Row

from ...access import Permission, why_not
from ...models import IntentPurpose, TransactionAction
from ...money import Money, total
from ...states.intent import IntentStatus
from ...states.invoice import InvoiceStatus
from ...states.order import BEFORE_BOOKING, WITH_CUSTOMER, OrderStatus
from ..settlement import standing
from . import decline, documents
from .payment_facts import PaymentOrderFacts
from .plan import collection_words
from .views import (
    Action,
    AttemptView,
    FiguresView,
    InvoiceView,
    LinkView,
    MailView,
    OfflineView,
    PaymentOrderView,
    PaymentView,
    ReceiptView,
    TransactionView,
)

if TYPE_CHECKING:
    from ..payments.source import Source
    from .facts import Facts, InvoiceFacts

ACTION_WORDS = {
    TransactionAction.CHARGE: lazy_gettext("Charge"),
    TransactionAction.AUTHORIZE: lazy_gettext("Authorization"),
    TransactionAction.CAPTURE: lazy_gettext("Capture"),
    TransactionAction.VOID: lazy_gettext("Void"),
    TransactionAction.REFUND: lazy_gettext("Refund"),
    TransactionAction.REFUND_FAILURE: lazy_gettext("Refund came back"),
}


def view(facts: Facts) -> PaymentView:
    f = facts.figures
    proven = [x for x in facts.attempts if x.transaction_id is not None]
    on_invoices = tuple(_on_invoices(facts))
    return PaymentView(
        status=facts.payment_status,
        figures=FiguresView(
            *(facts.money(x) for x in (f.requested, f.authorized, f.captured, f.refunded, f.disputed, f.balance))
        ),
        waiting=facts.waiting,
        decline=decline.last(facts),
        payment_orders=tuple(_payment_order(facts, x) for x in facts.payment_orders),
        transactions=tuple(transaction(x) for x in proven),
        receipts=tuple(receipt(facts, x) for x in proven if x.receipt_id is not None),
        offline=(
            *(_offline(facts, x, row) for x in facts.payment_orders for row in _newest_first(x)),
            *on_invoices,
        ),
        on_invoices=total((x.amount for x in on_invoices), facts.row.currency),
        invoices=tuple(_invoice(facts, x) for x in facts.invoices),
        unapplied=facts.unapplied,
        trouble=trouble(proven),
        actions=_actions(facts),
    )


def _actions(facts: Facts) -> tuple[Action, ...]:
    """Collect belongs to the first payment; requests go beside it, never round a signature."""
    status, found = facts.row.status, []
    if status in BEFORE_BOOKING and facts.due_at_signature:
        found.append(facts.actions.find("collect"))
    if status not in WITH_CUSTOMER and status is not OrderStatus.CANCELLED and facts.unrequested.minor > 0:
        found.append(facts.actions.find("request"))
    if status not in (*BEFORE_BOOKING, OrderStatus.CANCELLED) and not_invoiced(facts):
        found.append(facts.actions.find("invoice"))
    if facts.figures.captured:
        found.append(facts.actions.find("evidence"))
    return tuple(a for a in found if a is not None)


def not_invoiced(facts: Facts) -> Money:
    """What of the total is in no invoice but those that were credited as a whole, as commands see it."""
    held = (x.gross.minor for x in facts.invoices if x.number is not None and x.status != InvoiceStatus.CREDITED)
    return facts.money(max(facts.totals.gross.minor - sum(held), 0))


def _payment_order(facts: Facts, found: PaymentOrderFacts) -> PaymentOrderView:
    row = found.row
    return PaymentOrderView(
        number=row.number,
        href=_url("payments.show", number=row.number),
        purpose=row.purpose,
        first=row.first,
        status=found.status,
        amount=facts.money(row.amount),
        balance=facts.money(found.figures.balance if found.is_open else 0),
        due_date=row.due_date,
        collection=collection_words(row.collection),
        link=_link(row),
        mail=_mail(row),
        attempts=tuple(_attempt(x) for x in _own_attempts(facts, row.id)),
        actions=_order_actions(facts, found),
    )


def _own_attempts(facts: Facts, payment_order_id: int) -> list[Row[Any]]:
    """Each attempt once, however many transactions it made."""
    own = {x.id: x for x in facts.attempts if x.payment_order_id == payment_order_id}
    return list(own.values())


def _order_actions(facts: Facts, found: PaymentOrderFacts) -> tuple[Action, ...]:
    """A first payment that waits for its signature has no link of its own."""
    back = _on_evidence(facts, found)
    if not found.is_open or facts.held_by_customer or facts.confirming:
        return back
    number = found.row.number
    live = found.row.intent_status is IntentStatus.LIVE and found.row.intent_purpose is IntentPurpose.LINK
    actions = [
        facts.actions.find("charge", number=number),
        _record(facts, found),
        facts.actions.find("send_link", label=_("Send the link again") if live else None, number=number),
        facts.actions.find("revoke_link", number=number) if live else None,
        facts.actions.find("withdraw", number=number) if not found.figures.captured else None,
    ]
    return (*(a for a in actions if a is not None), *back)


def _record(facts: Facts, found: PaymentOrderFacts) -> Action | None:
    """Only for who may: whoever may not has no use for the reason here."""
    if found.figures.held:
        return None
    action = facts.actions.find("offline", _("Record payment"), payment_order=found.row.number)
    return action if action is not None and not action.refusal else None


def _on_evidence(facts: Facts, found: PaymentOrderFacts) -> tuple[Action, ...]:
    """Capture and void of what is held, refund of what was captured and is kept."""
    figures, number = found.figures, found.row.number
    proven = [x for x in facts.attempts if x.payment_order_id == found.row.id and x.transaction_id is not None]
    keys = [*(("capture", "void") if figures.held else ()), *(("refund",) if figures.kept > 0 else ())]
    actions = []
    for key in keys:
        row = next((x for x in proven if x.action in (MONEY_IN if key == "refund" else HELD)), None)
        if row is not None:
            actions.append(facts.actions.find(key, number=number, transaction_id=row.transaction_id))
    return tuple(a for a in actions if a is not None)


MONEY_IN = (TransactionAction.CHARGE, TransactionAction.CAPTURE)
HELD = (TransactionAction.AUTHORIZE,)


def _link(row: Row[Any]) -> LinkView | None:
    if row.intent_id is None or row.intent_purpose is IntentPurpose.STAFF:
        return None
    left = max(row.attempt_limit - row.tries, 0)
    return LinkView(row.intent_status, row.expires_at, row.viewed_at, left)


def _mail(row: Row[Any]) -> MailView | None:
    if row.mail_id is None:
        return None
    to = ", ".join(r["address"] for r in row.recipients)
    return MailView(row.mail_status, to, row.mailed_at, row.last_error)


def _attempt(row: Row[Any]) -> AttemptView:
    return AttemptView(
        status=row.status,
        card=row.card_label or _("New card"),
        amount=Money(row.amount, row.currency),
        at=row.created_at,
        by=row.actor_name,
        gateway=row.gateway_name,
        reason=decline.reason(row),
        reference=row.reference or None,
    )


def transaction(row: Row[Any]) -> TransactionView:
    return TransactionView(
        action=str(ACTION_WORDS[row.action]),
        amount=Money(row.transaction_amount, row.currency),
        at=row.at,
        gateway=row.gateway_name,
        provider_id=row.provider_id,
        payment_order=row.payment_order_number,
        reference=row.reference,
        settled=standing.read(row),
        trace=url_for("trace.transaction", transaction_id=row.transaction_id),
    )


def receipt(facts: Source, row: Row[Any]) -> ReceiptView:
    document = documents.newest(facts.documents, "receipt", row.receipt_id)
    return ReceiptView(
        number=row.receipt_number,
        amount=Money(row.receipt_amount, row.currency),
        at=row.receipt_at,
        paid_with=row.paid_with,
        pdf=documents.url(document),
    )


def _newest_first(found: PaymentOrderFacts) -> list[dict[str, Any]]:
    return sorted(found.row.offline, key=lambda row: row["id"], reverse=True)


def _offline(facts: Facts, found: PaymentOrderFacts, row: dict[str, Any]) -> OfflineView:
    return OfflineView(
        number=row["number"],
        amount=Money(row["amount"], found.row.currency),
        on=date.fromisoformat(row["received_on"]),
        paid_with=row["paid_with"],
        came_for=found.row.number,
        href=url_for("receivables.receipt", receipt=row["number"]),
        pdf=documents.url(documents.newest(facts.documents, "receipt", row["id"])),
    )


def _on_invoices(facts: Facts) -> Iterator[OfflineView]:
    """What pays the order's invoices without having come for one of its payment orders, newest first; what was taken
    off again is left out."""
    numbers = {x.id: x.number or "" for x in facts.invoices}
    sums: dict[tuple[int, int], int] = defaultdict(int)
    rows = {(x["id"], x["invoice_id"]): x for x in facts.row.beside}
    for x in facts.row.beside:
        sums[x["id"], x["invoice_id"]] += x["amount"]
    for key in sorted(rows, reverse=True):
        if sums[key]:
            row = rows[key]
            yield OfflineView(
                number=row["number"],
                amount=facts.money(sums[key]),
                on=date.fromisoformat(row["received_on"] or row["at"][:10]),
                paid_with=row["paid_with"],
                came_for=numbers[row["invoice_id"]],
                href=url_for("receivables.receipt", receipt=row["number"]),
                pdf=None,
            )


def _invoice(facts: Facts, invoice: InvoiceFacts) -> InvoiceView:
    document = documents.newest(facts.documents, "invoice", invoice.id)
    may_send = why_not(facts.reader, Permission.INVOICE_SEND) is None
    return InvoiceView(
        number=invoice.number,
        status=invoice.status,
        amount=invoice.gross,
        balance=invoice.open,
        issued_on=invoice.issued_on,
        due_date=invoice.due_date,
        href=_url("invoices.show", number=invoice.number) if invoice.number else None,
        pdf=documents.url(document),
        send=_url("invoices.send_form", number=invoice.number) if invoice.number and may_send else None,
    )


def trouble(proven: list[Row[Any]]) -> str | None:
    failed = next((x for x in proven if x.done_at is None and x.post_processing_error), None)
    if failed is None:
        return None
    return _("The step “%(step)s” after the payment is tried again by itself; the money is safe.", step=failed.step)


def _url(endpoint: str, **values: Any) -> str | None:
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else None
