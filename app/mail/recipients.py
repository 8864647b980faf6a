"""Who gets a mail, and why. Preflight pages show exactly these, and mails go to exactly these."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select

from .. import typed
from ..db import db, get
from ..errors import Refusal
from ..logs import log
from ..models.account import Account, Contact
from ..models.agreement import PaymentAgreement, ScheduledPayment
from ..models.invoice import Invoice
from ..models.order import SalesOrder
from ..models.payment import PaymentOrder
from ..models.people import User
from ..models.quote import CollectionMethod
from ..values import Value
from . import policy
from .policy import Rule

Role = Literal["to", "cc", "bcc"]
# What a mail is about, beside the account.
Source = SalesOrder | PaymentAgreement


class Recipient(Value):
    """`bcc` gets it like anybody else and is named in no header."""

    address: str
    name: str
    role: Role
    reason: str

    def row(self) -> dict[str, Any]:
        return {"address": self.address, "name": self.name, "role": self.role, "reason": self.reason}


def checked(address: str) -> str:
    """The address as mail servers want it. Raises Refusal `address_invalid`. Asks no name server."""
    try:
        return _valid(address.strip(), current_app.config["PRODUCTION"])
    except ValueError as error:
        raise Refusal(
            "address_invalid",
            "“%(address)s” is no address that mail can go to.",
            "Correct the contact's address and try again.",
            status=422,
            address=address,
        ) from error


@lru_cache(maxsize=1024)
def _valid(address: str, production: bool) -> str:
    """Outside production, invented addresses are addresses, too: the demo and the tests write to them."""
    return typed.email(address, invented=not production, ascii=True)


def for_approval(order: SalesOrder, contact: Contact, address: str = "") -> list[Recipient]:
    """Only the person asked to sign: whoever has the link can sign. `address` overrides the contact's."""
    reason = _("contact of the order") if contact.id == order.contact_id else _("chosen to sign this order")
    return [Recipient(checked(address or contact.email), contact.name, "to", reason)]


def for_payment(
    payment_order: PaymentOrder, address: str = "", *, kind: str = "payment_link", rule: Rule | None = None
) -> list[Recipient]:
    """By the rule of its `kind`; `address` is one that the payer gave for this, and comes first.

    Raises Refusal `no_contact`.
    """
    rule = rule or policy.rule_of(kind)
    contacts = [(payment_order.contact, _("contact of the payment order"))]
    people = _people(rule, payment_order.account, source_of(payment_order), contacts)
    asked = Recipient(checked(address), "", "to", _("asked for at the checkout")) if address else None
    return _by_rule(rule, people, asked)


def for_link(payment_order: PaymentOrder) -> list[Recipient]:
    """The link to pay; with the bill of a period it goes to whoever gets bills. Raises Refusal `no_contact`."""
    return for_payment(payment_order, kind="invoice" if is_billed(payment_order) else "payment_link")


def is_billed(payment_order: PaymentOrder) -> bool:
    """Whether it asks for a period whose bill is sent with the link to pay it."""
    by_link = payment_order.collection is CollectionMethod.PAYMENT_LINK
    return by_link and payment_order.agreement_id is not None and payment_order.invoice_id is not None


def for_method(contact: Contact) -> list[Recipient]:
    """Only the person asked for a card: whoever has the link can add one."""
    return [Recipient(checked(contact.email), contact.name, "to", _("chosen to add a card"))]


def for_invoice(invoice: Invoice, *, kind: str = "invoice") -> list[Recipient]:
    """By the rule of its `kind`. Raises Refusal `no_contact`."""
    return for_account(invoice.account, source_of_invoice(invoice), kind=kind)


def for_account(account: Account, source: Source | None, *, kind: str) -> list[Recipient]:
    """As for_invoice(), where there is none."""
    rule = policy.rule_of(kind)
    return _by_rule(rule, _people(rule, account, source, []))


def for_agreement(agreement: PaymentAgreement) -> list[Recipient]:
    """By the rule of agreements. Raises Refusal `no_contact`."""
    return for_account(agreement.account, agreement, kind="agreement")


def for_agreement_owner(owner: User) -> list[Recipient]:
    return [Recipient(checked(owner.email), owner.name, "to", _("owner of the agreement"))]


def for_owner(order: SalesOrder) -> list[Recipient]:
    return [Recipient(checked(order.owner.email), order.owner.name, "to", _("owner of the order"))]


# Whom a source stands for: address, name, and why they are asked.
People = dict[str, tuple[str, str, str]]


def source_of(payment_order: PaymentOrder) -> Source | None:
    if payment_order.order is not None or payment_order.agreement_id is None:
        return payment_order.order
    return get(PaymentAgreement, payment_order.agreement_id)


def source_of_invoice(invoice: Invoice) -> Source | None:
    """The order; or the agreement, where it bills a period of one."""
    if invoice.order_id is not None:
        return get(SalesOrder, invoice.order_id)
    mine = ScheduledPayment.invoice_id == invoice.id
    return db.session.scalars(select(PaymentAgreement).join(ScheduledPayment).where(mine)).one_or_none()


def _people(rule: Rule, account: Account, source: Source | None, contacts: list[tuple[Contact | None, str]]) -> People:
    found: People = {}
    of_order = isinstance(source, SalesOrder)
    whose = _("contact of the order") if of_order else _("contact of the agreement")
    for contact, reason in (*contacts, (source.contact if source else None, whose)):
        if contact is not None and policy.CONTACT not in found:
            found[policy.CONTACT] = (contact.email, contact.name, reason)
    if account.billing_contact is not None:
        contact = account.billing_contact
        found[policy.BILLING] = (contact.email, contact.name, _("billing contact of the account"))
    if account.ap_email:
        found[policy.AP] = (account.ap_email, "", _("accounts payable of the account"))
    if source is not None and policy.OWNER in rule.copies:
        owner = get(User, source.owner_id)
        of_it = _("owner of the order") if of_order else _("owner of the agreement")
        found[policy.OWNER] = (owner.email, owner.name, of_it)
    return found


def _by_rule(rule: Rule, people: People, asked: Recipient | None = None) -> list[Recipient]:
    """Whom the mail is for, then everybody in copy; nobody twice. A copy that cannot go anywhere keeps the mail from
    nobody else."""
    found = [asked or _first(rule, people)]
    copies: list[tuple[Role, tuple[str, str, str]]] = [("cc", people[x]) for x in rule.copies if x in people]
    fixed: list[tuple[Role, tuple[str, str, str]]] = [
        ("bcc", (address, "", _("named in Order Email Settings"))) for address in rule.fixed
    ]
    for role, (address, name, reason) in (*copies, *fixed):
        if address.casefold() not in {known.address.casefold() for known in found}:
            try:
                found.append(Recipient(checked(address), name, role, reason))
            except Refusal:
                log.warning("mail.copy_left_out", reason=reason)
    return found


def _first(rule: Rule, people: People) -> Recipient:
    for source in (rule.to, *policy.FIRST):
        if source in people:
            address, name, reason = people[source]
            return Recipient(checked(address), name, "to", reason)
    raise Refusal("no_contact", "There is nobody to write to.", "Choose a contact on the order.", status=422)
