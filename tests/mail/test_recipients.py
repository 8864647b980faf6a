"""Who gets which mail, and why."""

from __future__ import annotations

import pytest
from flask import Flask

from app import clock
from app.access import Role
from app.commands.agreements import charging
from app.commands.post import email_settings
from app.db import db, get, transaction
from app.errors import Refusal
from app.mail import recipients
from app.mail.policy import Rule, Setting
from app.models import Account, Contact, Invoice, PaymentOrder, SalesOrder, User
from tests import factories, plans
from tests.mail import post


def bookkeeper(order: SalesOrder, email: str = "ap@northfield.test") -> Contact:
    """Makes somebody else the account's billing contact."""
    with transaction() as session:
        person = Contact(account_id=order.account_id, name="Uwe Brandt", email=email)
        session.add(person)
        session.flush()
        session.get_one(Account, order.account_id).billing_contact_id = person.id
    return person


def paid_by(order: SalesOrder) -> PaymentOrder:
    db.session.expire_all()
    return get(PaymentOrder, post.intent(order).payment_order_id)


def test_only_whoever_signs_gets_the_link_to_sign(app: Flask) -> None:
    order = factories.order()
    bookkeeper(order)
    contact = get(Contact, order.contact_id)
    (only,) = recipients.for_approval(order, contact)
    assert (only.address, only.role, only.reason) == (contact.email, "to", "contact of the order")


def test_another_signer_is_named_as_such(app: Flask) -> None:
    order = factories.order()
    (only,) = recipients.for_approval(order, bookkeeper(order))
    assert only.reason == "chosen to sign this order"


def test_payment_mail_goes_to_the_contact_and_in_copy_to_billing(app: Flask) -> None:
    order = factories.order()
    bookkeeper(order)
    first, copy = recipients.for_payment(paid_by(order))
    assert (first.role, first.reason) == ("to", "contact of the payment order")
    assert (copy.address, copy.role, copy.reason) == ("ap@northfield.test", "cc", "billing contact of the account")


def test_the_owner_in_copy_is_that_of_the_agreement_for_each_mail_of_a_period(app: Flask) -> None:
    kinds = ("payment_link", "receipt", "payment_retry", "invoice", "invoice_reminder", "credit_note", "agreement")
    admin, row = factories.user(Role.ADMIN), plans.by_hand(starts_on=clock.today(factories.ZONE))
    for kind in kinds:
        email_settings.save(kind, Setting(rule=Rule("contact", ("owner",))), by=admin)
    charging.run()
    (period, *_rest) = plans.payments(row)
    asked, bill = get(PaymentOrder, period.payment_order_id), get(Invoice, period.invoice_id)
    found = [recipients.for_payment(asked, kind=kind) for kind in kinds[:3]]
    found += [recipients.for_invoice(bill, kind=kind) for kind in kinds[3:6]] + [recipients.for_agreement(row)]
    owner = get(User, row.owner_id)
    assert [[(r.address, r.reason) for r in people[1:]] for people in found] == [
        [(owner.email, "owner of the agreement")]
    ] * len(kinds)


def test_nobody_gets_the_same_mail_twice(app: Flask) -> None:
    order = factories.order()
    assert order.contact is not None
    bookkeeper(order, email=order.contact.email.upper())
    assert len(recipients.for_payment(paid_by(order))) == 1


def test_a_copy_that_cannot_go_anywhere_keeps_the_mail_from_nobody_else(app: Flask) -> None:
    order = factories.order()
    bookkeeper(order, email="ap at northfield")
    (only,) = recipients.for_payment(paid_by(order))
    assert only.role == "to"


def test_an_address_given_at_the_checkout_comes_first(app: Flask) -> None:
    first, copy = recipients.for_payment(paid_by(factories.order()), "payer@elsewhere.test")
    assert (first.address, first.reason) == ("payer@elsewhere.test", "asked for at the checkout")
    assert copy.role == "cc"


def test_without_anybody_to_write_to_it_says_so(app: Flask) -> None:
    due = paid_by(factories.order())
    due.contact = due.account.billing_contact = None
    assert due.order is not None
    due.order.contact = None
    with pytest.raises(Refusal, match="no_contact"):
        recipients.for_payment(due)
    db.session.rollback()


@pytest.mark.parametrize("address", ["", "maria", "maria@", "maria@northfield", "a@b.test\nBcc: x@y.test", "ü@x.test"])
def test_addresses_that_reach_nobody_are_refused(app: Flask, address: str) -> None:
    with pytest.raises(Refusal, match="address_invalid"):
        recipients.checked(address)


def test_addresses_are_written_as_mail_servers_want_them(app: Flask) -> None:
    assert recipients.checked(" Maria@Müller.Test ") == "Maria@xn--mller-kva.test"
