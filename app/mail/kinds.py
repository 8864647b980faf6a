"""The kinds of order mail and the facts each one tells. Templates of the same name hold the words.

A content renders `emails/<kind>.txt` and `.html` as `mail`, beside `company`, `owner` (who to ask, or None) and `link`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Protocol

from flask_babel import gettext as _

from ..errors import NotFound
from ..formatting import money
from ..money import Money
from ..values import Value
from . import agreement_kinds, dunning_kinds, office_kinds, reminder_kinds
from .greeting import first_name as first_name


class Content(Protocol):
    """`asks` marks mails that are worth nothing once their link is dead."""

    kind: ClassVar[str]
    asks: ClassVar[bool]
    __struct_fields__: ClassVar[tuple[str, ...]]

    @property
    def subject(self) -> str: ...

    @property
    def heading(self) -> str: ...


class ApprovalRequest(Value):
    """To the customer: read and sign the order. `due_now` is zero where nothing is paid with the signature."""

    name: str
    number: str
    total: Money
    due_now: Money
    expires_at: datetime
    message: str = ""
    kind: ClassVar[str] = "approval_request"
    asks: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        return _("Order %(number)s for %(total)s is ready to sign", number=self.number, total=money(self.total))

    @property
    def heading(self) -> str:
        return _(
            "%(name)s, your order for %(total)s is ready to sign", name=first_name(self.name), total=money(self.total)
        )


class PaymentLink(Value):
    """To the customer: pay `amount`. `number` is the order's or the payment order's. `bill` is the number of the
    invoice that is attached and due on `due_on`, where there is one."""

    name: str
    number: str
    amount: Money
    purpose: str
    expires_at: datetime
    bill: str = ""
    due_on: date | None = None
    kind: ClassVar[str] = "payment_link"
    asks: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        if self.bill:
            return _("Invoice %(bill)s: please pay %(amount)s", bill=self.bill, amount=money(self.amount))
        return _("Please pay %(amount)s for %(number)s", amount=money(self.amount), number=self.number)

    @property
    def heading(self) -> str:
        names = {"name": first_name(self.name), "amount": money(self.amount)}
        if self.bill:
            return _("%(name)s, here is invoice %(bill)s and your link to pay %(amount)s", bill=self.bill, **names)
        return _("%(name)s, here is your link to pay %(amount)s", **names)


class MethodRequested(Value):
    """To the customer: enter a card, so that it is on file for `account`."""

    name: str
    account: str
    expires_at: datetime
    kind: ClassVar[str] = "method_request"
    asks: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        return _("Please add a card for %(name)s", name=self.account)

    @property
    def heading(self) -> str:
        return _("%(name)s, here is your link to add a card", name=first_name(self.name))


class PaymentReceipt(Value):
    """To the customer: the money has arrived; `complete` where nothing more is asked for."""

    number: str
    order: str
    amount: Money
    paid_with: str
    paid_at: datetime | date
    purpose: str
    complete: bool = True
    kind: ClassVar[str] = "receipt"
    asks: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        return _("Receipt %(number)s: %(amount)s paid", number=self.number, amount=money(self.amount))

    @property
    def heading(self) -> str:
        return _("Thank you. We have received %(amount)s", amount=money(self.amount))


class RefundSent(Value):
    """To the customer: money is on its way back. `order` is the order's number, or names the period of an
    agreement."""

    order: str
    amount: Money
    paid_with: str
    reason: str
    kind: ClassVar[str] = "refund"
    asks: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        return _("Refund of %(amount)s for %(order)s", amount=money(self.amount), order=self.order)

    @property
    def heading(self) -> str:
        return _("We have refunded %(amount)s", amount=money(self.amount))


class AuthorizationReleased(Value):
    """To the customer: what was reserved on their card is free again, and was never charged."""

    order: str
    amount: Money
    paid_with: str
    kind: ClassVar[str] = "authorization_released"
    asks: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        return _("%(amount)s for %(order)s is no longer reserved", amount=money(self.amount), order=self.order)

    @property
    def heading(self) -> str:
        return _("%(amount)s is no longer reserved on your card", amount=money(self.amount))


class Notice(Value):
    """What every mail to the owner of an order tells, or to that of an agreement, which `order` names then."""

    order: str
    customer: str
    page: str
    asks: ClassVar[bool] = False


class InvoiceSent(Value):
    """To whoever pays the bills: the invoice as an attachment. `due_on` matters while something is `open`. `bills` says
    how much of the order: all of it, a deposit, or what its deposits left."""

    name: str
    number: str
    order: str
    amount: Money
    open: Money
    due_on: date
    bills: str
    kind: ClassVar[str] = "invoice"
    asks: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        facts = {"number": self.number, "amount": money(self.amount)}
        if self.bills == "final":
            return _("Final invoice %(number)s for %(amount)s", **facts)
        if self.bills == "deposit":
            return _("Deposit invoice %(number)s for %(amount)s", **facts)
        return _("Invoice %(number)s for %(amount)s", **facts)

    @property
    def heading(self) -> str:
        facts = {"name": first_name(self.name), "number": self.number}
        if self.bills == "final":
            return _("%(name)s, here is final invoice %(number)s", **facts)
        if self.bills == "deposit":
            return _("%(name)s, here is deposit invoice %(number)s", **facts)
        return _("%(name)s, here is invoice %(number)s", **facts)


class CreditNoteSent(Value):
    """To whoever pays the bills: `number` takes `amount` off the invoice; `received` of it had been paid."""

    name: str
    number: str
    invoice: str
    order: str
    amount: Money
    received: Money
    reason: str
    kind: ClassVar[str] = "credit_note"
    asks: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        return _("Credit note %(number)s for %(amount)s", number=self.number, amount=money(self.amount))

    @property
    def heading(self) -> str:
        return _("%(name)s, here is credit note %(number)s", name=first_name(self.name), number=self.number)


class PaymentDeclined(Notice):
    amount: Money
    card: str
    reason: str
    kind: ClassVar[str] = "payment_declined"

    @property
    def subject(self) -> str:
        return _("%(order)s: a payment of %(amount)s was declined", order=self.order, amount=money(self.amount))

    @property
    def heading(self) -> str:
        return _("A payment of %(amount)s by %(name)s was declined", amount=money(self.amount), name=self.customer)


class CustomerDeclined(Notice):
    person: str
    reason: str
    kind: ClassVar[str] = "customer_declined"

    @property
    def subject(self) -> str:
        return _("%(order)s: %(name)s declined", order=self.order, name=self.customer)

    @property
    def heading(self) -> str:
        return _("%(person)s of %(name)s declined the order", person=self.person, name=self.customer)


class ChangeRequested(Notice):
    person: str
    message: str
    kind: ClassVar[str] = "change_requested"

    @property
    def subject(self) -> str:
        return _("%(order)s: %(name)s asks for a change", order=self.order, name=self.customer)

    @property
    def heading(self) -> str:
        return _("%(person)s of %(name)s asks for a change", person=self.person, name=self.customer)


class OrderPaid(Notice):
    amount: Money
    receipt: str
    paid_with: str
    kind: ClassVar[str] = "order_paid"

    @property
    def subject(self) -> str:
        return _("%(order)s: %(name)s paid %(amount)s", order=self.order, name=self.customer, amount=money(self.amount))

    @property
    def heading(self) -> str:
        return _("%(name)s paid %(amount)s", name=self.customer, amount=money(self.amount))


class AuthorizationLapses(Notice):
    """`payment_order` holds money only until `until`."""

    amount: Money
    payment_order: str
    until: datetime
    kind: ClassVar[str] = "authorization_lapses"

    @property
    def subject(self) -> str:
        return _("%(order)s: capture %(amount)s before it lapses", order=self.order, amount=money(self.amount))

    @property
    def heading(self) -> str:
        return _("%(amount)s of %(name)s is held only a little longer", amount=money(self.amount), name=self.customer)


class DisputeOpened(Notice):
    """`due_by` is None where the bank names no day."""

    amount: Money
    number: str
    reason: str
    due_by: datetime | None
    kind: ClassVar[str] = "dispute_opened"

    @property
    def subject(self) -> str:
        return _(
            "%(order)s: %(name)s disputes %(amount)s", order=self.order, name=self.customer, amount=money(self.amount)
        )

    @property
    def heading(self) -> str:
        return _("A payment of %(amount)s by %(name)s is disputed", amount=money(self.amount), name=self.customer)


class NewLinkRequested(Notice):
    """`what` the dead link was for: `approval` or `payment`."""

    what: str
    kind: ClassVar[str] = "new_link_requested"

    @property
    def subject(self) -> str:
        return _("%(order)s: %(name)s asks for a new link", order=self.order, name=self.customer)

    @property
    def heading(self) -> str:
        return _("%(name)s opened a link that no longer works, and asks for a new one", name=self.customer)


KINDS: tuple[type[Content], ...] = (
    ApprovalRequest,
    PaymentLink,
    MethodRequested,
    PaymentReceipt,
    InvoiceSent,
    *reminder_kinds.KINDS,
    CreditNoteSent,
    PaymentDeclined,
    CustomerDeclined,
    ChangeRequested,
    OrderPaid,
    RefundSent,
    AuthorizationReleased,
    AuthorizationLapses,
    DisputeOpened,
    NewLinkRequested,
    *agreement_kinds.KINDS,
    *dunning_kinds.KINDS,
    *office_kinds.KINDS,
)
ASKS = frozenset(content.kind for content in KINDS if content.asks)

# What to call a mail of each kind on a page.
NAMES = {
    "approval_request": "Approval request",
    "payment_link": "Payment link",
    "method_request": "Request for a card",
    "receipt": "Receipt",
    "invoice": "Invoice",
    **reminder_kinds.NAMES,
    "credit_note": "Credit note",
    "payment_declined": "Notice: payment declined",
    "customer_declined": "Notice: customer declined",
    "change_requested": "Notice: change requested",
    "order_paid": "Notice: payment received",
    "refund": "Refund",
    "authorization_released": "Authorization released",
    "authorization_lapses": "Notice: authorization lapses",
    "dispute_opened": "Notice: payment disputed",
    "new_link_requested": "Notice: new link requested",
    **agreement_kinds.NAMES,
    **dunning_kinds.NAMES,
    **office_kinds.NAMES,
}
BY_NAME: dict[str, type[Content]] = {content.kind: content for content in KINDS}


def named(kind: str) -> type[Content]:
    """Raises NotFound."""
    if kind not in BY_NAME:
        raise NotFound(f"kind of mail {kind}")
    return BY_NAME[kind]
