"""Editing an order: what is sold and on what terms in draft only; whom to reach, where, and tags also afterwards.

Commercial edits raise `edition`. Everything made from an older edition (payment orders, checkouts) is withdrawn,
so that nobody pays for what no longer is (invariants 20, 21).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from ... import audit
from ...access import Permission, demand
from ...badges import said
from ...db import db, get, lock, transaction
from ...errors import NotFound, Refusal, StaleVersion
from ...models import (
    Account,
    Actor,
    Address,
    CollectionMethod,
    Contact,
    Due,
    Frequency,
    Instalment,
    OrderLine,
    Product,
    Renewal,
    Routing,
    SalesOrder,
    User,
)
from ...queries.calendar import selling_day
from ...queries.orders.editing import CONVERT_FIRST
from ...states.order import EDITABLE, WITH_CUSTOMER, OrderStatus
from ...values import Value
from ..payments import lowering, payment_orders
from ..post import papers
from ..quotes.quote_content import MOST_OF_A_LINE, tax_rate

MOST_TAGS = 12
LONGEST_TAG = 40


class LineEdit(Value):
    """One line as it should be. `line_id` names an existing one; otherwise `product_id` says what is added."""

    quantity: Decimal
    unit_price: Decimal
    discount_percent: Decimal
    description: str
    routing: Routing
    activation_date: date | None
    line_id: int | None = None
    product_id: int | None = None


class Step(Value):
    """One instalment of the payment plan: percent of the total, or minor units."""

    due: Due
    collection: CollectionMethod
    percent: Decimal | None = None
    amount: int | None = None
    due_date: date | None = None


STEP = tuple(Step.__struct_fields__)


class TermsEdit(Value):
    start_date: date | None
    term_months: int | None
    billing_frequency: Frequency | None
    renewal: Renewal
    payment_terms_days: int
    plan: tuple[Step, ...]


def edit_lines(order_id: int, lines: Sequence[LineEdit], *, edition: int, by: User) -> SalesOrder:
    """Make the order's lines these, in this order; lines left out are removed.

    Raises Refusal: `not_a_draft`, `payment_in_progress`, `no_lines`, `large_line`, `line_packed`,
    `plan_does_not_add_up`;
    StaleVersion if the order was edited since `edition`.
    """
    with transaction() as session:
        order = _draft(order_id, edition, by)
        if not lines:
            raise Refusal("no_lines", "An order needs at least one line.", "Cancel the order instead.", status=422)
        if any(edit.quantity * edit.unit_price >= MOST_OF_A_LINE for edit in lines):
            raise Refusal(
                "large_line",
                "A line comes to less than 1,000,000,000,000.",
                "Divide it into orders of their own.",
                status=422,
            )
        existing = {line.id: line for line in order.lines}
        kept = [_kept(existing, edit) for edit in lines if edit.line_id is not None]
        changes = [_say(line, "removed") for line in order.lines if line not in kept and _not_packed(line)]
        for position, line in enumerate(order.lines):
            line.position = -1 - position  # out of the way: (order, position) is unique at every moment
        order.lines = kept
        session.flush()
        for position, edit in enumerate(lines, start=1):
            changes += _apply(order, existing, edit, position)
        _save(order, "lines_edited", changes, by=by)
        return order


def _kept(existing: dict[int, OrderLine], edit: LineEdit) -> OrderLine:
    if edit.line_id not in existing:
        raise NotFound(f"order line {edit.line_id}")
    return existing[edit.line_id]


def _not_packed(line: OrderLine) -> bool:
    if line.packed:
        raise Refusal("line_packed", "%(line)s is packed already; its line cannot change.", line=line.description)
    return True


def _apply(order: SalesOrder, existing: dict[int, OrderLine], edit: LineEdit, position: int) -> list[dict[str, Any]]:
    if edit.line_id is None:
        line = _added(order, edit, position)
        order.lines.append(line)
        return [_say(line, "added", after=f"{line.quantity} × {line.unit_price}")]
    line = existing[edit.line_id]
    line.position = position
    changes = []
    for name in ("quantity", "unit_price", "discount_percent", "description", "routing", "activation_date"):
        before, after = getattr(line, name), getattr(edit, name)
        if before != after:
            _not_packed(line)
            setattr(line, name, after)
            changes.append(_say(line, name, _plain(before), _plain(after)))
    return changes


def _added(order: SalesOrder, edit: LineEdit, position: int) -> OrderLine:
    product = db.session.get(Product, edit.product_id) if edit.product_id else None
    if product is None or not product.active:
        raise Refusal("unknown_product", "Choose a product that is on sale.", status=422)
    return OrderLine(
        position=position,
        product_id=product.id,
        sku=product.sku,
        description=edit.description or product.name,
        quantity=edit.quantity,
        unit_price=edit.unit_price,
        discount_percent=edit.discount_percent,
        tax_rate=tax_rate(product, order.account, order.start_date or selling_day()),
        frequency=product.frequency,
        routing=edit.routing,
        activation_date=edit.activation_date,
    )


def edit_terms(order_id: int, terms: TermsEdit, *, edition: int, by: User) -> SalesOrder:
    """Raises as `edit_lines` does."""
    with transaction():
        order = _draft(order_id, edition, by)
        names = ("start_date", "term_months", "billing_frequency", "renewal", "payment_terms_days")
        changes = _changed(order, terms, names)
        plan = tuple(Step(**{name: getattr(s, name) for name in STEP}) for s in order.instalments)
        if plan != terms.plan:
            steps = enumerate(terms.plan, start=1)
            order.instalments = [Instalment(position=n, **{name: getattr(s, name) for name in STEP}) for n, s in steps]
            changes.append({"what": "payment plan", "before": _plan_words(plan), "after": _plan_words(terms.plan)})
        _save(order, "terms_edited", changes, by=by)
        return order


def _draft(order_id: int, edition: int, by: User) -> SalesOrder:
    """The order, locked, if its commercial content may be edited by `by` from what they saw."""
    demand(by, Permission.ORDER_EDIT)
    lock(Account, get(SalesOrder, order_id).account_id)
    order = lock(SalesOrder, order_id)
    if order.status not in EDITABLE:
        help = CONVERT_FIRST if order.status in WITH_CUSTOMER else ""
        raise Refusal(
            "not_a_draft",
            "%(order)s is %(state)s; lines and terms are edited in draft only.",
            help,
            order=order.number,
            state=said("order", order.status),
        )
    payment_orders.refuse_while_paying(order)
    if order.edition != edition:
        raise StaleVersion("Somebody saved this order after you opened it.", order.edition)
    return order


def _save(order: SalesOrder, event: str, changes: list[dict[str, Any]], *, by: User) -> None:
    if not changes:
        return
    db.session.flush()
    payment_orders.instalment_amounts(order)
    order.edition += 1
    payment_orders.withdraw_open(order, by=Actor.of(by), because="The order was edited")
    lowering.lower_to_order(order, by=Actor.of(by), because="The order was edited")
    order.record(event, by=Actor.of(by), changes=changes, edition=order.edition)
    papers.preview(order)


def change_contact(order_id: int, contact_id: int, *, by: User) -> SalesOrder:
    """Another contact of the same account; a link already mailed keeps its recipient."""
    with transaction():
        order = _open_order(order_id, by)
        contact = db.session.get(Contact, contact_id)
        if contact is None or contact.account_id != order.account_id:
            raise NotFound(f"contact {contact_id}")
        before = order.contact
        if before is not contact:
            order.contact = contact
            _note_change(order, "contact_changed", "contact", before.name if before else None, contact.name, by)
        return order


def change_addresses(order_id: int, *, billing_id: int | None, shipping_id: int | None, by: User) -> SalesOrder:
    """Addresses of the same account. Raises Refusal `packed`: what is packed travels to where it was packed for."""
    with transaction():
        order = _open_order(order_id, by)
        for name, address_id in (("billing", billing_id), ("shipping", shipping_id)):
            before, after = getattr(order, f"{name}_address"), _address_of(order.account_id, address_id)
            if before is after:
                continue
            if name == "shipping" and any(line.packed for line in order.lines):
                raise Refusal("packed", "Part of this order is packed; its shipping address is fixed.")
            setattr(order, f"{name}_address", after)
            _note_change(order, "address_changed", f"{name} address", _in_words(before), _in_words(after), by)
        return order


def set_tags(order_id: int, tags: Sequence[str], *, by: User) -> SalesOrder:
    """Raises Refusal: `too_many_tags`, `long_tag`."""
    wanted = list(dict.fromkeys(" ".join(t.split()) for t in tags if t.strip()))
    if len(wanted) > MOST_TAGS:
        raise Refusal("too_many_tags", "An order has at most %(n)s tags.", status=422, n=MOST_TAGS)
    if any(len(t) > LONGEST_TAG for t in wanted):
        raise Refusal("long_tag", "A tag has at most %(n)s characters.", status=422, n=LONGEST_TAG)
    with transaction():
        order = _open_order(order_id, by, permission=Permission.ORDER_NOTE)
        if order.tags != wanted:
            before, order.tags = ", ".join(order.tags), wanted
            _note_change(order, "tags_changed", "tags", before, ", ".join(wanted), by)
        return order


def _open_order(order_id: int, by: User, permission: Permission = Permission.ORDER_EDIT) -> SalesOrder:
    demand(by, permission)
    order = lock(SalesOrder, order_id)
    if order.status in (OrderStatus.CANCELLED, OrderStatus.COMPLETED):
        raise Refusal(
            "closed",
            "%(order)s is %(state)s; it does not change any more.",
            order=order.number,
            state=said("order", order.status),
        )
    return order


def _address_of(account_id: int, address_id: int | None) -> Address | None:
    if address_id is None:
        return None
    address = db.session.scalar(select(Address).where(Address.id == address_id, Address.account_id == account_id))
    if address is None:
        raise NotFound(f"address {address_id}")
    return address


def _note_change(order: SalesOrder, event: str, what: str, before: str | None, after: str | None, by: User) -> None:
    order.record(event, by=Actor.of(by), changes=[{"what": what, "before": before, "after": after}])
    audit.note(f"order.{event}", order.number, by=Actor.of(by), before=before, after=after)
    if order.status in EDITABLE and event != "tags_changed":
        papers.preview(order)


def _changed(order: SalesOrder, edit: TermsEdit, names: Sequence[str]) -> list[dict[str, Any]]:
    changes = []
    for name in names:
        before, after = getattr(order, name), getattr(edit, name)
        if before != after:
            setattr(order, name, after)
            changes.append({"what": name.replace("_", " "), "before": _plain(before), "after": _plain(after)})
    return changes


def _say(line: OrderLine, what: str, before: Any = None, after: Any = None) -> dict[str, Any]:
    return {"what": f"{line.description}: {what.replace('_', ' ')}", "before": before, "after": after}


def _plain(value: Any) -> str | None:
    """A value as history keeps it: readable for ever, whatever becomes of the types."""
    if value is None or value == "":
        return None
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value).replace("_", " ")


def _in_words(address: Address | None) -> str | None:
    return ", ".join(address.lines) if address else None


def _plan_words(plan: Sequence[Step]) -> str:
    shares = (f"{_plain(s.percent)} %" if s.percent is not None else str(s.amount) for s in plan)
    return "; ".join(f"{share} at {step.due}" for share, step in zip(shares, plan, strict=True))
