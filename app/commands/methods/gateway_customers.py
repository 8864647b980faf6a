"""Accounts as customers of the gateways: a reference that each gateway gives once, needed to keep a card there."""

from __future__ import annotations

from sqlalchemy import select

from ...db import db, end_read, lock, transaction
from ...errors import Refusal
from ...gateways import registry
from ...gateways.base import GatewayUnreachable
from ...models import Account, Contact, PaymentProfile
from ...queries.routes import GatewayRow
from ...values import Value
from ..routing import gateway_health


class Customer(Value):
    gateway_id: int
    reference: str


def ensure(account: Account, contact: Contact | None, gateway: GatewayRow) -> Customer:
    """The account at the gateway, made there if it is not known yet. Outside a transaction.

    Raises Refusal `gateway_silent`.
    """
    account_id = account.id
    known = db.session.scalar(
        select(PaymentProfile.customer_ref).where(
            PaymentProfile.account_id == account_id, PaymentProfile.gateway_id == gateway.id
        )
    )
    if known is not None:
        return Customer(gateway.id, known)
    facts = (account.number, account.name, contact.email if contact else "", f"cs-customer-{account.number}")
    end_read()
    try:
        reference = registry.for_account(gateway.account).ensure_customer(*facts)
    except GatewayUnreachable as error:
        gateway_health.silent(gateway.id, str(error))
        raise Refusal(
            "gateway_silent", "The payment provider does not answer; nothing was charged or saved.", "Try again."
        ) from error
    with transaction():
        lock(Account, account_id)
        remember(account_id, gateway.id, reference)
    return Customer(gateway.id, reference)


def remember(account_id: int, gateway_id: int, reference: str) -> None:
    """The account as a customer of the gateway, once. Inside a transaction, with the account locked."""
    known = db.session.scalar(
        select(PaymentProfile.id).where(
            PaymentProfile.account_id == account_id, PaymentProfile.gateway_id == gateway_id
        )
    )
    if known is None:
        db.session.add(PaymentProfile(account_id=account_id, gateway_id=gateway_id, customer_ref=reference))
