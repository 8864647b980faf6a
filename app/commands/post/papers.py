"""Which documents a fact calls for, and what stands in them. Inside the caller's transaction; workers render."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ... import canonical, documents, jobs, settings
from ...db import db, get, transaction
from ...documents import lines, parties, sealing, views
from ...models import (
    Account,
    Approval,
    Company,
    Contact,
    CreditNote,
    Document,
    Invoice,
    PaymentOrder,
    Receipt,
    SalesOrder,
    Signature,
    Transaction,
)
from ...queries.invoices import electronic
from ...queries.receivables import figures
from ...states.invoice import Standing
from ...values import Value
from ..orders import snapshots

CREDIT_REASONS = {
    "price": "Price",
    "return": "Return",
    "cancellation": "Cancellation",
    "duplicate": "Duplicate",
    "other": "Other",
}
TAX_NOTES = {
    "reverse_charge": "Reverse charge: the recipient owes the tax (Article 196 of Directive 2006/112/EC).",
    "exempt": "Exempt from tax.",
}


def preview(order: SalesOrder) -> Document | None:
    """The order as its customer would get it now; None while there is nobody to address it to."""
    contact = db.session.get(Contact, order.contact_id) if order.contact_id else None
    if contact is None or not order.lines:
        return None
    return _order(order, canonical.dumps(snapshots.content_of(order, contact)))


def submitted(approval: Approval) -> Document:
    """The very snapshot that the customer is asked to sign."""
    return _order(approval.order, approval.snapshot.content)


def _order(order: SalesOrder, text: str) -> Document:
    return documents.request("order", order.id, {"snapshot": text}, filename=f"{order.number}.pdf", order_id=order.id)


def signed(approval: Approval) -> Document:
    """Snapshot and certificate page, which says whether all of it is sealed; asked for once the signature is stored."""
    signature = db.session.scalars(select(Signature).where(Signature.approval_id == approval.id)).one()
    content = {
        "snapshot": approval.snapshot.content,
        "signature": _certificate(approval, signature),
        "seal": sealing.kind(),
    }
    name = f"{approval.order.number}-signed.pdf"
    return documents.request("signed_order", approval.id, content, filename=name, order_id=approval.order_id)


def _certificate(approval: Approval, signature: Signature) -> dict[str, Any]:
    moments = {n: getattr(signature, n) for n in ("sent_at", "viewed_at", "signed_at")}
    return {
        "name": signature.name,
        "title": signature.title,
        "email": signature.email,
        "sent_to": approval.sent_to,
        "typed": signature.typed,
        "drawn": views.drawn_url(signature.drawn_png),
        "consent": signature.consent_text,
        "terms_version": signature.terms_version,
        "ip": signature.ip,
        "user_agent": signature.user_agent,
    } | {name: at.isoformat() if at else None for name, at in moments.items()}


@jobs.handler("invoices.paper")
def of_invoice(invoice_id: int) -> None:
    """For whoever must not wait for it."""
    with transaction():
        invoice(get(Invoice, invoice_id))


def invoice(row: Invoice, standing: Standing | None = None) -> Document:
    """An issued invoice, with what is paid of it by now; `standing` where it is known."""
    dates = {name: getattr(row, name).isoformat() for name in ("issued_on", "supply_date", "due_date")}
    standing = standing or figures.of_invoice(row.id)
    content = {
        "number": row.number,
        "kind": row.kind.value,
        "order_number": row.billing.get("order", ""),
        "seller": parties.seller(),
        "customer": {
            "name": row.billing["name"],
            "lines": row.billing["address"],
            "tax_id": row.billing["tax_id"],
        },
        "currency": row.currency,
        "lines": [lines.content(x, x.amount) for x in row.lines],
        "tax_by_rate": row.tax_by_rate,
        **({"deductions": row.deductions} if row.deductions else {}),
        "net": row.net,
        "tax": row.tax,
        "gross": row.gross,
        "paid": standing.allocated,
        "credited": standing.credited,
        "prices_include_tax": row.prices_include_tax,
        "note": TAX_NOTES.get(row.billing["tax_status"], ""),
    } | dates
    content |= _as_data(row)
    return documents.request("invoice", row.id, content, filename=f"{row.number}.pdf", order_id=row.order_id)


def credit_note(row: CreditNote) -> Document:
    bill = row.invoice
    content = {
        "number": row.number,
        "invoice": bill.number,
        "invoiced_on": (bill.issued_on or row.issued_on).isoformat(),
        "order_number": row.billing.get("order", ""),
        "reason": CREDIT_REASONS[row.reason],
        "text": row.note,
        "seller": parties.seller(),
        "customer": {"name": row.billing["name"], "lines": row.billing["address"], "tax_id": row.billing["tax_id"]},
        "currency": row.currency,
        "issued_on": row.issued_on.isoformat(),
        "lines": [
            {"sku": x.sku, "description": x.description, "tax_rate": str(x.tax_rate), "amount": x.amount}
            for x in row.lines
        ],
        "tax_by_rate": row.tax_by_rate,
        "net": row.net,
        "tax": row.tax,
        "gross": row.gross,
        "received": row.received,
        "prices_include_tax": row.prices_include_tax,
        "note": TAX_NOTES.get(row.billing["tax_status"], ""),
    } | _as_data(row)
    return documents.request("credit_note", row.id, content, filename=f"{row.number}.pdf", order_id=row.order_id)


def _as_data(row: Invoice | CreditNote) -> dict[str, Any]:
    """What the electronic invoice inside the PDF says beyond the paper; empty where there is none."""
    company = get(Company, 1)
    if not settings.get(settings.FACTUR_X) or electronic.lacks(company, row.billing, row.currency):
        return {}
    bill = row if isinstance(row, Invoice) else row.invoice
    supplied_on = bill.supply_date or bill.issued_on or row.issued_on
    return {
        "electronic": {
            "supplied_on": supplied_on.isoformat() if supplied_on else None,
            "seller": electronic.party(company.place, company.tax_id),
            "customer": electronic.party(row.billing["place"], row.billing["tax_id"]),
            "tax_status": row.billing["tax_status"],
            "prices_include_tax": row.prices_include_tax,
        }
    }


class Meant(Value):
    """What a receipt's money was for, in words, and the number to name."""

    purpose: str
    number: str
    order_id: int | None


def meant_for(row: Receipt) -> Meant:
    """A payment order, an invoice, or the account as such."""
    if row.payment_order_id is not None:
        payment_order = get(PaymentOrder, row.payment_order_id)
        return Meant(payment_order.purpose, payment_order.number, payment_order.order_id)
    if row.invoice_id is not None:
        bill = get(Invoice, row.invoice_id)
        return Meant(f"Invoice {bill.number}", bill.number or "", bill.order_id)
    return Meant("Payment on account", get(Account, row.account_id).number, None)


def receipt(row: Receipt) -> Document:
    meant, account = meant_for(row), get(Account, row.account_id)
    transaction = db.session.get(Transaction, row.transaction_id) if row.transaction_id else None
    order = db.session.get(SalesOrder, meant.order_id) if meant.order_id else None
    content = {
        "number": row.number,
        "seller": parties.seller(),
        "customer": parties.customer(account),
        "amount": row.amount,
        "currency": row.currency,
        "paid_with": row.paid_with,
        "paid_at": row.at.isoformat(),
        "purpose": meant.purpose,
        "payment_order": meant.number,
        "order_number": order.number if order else "",
        "reference": (transaction.reference or transaction.provider_id) if transaction else row.reference,
    }
    if row.received_on is not None:
        content["received_on"] = row.received_on.isoformat()
    name = f"{row.number}.pdf"
    return documents.request("receipt", row.id, content, filename=name, order_id=meant.order_id)
