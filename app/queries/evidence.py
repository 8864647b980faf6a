"""Everything that speaks for a payment, as the files of an evidence pack, and as what a bank's form asks for.

Links in mails are withheld already where they are kept (invariant 22); card numbers stand nowhere, and whatever looks
like one is left out here too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, func, or_, select

from .. import links
from ..db import db
from ..mail.policy import TO_COLLEAGUES
from ..models import (
    Account,
    Address,
    AgreementLine,
    Approval,
    Attempt,
    Contact,
    Dispute,
    DisputeEntry,
    Document,
    Gateway,
    Note,
    OrderEmail,
    OrderLine,
    PaymentAgreement,
    PaymentOrder,
    PostProcessing,
    Receipt,
    SalesOrder,
    ScheduledPayment,
    Signature,
    Snapshot,
    Transaction,
    User,
)
from ..money import Money
from ..typed import has_card_number
from ..values import Value
from .payments import mails, owners

PAPERS = {"signed_order": "1-signed-order", "order": "2-order", "invoice": "3-invoices", "receipt": "4-receipts"}


class Scope(Value):
    """Of a whole order, or of one payment order of it or of an agreement that it made."""

    order_id: int
    payment_order_id: int | None = None


class Piece(Value):
    """One file: its name in the pack, what it is in words, its bytes."""

    name: str
    what: str
    body: bytes


def unfinished(scope: Scope) -> bool:
    """Whether a paper that belongs in is still being made, or what follows a payment has yet to ask for it."""
    waiting = select(Document.id).where(_belongs(scope), Document.body.is_(None), Document.error.is_(None))
    followed = select(PostProcessing.id).where(
        _follows(scope), PostProcessing.done_at.is_(None), PostProcessing.error.is_(None)
    )
    return any(db.session.scalar(query.limit(1)) is not None for query in (waiting, followed))


def _follows(scope: Scope) -> ColumnElement[bool]:
    if scope.payment_order_id is None:
        return PostProcessing.order_id == scope.order_id
    proofs = select(Transaction.id).where(Transaction.payment_order_id == scope.payment_order_id)
    receipts = select(Receipt.id).where(Receipt.payment_order_id == scope.payment_order_id)
    return or_(PostProcessing.transaction_id.in_(proofs), PostProcessing.receipt_id.in_(receipts))


def pieces(scope: Scope) -> list[Piece]:
    """Sorted by name, so that the same facts make the same pack."""
    found = [*_papers(scope), *_signatures(scope), *_mails(scope), _tries(scope), _transactions(scope), *_notes(scope)]
    return sorted(found, key=lambda piece: piece.name)


def _papers(scope: Scope) -> list[Piece]:
    """The newest of each paper."""
    query = select(Document.kind, Document.subject_id, Document.filename, Document.body).where(
        _belongs(scope), Document.rendered_at.is_not(None)
    )
    newest = {(row.kind, row.subject_id): row for row in db.session.execute(query.order_by(Document.id))}
    words = {
        "signed_order": _("The order as it was signed, with the certificate of the signature"),
        "order": _("The order as it was sent"),
        "invoice": _("Invoice"),
        "receipt": _("Receipt"),
    }
    return [Piece(f"{PAPERS[row.kind]}/{row.filename}", words[row.kind], row.body) for row in newest.values()]


def _belongs(scope: Scope) -> ColumnElement[bool]:
    """Receipts and invoices only of the payment order, where it is about one."""
    own = Document.order_id == scope.order_id
    if scope.payment_order_id is None:
        return and_(own, Document.kind.in_(PAPERS))
    receipts = select(Receipt.id).where(Receipt.payment_order_id == scope.payment_order_id)
    invoices = select(PaymentOrder.invoice_id).where(PaymentOrder.id == scope.payment_order_id)
    return or_(
        and_(own, Document.kind.in_(("signed_order", "order"))),
        and_(Document.kind == "receipt", Document.subject_id.in_(receipts)),
        and_(Document.kind == "invoice", Document.subject_id.in_(invoices)),
    )


def _signatures(scope: Scope) -> list[Piece]:
    """The very bytes that were signed: their SHA-256 is the fingerprint on the certificate."""
    rows = db.session.execute(
        select(Snapshot.content, Signature.name, Signature.signed_at)
        .join(Approval, Approval.snapshot_id == Snapshot.id)
        .join(Signature, Signature.approval_id == Approval.id)
        .where(Approval.order_id == scope.order_id)
        .order_by(Signature.id)
    )
    return [
        Piece(f"1-signed-order/snapshot-{number}.json", _signed(row.name, row.signed_at), row.content.encode())
        for number, row in enumerate(rows, start=1)
    ]


def _signed(name: str, at: datetime) -> str:
    return _("What %(name)s signed on %(when)s, byte for byte", name=name, when=f"{at:%Y-%m-%d %H:%M} UTC")


def _mails(scope: Scope) -> list[Piece]:
    rows = db.session.execute(
        select(
            OrderEmail.id,
            OrderEmail.kind,
            OrderEmail.subject,
            OrderEmail.sender,
            OrderEmail.recipients,
            OrderEmail.text,
            OrderEmail.status,
            OrderEmail.message_id,
            OrderEmail.created_at,
            OrderEmail.sent_at,
        )
        .where(_told(scope))
        .order_by(OrderEmail.id)
    )
    return [
        Piece(f"5-mails/{n:02d}-{row.kind.replace('_', '-')}.txt", row.subject, _mail(row).encode())
        for n, row in enumerate(rows, start=1)
    ]


def _told(scope: Scope) -> ColumnElement[bool]:
    """Whatever the customer was told about the order, and about the payment order, where it is about one."""
    of_order = select(OrderEmail.id).where(OrderEmail.order_id == scope.order_id).correlate(None)
    if scope.payment_order_id is None:
        return OrderEmail.id.in_(of_order) & OrderEmail.kind.not_in(TO_COLLEAGUES)
    return mails.to_customer(scope.payment_order_id, of_order, mails.about_invoice(scope.payment_order_id))


def _mail(row: Any) -> str:
    sent = f"{row.sent_at:%Y-%m-%d %H:%M:%S} UTC" if row.sent_at else f"not sent ({row.status})"
    head = (
        ("From", row.sender),
        ("To", ", ".join(r["address"] for r in row.recipients if r["role"] != "bcc")),
        ("Subject", row.subject),
        ("Date", sent),
        ("Message-ID", row.message_id),
    )
    lines = "\n".join(f"{name}: {value}" for name, value in head)
    return withheld(f"{lines}\n\n{row.text}")


def withheld(text: str) -> str:
    """Without links that let somebody in, and without any line that holds what looks like a card number."""
    shown = text.replace(links.PLACEHOLDER, "[link withheld]")
    return "\n".join("[withheld]" if has_card_number(line) else line for line in shown.split("\n"))


def _transactions(scope: Scope) -> Piece:
    """What gateways and banks did, as a table."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("at (UTC)", "what", "amount", "currency", "gateway", "provider id", "reference", "card", "paid by"))
    table.writerows(sorted([*_moved(scope), *_disputed(scope)]))
    return Piece("6-transactions.csv", _("Everything that gateways and banks did"), out.getvalue().encode())


def _tries(scope: Scope) -> Piece:
    """Every try to charge, also those that came to nothing or that another gateway took over."""
    rows = db.session.execute(
        select(Attempt, Gateway.name)
        .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
        .join(Gateway, Gateway.id == Attempt.gateway_id)
        .where(_of(scope))
        .order_by(Attempt.id)
    ).all()
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("at (UTC)", "outcome", "amount", "currency", "gateway", "provider id", "card", "tried by", "why"))
    for x, gateway in rows:
        at, amount, why = f"{x.created_at:%Y-%m-%d %H:%M:%S}", str(x.money.major), withheld(x.error or "")
        table.writerow(
            (at, x.status, amount, x.currency, gateway, x.provider_id or "", x.card_label, x.actor_name, why)
        )
    return Piece("6-tries.csv", _("Every try to charge, and what came of it"), out.getvalue().encode())


def _of(scope: Scope) -> Any:
    if scope.payment_order_id is not None:
        return PaymentOrder.id == scope.payment_order_id
    return PaymentOrder.order_id == scope.order_id


def _moved(scope: Scope) -> list[tuple[str, ...]]:
    rows = db.session.execute(
        select(Transaction, Gateway.name, Attempt.card_label, Attempt.actor_name)
        .join(PaymentOrder, PaymentOrder.id == Transaction.payment_order_id)
        .join(Gateway, Gateway.id == Transaction.gateway_id)
        .join(Attempt, Attempt.id == Transaction.attempt_id)
        .where(_of(scope))
    ).all()
    return [
        (
            f"{t.at:%Y-%m-%d %H:%M:%S}",
            str(t.action),
            str(Money(t.amount, t.currency).major),
            t.currency,
            gateway,
            t.provider_id,
            t.reference,
            card,
            payer,
        )
        for t, gateway, card, payer in rows
    ]


def _disputed(scope: Scope) -> list[tuple[str, ...]]:
    rows = db.session.execute(
        select(DisputeEntry, Dispute.number, Gateway.name)
        .join(Dispute, Dispute.id == DisputeEntry.dispute_id)
        .join(PaymentOrder, PaymentOrder.id == Dispute.payment_order_id)
        .join(Gateway, Gateway.id == DisputeEntry.gateway_id)
        .where(_of(scope))
    ).all()
    return [
        (
            f"{e.at:%Y-%m-%d %H:%M:%S}",
            f"dispute {e.kind}",
            str(Money(e.amount, e.currency).major),
            e.currency,
            gateway,
            e.provider_id,
            number,
            "",
            "",
        )
        for e, number, gateway in rows
    ]


def _notes(scope: Scope) -> list[Piece]:
    """Only what the customer may read as well."""
    rows = db.session.execute(
        select(Note.body, Note.created_at, User.name)
        .join(User, User.id == Note.author_id)
        .where(Note.order_id == scope.order_id, Note.visible)
        .order_by(Note.id)
    ).all()
    if not rows:
        return []
    told = "\n\n".join(f"{row.created_at:%Y-%m-%d %H:%M} UTC, {row.name}:\n{row.body}" for row in rows)
    return [Piece("7-notes.txt", _("Notes that the customer can read"), withheld(told).encode())]


def suggested(dispute_id: int) -> dict[str, str]:
    """What we know that the bank's form asks for; whoever answers reads it over."""
    contact = func.coalesce(SalesOrder.contact_id, PaymentOrder.contact_id, PaymentAgreement.contact_id)
    address = func.coalesce(SalesOrder.billing_address_id, Account.billing_address_id)
    row = db.session.execute(
        owners.joined(
            select(
                SalesOrder.id,
                PaymentOrder.agreement_id,
                func.coalesce(ScheduledPayment.covers_from, SalesOrder.activated_on).label("since"),
                Account.name.label("account"),
                Contact.name.label("contact"),
                Contact.email,
                Address,
            )
            .select_from(Dispute)
            .join(PaymentOrder, PaymentOrder.id == Dispute.payment_order_id)
            .join(Account, Account.id == PaymentOrder.account_id)
            .outerjoin(ScheduledPayment, ScheduledPayment.payment_order_id == PaymentOrder.id)
        )
        .outerjoin(Contact, Contact.id == contact)
        .outerjoin(Address, Address.id == address)
        .where(Dispute.id == dispute_id)
    ).one()
    return {
        "product_description": _sold(row.id, row.agreement_id),
        "service_date": row.since.isoformat() if row.since else "",
        "customer_name": f"{row.contact}, {row.account}" if row.contact else row.account,
        "customer_email": row.email or "",
        "billing_address": "\n".join(row.Address.lines) if row.Address else "",
    }


def _sold(order_id: int | None, agreement_id: int | None) -> str:
    line: Any = OrderLine if order_id is not None else AgreementLine
    whose = OrderLine.order_id == order_id if order_id is not None else AgreementLine.agreement_id == agreement_id
    lines = db.session.execute(select(line.quantity, line.description).where(whose).order_by(line.position))
    return "\n".join(f"{x.quantity.normalize():f} × {x.description}" for x in lines)


def papers_of(dispute: Any) -> ColumnElement[bool]:
    """What of our papers speaks in a dispute, given as a row of it: the order as signed, its invoices, the receipt of
    the money; of a period of an agreement its own invoice."""
    receipts = select(Receipt.id).where(Receipt.transaction_id == dispute.transaction_id)
    receipt = and_(Document.kind == "receipt", Document.subject_id.in_(receipts))
    if dispute.order_id is None:
        return or_(receipt, and_(Document.kind == "invoice", Document.subject_id == dispute.invoice_id))
    return and_(Document.order_id == dispute.order_id, or_(Document.kind.in_(("signed_order", "invoice")), receipt))


def files_of(dispute: Any, chosen: Mapping[str, str]) -> dict[str, tuple[str, str, bytes]]:
    """By the bank's field: name, content type and bytes of the newest paper of the kind chosen for it."""
    query = select(Document.kind, Document.filename, Document.body).where(
        papers_of(dispute), Document.kind.in_(chosen.values()), Document.rendered_at.is_not(None)
    )
    newest = {row.kind: row for row in db.session.execute(query.order_by(Document.id))}
    return {
        field: (newest[kind].filename, "application/pdf", newest[kind].body)
        for field, kind in chosen.items()
        if kind in newest
    }
