"""Who gets a mail, and why. Preflight pages show exactly these, and mails go to exactly these."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

from email_validator import EmailNotValidError, validate_email
from flask import current_app
from flask_babel import gettext as _

from ..errors import Refusal
from ..models.account import Account, Contact
from ..models.order import SalesOrder
from ..models.payment import PaymentOrder
from ..models.people import User


@dataclass(frozen=True, slots=True)
class Recipient:
    address: str
    name: str
    role: Literal["to", "cc"]
    reason: str

    def row(self) -> dict[str, Any]:
        return asdict(self)


def checked(address: str) -> str:
    """The address as mail servers want it. Raises Refusal `address_invalid`. Asks no name server."""
    try:
        return _valid(address.strip(), current_app.config["PRODUCTION"])
    except EmailNotValidError as error:
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
    valid = validate_email(address, check_deliverability=False, allow_smtputf8=False, test_environment=not production)
    return valid.ascii_email or valid.normalized


def for_approval(order: SalesOrder, contact: Contact, address: str = "") -> list[Recipient]:
    """Only the person asked to sign: whoever has the link can sign. `address` overrides the contact's."""
    reason = _("contact of the order") if contact.id == order.contact_id else _("chosen to sign this order")
    return [Recipient(checked(address or contact.email), contact.name, "to", reason)]


def for_payment(payment_order: PaymentOrder, address: str = "") -> list[Recipient]:
    """The contact, and the billing contact in copy where that is somebody else.

    `address` is one that the payer gave for this. Raises Refusal `no_contact`.
    """
    order, billing = payment_order.order, payment_order.account.billing_contact
    if address:
        first = Recipient(checked(address), "", "to", _("asked for at the checkout"))
    else:
        first = _contact(payment_order, order, billing)
    if billing is None or billing.email.casefold() == first.address.casefold():
        return [first]
    return [first, Recipient(checked(billing.email), billing.name, "cc", _("billing contact of the account"))]


def _contact(payment_order: PaymentOrder, order: SalesOrder | None, billing: Contact | None) -> Recipient:
    choices = (
        (payment_order.contact, _("contact of the payment order")),
        (order.contact if order else None, _("contact of the order")),
        (billing, _("billing contact of the account")),
    )
    for contact, reason in choices:
        if contact is not None:
            return Recipient(checked(contact.email), contact.name, "to", reason)
    raise Refusal("no_contact", "There is nobody to write to.", "Choose a contact on the order.", status=422)


def for_method(contact: Contact) -> list[Recipient]:
    """Only the person asked for a card: whoever has the link can add one."""
    return [Recipient(checked(contact.email), contact.name, "to", _("chosen to add a card"))]


def for_invoice(account: Account, order: SalesOrder | None) -> list[Recipient]:
    """The billing contact, and the order's contact in copy where that is somebody else. Raises Refusal `no_contact`."""
    billing, contact = account.billing_contact, order.contact if order else None
    first, reason = (billing, _("billing contact of the account")) if billing else (contact, _("contact of the order"))
    if first is None:
        raise Refusal("no_contact", "There is nobody to write to.", "Choose a billing contact on the account.")
    found = [Recipient(checked(first.email), first.name, "to", reason)]
    if contact is not None and contact.email.casefold() != first.email.casefold():
        found.append(Recipient(checked(contact.email), contact.name, "cc", _("contact of the order")))
    return found


def for_agreement_owner(owner: User) -> list[Recipient]:
    return [Recipient(checked(owner.email), owner.name, "to", _("owner of the agreement"))]


def for_owner(order: SalesOrder) -> list[Recipient]:
    return [Recipient(checked(order.owner.email), order.owner.name, "to", _("owner of the order"))]
