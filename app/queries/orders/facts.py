"""What one order's panels are made from, each piece read once, by one statement, when it is first asked for.

The header statement carries everything there is one of: the order, its people and addresses, the last submission to
the customer, the routes that its charges may take. So the statements of a page do not grow with what is on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache, cached_property
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import aliased

from ...clock import now, today
from ...db import Percent, read_columns
from ...errors import NotFound
from ...models import (
    Account,
    Address,
    Approval,
    CollectionMethod,
    Contact,
    Due,
    History,
    Instalment,
    Invoice,
    Opportunity,
    Quote,
    SalesOrder,
    Signature,
    User,
)
from ...models.payment_plan import amounts
from ...money import Money, Totals, total
from ...navigation import company
from ...states.approval import LIVE, ApprovalEvent, ApprovalStatus
from ...states.attempt import OPEN
from ...states.invoice import InvoiceStatus
from ...states.order import BEFORE_BOOKING, WITH_CUSTOMER, OrderStatus
from ...states.payment_order import Figures, PaymentStatus
from ...values import Value
from .. import ledger, routes
from ..coverage import RouteFacts
from ..nested import json_rows
from ..receivables import figures
from ..scope import Reach, reach, within
from . import documents, fulfillment, lines, methods, payment_facts, recurring, unapplied, waiting
from .actions import Actions
from .next_best_action import ApprovalStage
from .views import LineView

Owner, Submitter, BillingContact = aliased(User), aliased(User), aliased(Contact)
Billing, Shipping = aliased(Address), aliased(Address)

LAST_APPROVAL = (
    select(func.max(Approval.id)).where(Approval.order_id == SalesOrder.id).correlate(SalesOrder).scalar_subquery()
)
CUSTOMERS_WORDS = (
    select(History.because)
    .where(
        History.entity == "approval",
        History.entity_id == Approval.id,
        History.event.in_((ApprovalEvent.DECLINE, ApprovalEvent.REQUEST_CHANGE)),
    )
    .order_by(History.id.desc())
    .limit(1)
    .correlate(Approval)
    .scalar_subquery()
)
PLAN = (
    select(
        json_rows(
            position=Instalment.position,
            percent=Instalment.percent,
            amount=Instalment.amount,
            due=Instalment.due,
            due_date=Instalment.due_date,
            collection=Instalment.collection,
        )
    )
    .where(Instalment.order_id == SalesOrder.id)
    .correlate(SalesOrder)
    .scalar_subquery()
)
INVOICES = (
    select(
        json_rows(
            id=Invoice.id,
            number=Invoice.number,
            status=Invoice.status,
            gross=Invoice.gross,
            issued_on=Invoice.issued_on,
            due_date=Invoice.due_date,
            due=figures.due(),
        )
    )
    .where(Invoice.order_id == SalesOrder.id)
    .correlate(SalesOrder)
    .scalar_subquery()
)


def _address(name: str, address: Any) -> list[Any]:
    parts = ("id", "name", "street", "postcode", "city", "country")
    return [getattr(address, part).label(f"{name}_{part}") for part in parts]


HEADER: Any = (
    select(
        SalesOrder.id,
        SalesOrder.number,
        SalesOrder.status,
        SalesOrder.edition,
        SalesOrder.tags,
        SalesOrder.currency,
        SalesOrder.prices_include_tax,
        SalesOrder.start_date,
        SalesOrder.term_months,
        SalesOrder.billing_frequency,
        SalesOrder.renewal,
        SalesOrder.payment_terms_days,
        SalesOrder.activated_on,
        SalesOrder.created_at,
        SalesOrder.account_id,
        SalesOrder.contact_id,
        SalesOrder.owner_id,
        SalesOrder.quote_id,
        SalesOrder.opportunity_id,
        SalesOrder.quote_number,
        SalesOrder.quote_version,
        ledger.paid_beside().label("paid_beside"),
        PLAN.label("plan"),
        INVOICES.label("invoices"),
        payment_facts.BESIDE.label("beside"),
        recurring.AGREEMENTS.label("agreements"),
        Account.number.label("account_number"),
        Account.name.label("account_name"),
        Account.hold_reason,
        Account.default_method_id,
        Account.billing_contact_id,
        Contact.name.label("contact_name"),
        Contact.title.label("contact_title"),
        Contact.email.label("contact_email"),
        Contact.phone.label("contact_phone"),
        BillingContact.name.label("billing_contact_name"),
        BillingContact.email.label("billing_contact_email"),
        Owner.name.label("owner_name"),
        Owner.email.label("owner_email"),
        Opportunity.name.label("opportunity_name"),
        Quote.expires_on.label("quote_expires_on"),
        *_address("billing", Billing),
        *_address("shipping", Shipping),
        Approval.id.label("approval_id"),
        Approval.status.label("approval_status"),
        Approval.sent_to,
        Approval.sent_at,
        Approval.viewed_at,
        Approval.signed_at,
        Approval.closed_at,
        Approval.expires_at,
        Approval.asks_payment,
        Approval.by_salesperson,
        Approval.created_at.label("submitted_at"),
        Submitter.name.label("submitter_name"),
        Signature.name.label("signer"),
        CUSTOMERS_WORDS.label("customers_words"),
        Account.account_group,
        *routes.COLUMNS,
    )
    .join(Account, Account.id == SalesOrder.account_id)
    .join(Owner, Owner.id == SalesOrder.owner_id)
    .outerjoin(Contact, Contact.id == SalesOrder.contact_id)
    .outerjoin(BillingContact, BillingContact.id == Account.billing_contact_id)
    .outerjoin(Opportunity, Opportunity.id == SalesOrder.opportunity_id)
    .outerjoin(Quote, Quote.id == SalesOrder.quote_id)
    .outerjoin(Billing, Billing.id == SalesOrder.billing_address_id)
    .outerjoin(Shipping, Shipping.id == SalesOrder.shipping_address_id)
    .outerjoin(Approval, Approval.id == LAST_APPROVAL)
    .outerjoin(Submitter, Submitter.id == Approval.submitted_by_id)
    .outerjoin(Signature, Signature.approval_id == Approval.id)
)


class PlanStep(Value):
    """One instalment as stored; what it comes to is `Facts.plan_amounts`."""

    percent: Decimal | None
    amount: int | None
    due: Due
    due_date: date | None
    collection: CollectionMethod

    def at_signature(self, by_transfer: bool) -> bool:
        """Due then, by bank transfer or else by card."""
        return self.due is Due.SIGNATURE and (self.collection is CollectionMethod.OFFLINE) is by_transfer


class InvoiceFacts(Value):
    """`status` may be the derived `overdue`; `open` is what no receipt pays yet."""

    id: int
    number: str | None
    status: str
    gross: Money
    open: Money
    issued_on: date | None
    due_date: date | None


class Facts:
    """One order, for one reader. `row` is the header; everything else is read when a panel asks for it."""

    def __init__(self, row: Row[Any], reader: User) -> None:
        self.row = row
        self.reader = reader
        self.now: datetime = now()
        self.today: date = today(company().time_zone)
        self.actions = Actions(self)

    def money(self, minor: int) -> Money:
        return Money(minor, self.row.currency)

    @cached_property
    def lines(self) -> Sequence[Row[Any]]:
        return lines.rows(self.row.id)

    @cached_property
    def line_views(self) -> tuple[LineView, ...]:
        return tuple(lines.line_view(row, self.row.currency) for row in self.lines)

    @cached_property
    def totals(self) -> Totals:
        return lines.totals_of(self.lines, self.row.currency, self.row.prices_include_tax)

    @cached_property
    def payment_orders(self) -> list[payment_facts.PaymentOrderFacts]:
        return payment_facts.payment_orders(self.row.id)

    @cached_property
    def attempts(self) -> Sequence[Row[Any]]:
        return payment_facts.attempts(self.row.id)

    @cached_property
    def documents(self) -> Sequence[Row[Any]]:
        return documents.rows(self.row.id)

    @cached_property
    def methods(self) -> Sequence[Row[Any]]:
        return methods.rows(self.row.account_id)

    @cached_property
    def invoices(self) -> list[InvoiceFacts]:
        return [self._invoice(x) for x in sorted(self.row.invoices, key=lambda x: x["id"])]

    def _invoice(self, x: dict[str, Any]) -> InvoiceFacts:
        due, unpaid = _date(x["due_date"]), self.money(x["due"])
        late = bool(unpaid) and due is not None and due < self.today and x["status"] != InvoiceStatus.DRAFT
        status = "overdue" if late else x["status"]
        return InvoiceFacts(x["id"], x["number"], status, self.money(x["gross"]), unpaid, _date(x["issued_on"]), due)

    @cached_property
    def plan(self) -> list[PlanStep]:
        return [_step(x) for x in sorted(self.row.plan, key=lambda x: x["position"])]

    @cached_property
    def plan_amounts(self) -> list[Money]:
        """What each step comes to; nothing where the plan and the total disagree, which sending would refuse."""
        return amounts(self.plan, self.totals.gross) or []

    @cached_property
    def due_at_signature(self) -> Money:
        """By card; the whole total where there is no plan, just as the first payment is made."""
        return self._at_signature(by_transfer=False) if self.plan else self.totals.gross

    @cached_property
    def rest_at_signature(self) -> Money:
        """Less the part of the first payment that came without a gateway, which counts whatever was edited since."""
        due, part = self.due_at_signature, payment_facts.part_of_first(self.payment_orders)
        return self.money(max(due.minor - part, 0))

    @cached_property
    def transfers_at_signature(self) -> Money:
        """What is due at signature and agreed to come by bank transfer."""
        return self._at_signature(by_transfer=True)

    def _at_signature(self, *, by_transfer: bool) -> Money:
        pairs = zip(self.plan, self.plan_amounts, strict=False)
        return total((due for step, due in pairs if step.at_signature(by_transfer)), self.row.currency)

    def way_of(self, amount: Money, chosen: int | None = None) -> routes.Way | None:
        """Which way a charge of `amount` for this order goes, open or not; by the `chosen` route, if it matches."""
        return routes.find(routes.of(self.row), self.like(amount, chosen))

    def like(self, amount: Money, chosen: int | None = None) -> routes.Wanted:
        kind = routes.kind_of(any(line.frequency for line in self.lines))
        return routes.Wanted(self.row.currency, amount.minor or None, self.row.account_group, kind, route_id=chosen)

    @cached_property
    def route(self) -> RouteFacts | None:
        """The route of the next charge: of the first payment, or of what the plan asks for now."""
        found = self.way_of(self.rest_at_signature if self.row.status in BEFORE_BOOKING else self.owed_now)
        return found.facts if found else None

    @cached_property
    def missing_links(self) -> list[str]:
        """What keeps payment and fulfillment mail back until it is linked."""
        return [name for name in ("quote", "opportunity") if getattr(self.row, f"{name}_id") is None]

    @cached_property
    def figures(self) -> Figures:
        return payment_facts.in_sum(self.payment_orders)[0]

    @cached_property
    def payment_status(self) -> PaymentStatus:
        return payment_facts.in_sum(self.payment_orders)[1]

    @cached_property
    def unrequested(self) -> Money:
        """What of the total no payment order asks for or has collected."""
        return self.money(self.totals.gross.minor - self._claimed)

    @cached_property
    def owed_now(self) -> Money:
        """What the plan says is due by today and no payment order asks for."""
        pairs = zip(self.plan, self.plan_amounts, strict=False)
        due = sum((amount for step, amount in pairs if fulfillment.is_due(self, step)), self.money(0))
        whole = due if self.plan else self.totals.gross
        return self.money(max(whole.minor - self._claimed, 0))

    @property
    def _claimed(self) -> int:
        """As commands see it: collected or asked for, or given up by credit notes and write-offs."""
        found = payment_facts.claimed(self.payment_orders) + self.row.paid_beside
        issued = [(x.gross.minor, x.open.minor) for x in self.invoices if x.number is not None]
        return max(found, payment_facts.given_up(self.payment_orders, issued, self.totals.gross.minor))

    @cached_property
    def unapplied(self) -> unapplied.Unapplied | None:
        return unapplied.of(self)

    @cached_property
    def confirming(self) -> bool:
        """A payment is on its way and its end not known: nothing may change under it."""
        return any(x.row.last_attempt in OPEN for x in self.payment_orders)

    @cached_property
    def approval_stage(self) -> ApprovalStage:
        """How far the submission is that the customer holds."""
        row = self.row
        if row.approval_id is None or row.approval_status not in LIVE or row.closed_at is not None:
            return ApprovalStage.NONE
        if row.approval_status is ApprovalStatus.SIGNED:
            return ApprovalStage.SIGNED
        if row.sent_at is None:
            return ApprovalStage.PREPARING
        return ApprovalStage.VIEWED if row.viewed_at else ApprovalStage.SENT

    @cached_property
    def held_by_customer(self) -> bool:
        """The customer holds a link to sign and pay; a payment link beside it would go round the signature."""
        awaits = self.row.status is OrderStatus.AWAITING_APPROVAL
        return awaits or (self.row.status in WITH_CUSTOMER and self.approval_stage is not ApprovalStage.NONE)

    @cached_property
    def waiting(self) -> str | None:
        return waiting.words(self)

    @cached_property
    def link_to_send(self) -> payment_facts.PaymentOrderFacts | None:
        """A payment order that asks for money by link, and has no live one yet."""
        return next((x for x in self.payment_orders if x.wants_link), None)


def _step(x: dict[str, Any]) -> PlanStep:
    percent = None if x["percent"] is None else Decimal(x["percent"]).scaleb(-Percent.places)
    return PlanStep(percent, x["amount"], Due(x["due"]), _date(x["due_date"]), CollectionMethod(x["collection"]))


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


@cache
def _header(far: Reach) -> Any:
    """The statement for whoever sees that far, built once: building it takes longer than running it."""
    seen = within(far, SalesOrder.owner_id, reader_id=bindparam("reader_id"), team=bindparam("team"))
    return HEADER.where(SalesOrder.number == bindparam("number"), seen)


def load(number: str, reader: User) -> Facts:
    """The order of that number as `reader` may see it; one statement. Raises NotFound, for foreign orders too."""
    asked = {"number": number, "reader_id": reader.id, "team": reader.team}
    row = read_columns(_header(reach(reader)), **asked).one_or_none()
    if row is None:
        raise NotFound(f"order {number}")
    return Facts(row, reader)
