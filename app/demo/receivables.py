"""What the demo company's customers owe: orders on terms that were invoiced, and money that came without a gateway."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select

from .. import clock
from ..commands.post import papers
from ..commands.receivables import credit_notes, invoices, offline
from ..commands.receivables.offline import Came
from ..db import db, end_read, lock, transaction
from ..models import SYSTEM, Account, CreditReason, Invoice, Opportunity, ReceiptKind, SalesOrder, User
from ..money import Money
from ..queries.calendar import selling_day
from ..queries.receivables import figures
from .post import deliver

# Deal, and how many days ago it was invoiced.
INVOICED = (
    ("Handbooks for the trust", 125),
    ("Wristbands, spring", 96),
    ("Care desk for six homes", 50),
    ("Premium desk and archive", 40),
    ("Training days", 20),
)


def tell(account_ids: dict[str, int], *, by: User) -> None:
    """Invoices of every age, a wire, a cheque that bounced, money on account, and a credit note; once."""
    bills = {name: _invoice(name, days) for name, days in INVOICED}
    if None in bills.values():
        return
    open_of = {name: figures.of_invoice(id or 0).due for name, id in bills.items()}
    end_read()
    premium, desk, bands = (bills[name] or 0 for name in (INVOICED[3][0], INVOICED[2][0], INVOICED[1][0]))
    wire = Came(ReceiptKind.WIRE, _money(premium, open_of[INVOICED[3][0]] // 2), "ELB 2026-118", _ago(12))
    _came(premium, wire, 12, by)
    cheque = Came(ReceiptKind.CHEQUE, _money(bands, open_of[INVOICED[1][0]]), "004711", _ago(60))
    bounced = _came(bands, cheque, 60, by)
    with clock.turned_back(timedelta(days=55)):
        offline.reverse(bounced, because="Returned by the bank: no funds", on=_ago(0), form_key="demo-bounced", by=by)
    with clock.turned_back(timedelta(days=4)):
        spare = Came(ReceiptKind.WIRE, Money(250_000, "EUR"), "ADVANCE NOV", _ago(0), "No invoice named")
        offline.for_account(account_ids["maren"], spare, form_key="demo-advance", by=by)
        amount = _money(desk, open_of[INVOICED[2][0]] // 10)
        credit_notes.for_amount(
            desk, amount=amount, reason=CreditReason.PRICE, note="Ten percent, as agreed", form_key="demo-credit", by=by
        )
        deliver()


def _invoice(deal: str, days: int) -> int | None:
    """The id of the invoice of that deal's order; None where it is told already or there is no such order."""
    query = select(SalesOrder.id, SalesOrder.account_id).join(Opportunity, Opportunity.id == SalesOrder.opportunity_id)
    found = db.session.execute(query.where(Opportunity.name == deal)).first()
    end_read()
    if found is None:
        return None
    with clock.turned_back(timedelta(days=days)), transaction():
        lock(Account, found.account_id)
        invoice = invoices.on_terms(lock(SalesOrder, found.id), by=SYSTEM)
        if invoice is None:
            return None
        papers.invoice(invoice)
        return invoice.id


def _came(invoice_id: int, came: Came, days: int, by: User) -> int:
    with clock.turned_back(timedelta(days=days)):
        receipt = offline.for_invoice(invoice_id, came, form_key=f"demo-{came.reference}", by=by)
        deliver()
    return receipt.id


def _money(invoice_id: int, minor: int) -> Money:
    found = Money(minor, db.session.get_one(Invoice, invoice_id).currency)
    end_read()
    return found


def _ago(days: int) -> date:
    day = selling_day() - timedelta(days=days)
    end_read()
    return day
