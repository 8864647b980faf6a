"""The AR doctor's page, for a payment order, or for an order or an invoice over all that was paid for it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from flask import url_for
from sqlalchemy import or_, select

from ...access import Permission, why_not
from ...db import read_columns
from ...errors import NotFound
from ...models import Account, Allocation, Invoice, PaymentOrder, Receipt, SalesOrder, Transaction, User
from ...money import Money
from ...values import Value
from ..invoices import owners as billed
from ..orders.views import Action, Link
from ..payments import owners
from ..scope import visible
from . import cases, diagnosis, repairs, words
from .cases import Bill, Case
from .diagnosis import Finding, Repair, State
from .repairs import Repaired

MOST = 100


class StepView(Value):
    number: int
    question: str
    state: State
    answer: str
    action: Action | None
    named: bool


class CaseView(Value):
    """`named` is the first answer that is not yes, if there is one."""

    what: str
    reference: str | None
    payment_order: Link | None
    amount: Money
    at: datetime | None
    steps: tuple[StepView, ...]
    named: StepView | None


class BillView(Value):
    """`href` is there for whoever sees the invoice."""

    number: str
    href: str | None
    status: str
    gross: Money
    paid: Money
    balance: Money
    ageing: str
    agrees: bool
    action: Action | None


class DoctorPage(Value):
    number: str
    customer: str
    home: Link
    list: Link
    cases: tuple[CaseView, ...]
    bills: tuple[BillView, ...]
    repairs: tuple[Repaired, ...]

    @property
    def named(self) -> StepView | None:
        """What is wrong, of everything that was looked at."""
        return next((c.named for c in self.cases if c.named is not None), None)

    @property
    def disagreeing(self) -> BillView | None:
        return next((b for b in self.bills if not b.agrees), None)


def of_payment_order(number: str, reader: User, today: date) -> DoctorPage:
    """Raises NotFound, for foreign ones too; so do the others."""
    query = select(PaymentOrder.id, Account.name).join(Account, Account.id == PaymentOrder.account_id)
    row = _one(owners.joined(query), PaymentOrder, number, owners.seen_by(reader))
    home = Link(number, url_for("payments.show", number=number))
    return _page(number, row.name, home, "payment_order", cases.of([row.id]), [row.id], reader, today)


def of_order(number: str, reader: User, today: date) -> DoctorPage:
    query = select(SalesOrder.id, Account.name).join(Account, Account.id == SalesOrder.account_id)
    row = _one(query, SalesOrder, number, visible(reader, SalesOrder.owner_id))
    ids = _newest(PaymentOrder.order_id == row.id)
    issued = select(Invoice.id).where(Invoice.order_id == row.id, Invoice.number.is_not(None))
    found = cases.of(ids, invoice_ids=read_columns(issued.order_by(Invoice.id.desc()).limit(MOST)).scalars().all())
    home = Link(number, url_for("orders.show", number=number))
    return _page(number, row.name, home, "order", found, ids, reader, today)


def of_invoice(number: str, reader: User, today: date) -> DoctorPage:
    query = select(Invoice.id, Account.name).join(Account, Account.id == Invoice.account_id)
    row = _one(billed.joined(query), Invoice, number, billed.seen_by(reader))
    paying = select(Receipt.payment_order_id).join(Allocation, Allocation.receipt_id == Receipt.id)
    paying = paying.where(Allocation.invoice_id == row.id, Receipt.payment_order_id.is_not(None))
    of_order = PaymentOrder.id.in_(_for_its_order(row.id))
    ids = _newest(or_(PaymentOrder.invoice_id == row.id, PaymentOrder.id.in_(paying), of_order))
    home = Link(number, url_for("invoices.show", number=number))
    return _page(number, row.name, home, "invoice", cases.of(ids, invoice_ids=[row.id]), ids, reader, today)


def _for_its_order(invoice_id: int) -> Any:
    """What came for the invoice's order as a whole, and could pay it."""
    query = select(PaymentOrder.id).join(Invoice, Invoice.order_id == PaymentOrder.order_id)
    came = select(Transaction.id).where(Transaction.payment_order_id == PaymentOrder.id).exists()
    offline = select(Receipt.id).where(Receipt.payment_order_id == PaymentOrder.id).exists()
    return query.where(Invoice.id == invoice_id, PaymentOrder.invoice_id.is_(None), came | offline)


def invoice_id(number: str, reader: User) -> int:
    return int(_one(billed.joined(select(Invoice.id)), Invoice, number, billed.seen_by(reader)).id)


def _one(query: Any, model: Any, number: str, seen: Any) -> Any:
    row = read_columns(query.where(model.number == number, seen)).one_or_none()
    if row is None:
        raise NotFound(f"{model.__tablename__} {number}")
    return row


def _newest(condition: Any) -> list[int]:
    query = select(PaymentOrder.id).where(condition).order_by(PaymentOrder.id.desc()).limit(MOST)
    return [row.id for row in read_columns(query)]


LISTS = {
    "payment_order": ("payments.index", "payments.doctor"),
    "order": ("orders.index", "orders.doctor"),
    "invoice": ("invoices.index", "invoices.doctor"),
}


def _page(
    number: str,
    customer: str,
    home: Link,
    kind: str,
    found: cases.Found,
    payment_order_ids: Collection[int],
    reader: User,
    today: date,
) -> DoctorPage:
    listed, here = LISTS[kind]
    seen = billed.openable([bill.id for bill in found.bills], reader)
    shown = _Shown(reader, today, url_for(here, number=number), seen)
    views = [shown.case(case) for case in found.cases]
    return DoctorPage(
        number=number,
        customer=customer,
        home=home,
        list=Link(kind, url_for(listed)),
        cases=tuple(sorted(views, key=_worst_first)),
        bills=tuple(shown.bill(bill) for bill in found.bills if bill.number is not None),
        repairs=repairs.last(payment_order_ids, [bill.id for bill in found.bills]),
    )


def _worst_first(case: CaseView) -> int:
    order = (State.BROKEN, State.OPEN, State.MIND)
    return order.index(case.named.state) if case.named is not None else len(order)


class _Shown:
    """Findings in words, with the buttons that this reader may press, which lead back to `here`, and links to the
    invoices that are `seen`."""

    def __init__(self, reader: User, today: date, here: str, seen: Collection[int]) -> None:
        self.reader, self.today, self.here, self.seen = reader, today, here, seen

    def case(self, case: Case) -> CaseView:
        findings = diagnosis.of(case)
        first = diagnosis.first(findings)
        steps = tuple(self._step(case, f, named=f is first) for f in findings)
        row = case.payment_order
        return CaseView(
            what=words.name(case),
            reference=case.transaction.provider_id if case.transaction is not None else case.receipt,
            payment_order=Link(row.number, url_for("payments.show", number=row.number)) if row is not None else None,
            amount=case.amount,
            at=case.at,
            steps=steps,
            named=next((s for s in steps if s.named), None),
        )

    def _step(self, case: Case, finding: Finding, *, named: bool) -> StepView:
        action = self._action(case, finding) if finding.repair is not None else None
        question, answer = str(words.QUESTIONS[finding.step]), words.answer(finding, case)
        return StepView(finding.step, question, finding.state, answer, action, named)

    def _action(self, case: Case, finding: Finding) -> Action | None:
        row = case.payment_order
        if finding.repair is Repair.RECOMPUTATION:
            return self._recompute(finding.bill)
        if finding.repair is Repair.RETRY and case.transaction is None:
            return self._post(finding.repair, url_for("receivables.retry", receipt=case.receipt, next=self.here))
        if row is None or finding.repair is None:
            return None
        if finding.repair is Repair.QUESTION:
            href = url_for("payments.ask", number=row.number, attempt_id=row.attempt_id, next=self.here)
            return self._post(finding.repair, href, Permission.PAYMENT_ASK_GATEWAY)
        facts = {"number": row.number, "transaction_id": case.transaction.id if case.transaction is not None else 0}
        return self._post(finding.repair, url_for(f"payments.repair_{finding.repair}", **facts, next=self.here))

    def _recompute(self, bill: Bill | None) -> Action | None:
        if bill is None or bill.number is None or bill.overdrawn:
            return None
        return self._post(Repair.RECOMPUTATION, url_for("invoices.recompute", number=bill.number, next=self.here))

    def _post(self, repair: Repair, href: str, permission: Permission = Permission.RECEIVABLES_REPAIR) -> Action:
        refusal = why_not(self.reader, permission)
        why = f"{refusal.sentence} {refusal.help}" if refusal else None
        return Action(repair.value, str(words.REPAIRS[repair]), "refresh", href, how="post", refusal=why)

    def bill(self, bill: Bill) -> BillView:
        return BillView(
            number=bill.number or "",
            href=url_for("invoices.show", number=bill.number) if bill.id in self.seen else None,
            status=bill.status,
            gross=bill.gross,
            paid=bill.paid,
            balance=bill.balance,
            ageing=words.ageing(bill, self.today),
            agrees=bill.agrees,
            action=None if bill.agrees else self._recompute(bill),
        )
