"""What asks for a period of an agreement that no order made: the rooms of any payment order, with the agreement's."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock, jobs, settings
from app.access import Role
from app.commands.office.settings import turn
from app.commands.orders import signing
from app.commands.payments import payment_links
from app.commands.receivables import allocations, offline
from app.db import db, end_read, lock, transaction
from app.errors import Refusal
from app.models import (
    Account,
    Attempt,
    CreditNote,
    Document,
    Invoice,
    OrderEmail,
    PaymentAgreement,
    PaymentIntent,
    PaymentOrder,
    ReceiptKind,
    ScheduledPayment,
    User,
)
from app.money import Money
from app.states.attempt import AttemptStatus
from app.states.intent import IntentStatus
from app.states.mail import MailStatus
from tests import factories, ledgers
from tests.blueprints.payments.conftest import alias, charge_of, charged, contested, key_in
from tests.commands import moving
from tests.conftest import Client
from tests.statements import counted, planned, walked


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN, name="Ada Cole")


def address(row: PaymentOrder, what: str) -> str:
    return f"/payments/{row.number}/transactions/{charge_of(row).id}/{what}"


def test_its_page_names_agreement_period_and_invoice_and_shows_the_same_panels(
    client: Client, boss: User, agreement: PaymentAgreement, asked: PaymentOrder
) -> None:
    jobs.run_due(raising=False)
    told = client.sign_in(boss).get(f"/payments/{asked.number}").text
    bill = db.session.get_one(Invoice, asked.invoice_id).number
    for words in (
        f'href="/agreements/{agreement.number}"',
        f'href="/accounts/{agreement.account.number}"',
        f'href="/invoices/{bill}"',
        "€119.00 is paid.",
        charge_of(asked).provider_id,
        "what it pays",
        "heard that the payment succeeded",
        "Make the PDF",
        "AR doctor",
        "Refund",
        "Record a dispute",
    ):
        assert words in told, words
    assert 'href="/orders/' not in told.partition('id="payment-order"')[2] and "Make an evidence pack" not in told


def test_every_room_of_it_opens_and_nothing_is_lost_without_an_order(
    client: Client, boss: User, agreement: PaymentAgreement, asked: PaymentOrder
) -> None:
    client.sign_in(boss)
    receipt = re.search(r"R-\d+", client.get(f"/payments/{asked.number}").text)
    assert receipt is not None
    for path in (
        f"/payments/{asked.number}/doctor",
        f"/payments/{asked.number}/collect",
        f"/payments/{asked.number}/send-link",
        f"/payments/{asked.number}/send-link/preview",
        f"/payments/{asked.number}/link/mail",
        f"/payments/{asked.number}/link/revocation",
        f"/payments/{asked.number}/link/rotation",
        f"/payments/{asked.number}/link/expiry",
        f"/payments/{asked.number}/link/tries",
        f"/payments/{asked.number}/cancellation",
        f"/payments/{asked.number}/paper",
        f"/receivables/payment-orders/{asked.number}/receipts/new",
        f"/trace/payments/{asked.number}",
        address(asked, "refund"),
        address(asked, "dispute"),
    ):
        assert client.get(path).status_code == 200, path
    assert client.get(f"/payments/{asked.number}/outcome").location == f"/payments/{asked.number}"
    home = f"/payments/{asked.number}"
    assert f'href="{home}"' in client.get("/receivables/receipts").text
    assert f'href="{home}"' in client.get(f"/receivables/receipts/{receipt[0]}").text
    assert f'href="{home}"' in client.get(f"/agreements/{agreement.number}").text
    assert client.post(f"/payments/{asked.number}/evidence-packs").status_code == 409
    assert client.post(f"/payments/{asked.number}/paper").location == f"{home}#panel-paper"
    content = db.session.scalars(select(Document).where(Document.kind == "payment_order")).one().data
    assert content["order_number"] == "" and agreement.number in content["purpose"]


def test_it_is_listed_and_found_beside_those_of_orders(
    client: Client, boss: User, agreement: PaymentAgreement, asked: PaymentOrder
) -> None:
    client.sign_in(boss)
    listed = client.get("/payments/").text
    assert asked.number in listed and f'href="/agreements/{agreement.number}"' in listed
    assert asked.number in client.get(f"/payments/?q={agreement.number.lower()}&status=paid").text
    assert client.get(f"/search?q={asked.number}").location.endswith(f"/payments/{asked.number}")
    tried = db.session.scalars(select(Attempt.provider_id).where(Attempt.payment_order_id == asked.id)).one()
    assert f'href="/payments/{asked.number}"' in client.get("/search", query_string={"q": tried}).text


def test_a_refund_goes_by_the_second_person_and_is_told_on_the_agreement(
    client: Client, boss: User, agreement: PaymentAgreement, asked: PaymentOrder
) -> None:
    turn(settings.REFUND_SECOND_PERSON.key, True, by=boss)
    turn(settings.REFUND_LIMIT.key, 5_000, by=boss)
    client.sign_in(boss)
    dialog = client.get(address(asked, "refund")).text
    assert f"Refund up to €119.00 on {asked.number}" in dialog
    form = {"form_key": key_in(dialog), "amount": "69.00", "reason": "Never used", "credit": "y"}
    assert client.post(address(asked, "refund"), data=form).location == f"/payments/{asked.number}"
    client.sign_in(factories.user(Role.AR, name="Bo Lind"))
    queue = client.get("/payments/refunds").text
    assert asked.number in queue and agreement.number in queue
    approval = re.search(rf"/payments/{asked.number}/movements/\d+/approval", queue)
    assert approval is not None and client.post(approval[0]).status_code == 303
    jobs.run_due(raising=False)
    told = client.get(f"/payments/{asked.number}").text
    for words in ("€69.00 is refunded.", "€50.00 is kept.", "decided by Bo Lind", "With credit note"):
        assert words in told, words
    assert "gave back €69.00 of period 1" in client.get(f"/agreements/{agreement.number}").text
    notes = select(CreditNote.gross).where(CreditNote.invoice_id == asked.invoice_id)
    assert db.session.scalars(notes).all() == [6900]
    mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "refund")).one()
    assert mail.order_id is None and agreement.number in mail.subject and "Never used" in mail.text


def test_who_sees_it_is_who_sees_the_agreement(
    client: Client, agreement: PaymentAgreement, asked: PaymentOrder, boss: User
) -> None:
    mine, theirs = factories.user(Role.SALESPERSON), factories.user(Role.SALESPERSON)
    with transaction() as session:
        session.get_one(PaymentAgreement, agreement.id).owner_id = mine.id
    home = f"/payments/{asked.number}"
    paths = (home, f"{home}/doctor", f"{home}/paper", f"/trace/payments/{asked.number}")
    client.sign_in(mine)
    assert {client.get(path).status_code for path in paths} == {200}
    assert asked.number in client.get("/payments/").text
    assert client.get(address(asked, "refund")).status_code == 403
    assert "Your role does not let you" in client.get(home).text
    client.sign_in(theirs)
    assert {client.get(path).status_code for path in paths} == {404}
    assert asked.number not in client.get("/payments/").text
    assert client.get(f"/search?q={asked.number}").location is None
    other = moving.paid(boss)
    client.sign_in(factories.user(Role.PAYMENT_OPERATIONS))
    assert client.get(f"{home}/transactions/{other.id}/refund").status_code == 404
    assert client.get("/payments/PO-99999").status_code == 404


def test_its_papers_and_invoice_are_its_agreements_owners_to_read(
    client: Client, agreement: PaymentAgreement, asked: PaymentOrder, boss: User
) -> None:
    """Wherever a page leads, and nobody else's."""
    mine, theirs = factories.user(Role.SALESPERSON), factories.user(Role.SALESPERSON)
    with transaction() as session:
        session.get_one(PaymentAgreement, agreement.id).owner_id = mine.id
    jobs.run_due(raising=False)
    dispute = contested(asked, boss).number
    number = db.session.get_one(Invoice, asked.invoice_id).number
    end_read()
    client.sign_in(mine)
    home = f"/payments/{asked.number}"
    pages = (home, f"{home}/doctor", f"/trace{home}", f"/agreements/{agreement.number}", f"/disputes/{dispute}")
    rooms = r'href="((?:/documents|/invoices|/trace|/payments)/[^"#?]+)'
    links = {link for page in pages for link in re.findall(rooms, client.get(page).text)}
    assert {f"/invoices/{number}", f"/trace/invoices/{number}"} <= links
    assert any(re.match(r"/documents/\d+/R-", link) for link in links)
    assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)
    printed = select(Document.id).where(Document.kind == "invoice", Document.subject_id == asked.invoice_id)
    bill = f"/documents/{db.session.scalars(printed).one()}/{number}.pdf"
    end_read()
    assert client.get(bill).status_code == 200 and number in client.get("/invoices/").text
    assert client.get(f"/search?q={number}").location == f"/invoices/{number}"
    client.sign_in(theirs)
    found = {link: client.get(link).status_code for link in {*links, bill} - {"/payments/", "/invoices/"}}
    assert set(found.values()) == {404}, found
    assert number not in client.get("/invoices/").text


def test_nothing_links_to_an_invoice_that_the_reader_does_not_see(
    client: Client, agreement: PaymentAgreement, asked: PaymentOrder, boss: User
) -> None:
    """What came for it pays another's bill."""
    mine, other = factories.user(Role.SALESPERSON), factories.order(owner=boss).id
    with transaction() as session:
        session.get_one(PaymentAgreement, agreement.id).owner_id = mine.id
        session.get_one(Invoice, asked.invoice_id).order_id = other
    number = db.session.get_one(Invoice, asked.invoice_id).number
    end_read()
    home = f"/payments/{asked.number}"
    for page in (f"{home}/doctor", f"/trace{home}"):
        told = client.sign_in(mine).get(page).text
        assert str(number) in told and f"invoices/{number}" not in told, page
        assert f"invoices/{number}" in client.sign_in(boss).get(page).text


def test_its_link_is_sent_again_and_offline_money_ends_it(client: Client, boss: User, linked: PaymentOrder) -> None:
    client.sign_in(boss)
    home = f"/payments/{linked.number}"
    told = client.get(home).text
    assert "The customer has a link to pay €119.00." in told and "Send the link again" in told
    preflight = client.get(f"{home}/send-link").text
    agreement = db.session.get_one(PaymentAgreement, linked.agreement_id).number
    assert f'href="/agreements/{agreement}"' in preflight and "Opportunity" not in preflight
    waits = client.post(f"{home}/send-link", data={"form_key": "s0"})
    assert waits.status_code == 409 and "The mail with this link is on its way" in waits.text
    with transaction() as session:
        for mail in session.scalars(select(OrderEmail)):
            mail.status = MailStatus.SENT
    sent = client.post(f"{home}/send-link", data={"form_key": "s1"})
    assert (sent.status_code, sent.location) == (303, home)
    no = client.post(f"{home}/cancellation", data={"reason": "Not wanted"})
    assert no.status_code == 409 and "asks for a period of an agreement" in no.text
    form = {
        "form_key": "o1",
        "kind": "wire",
        "amount": "119.00",
        "reference": "W1",
        "currency": "EUR",
        "received_on": f"{clock.today(factories.ZONE)}",
    }
    recorded = client.post(f"/receivables/payment-orders/{linked.number}/receipts/new", data=form)
    assert recorded.status_code == 303, recorded.text
    assert "€119.00 is paid." in client.get(home).text
    assert db.session.scalars(select(PaymentIntent.status)).all() == [IntentStatus.PAID]


def test_staff_collect_it_and_nothing_goes_out_beside_a_payment_under_way(
    client: Client, boss: User, linked: PaymentOrder
) -> None:
    client.sign_in(boss)
    home = f"/payments/{linked.number}"
    dialog = client.get(f"{home}/collect").text
    assert "A receipt is made, which pays the invoice." in dialog and "Agreement" in dialog
    form = {
        "form_key": key_in(dialog),
        "pay_with": "new",
        "instrument": alias("lost-answer").alias,
        "card_label": "Visa ending 4242",
        "agreed": "phone",
        "amount": "11900",
    }
    done = client.post(f"{home}/collect", data=form)
    assert (done.status_code, done.location) == (303, home)
    tried = db.session.scalars(select(Attempt).where(Attempt.payment_order_id == linked.id)).one()
    assert tried.status is AttemptStatus.UNKNOWN
    told = client.get(home).text
    assert 'hx-trigger="every 4s"' in told and "Ask the gateway" in told
    for act in (
        lambda: payment_links.send(linked.id, form_key="beside", by=boss),
        lambda: payment_links.revoke(tried.intent_id, because="x", by=boss),
    ):
        with pytest.raises(Refusal) as no:
            act()
        assert no.value.code == "payment_in_progress"
    assert client.post(f"{home}/attempts/{tried.id}/question").location == home
    assert "€119.00 is paid." in client.get(home).text


def test_its_page_costs_no_more_statements_than_an_orders(client: Client, boss: User, asked: PaymentOrder) -> None:
    order = factories.order(owner=boss, deposit_percent="10")
    usual = charged(order, boss, "visa").payment_order.number
    jobs.run_due(raising=False)
    client.sign_in(boss)

    def cost(number: str) -> int:
        client.get(f"/payments/{number}")
        with counted() as seen:
            assert client.get(f"/payments/{number}").status_code == 200
        return len(seen)

    assert cost(asked.number) <= cost(usual) <= 15


def test_its_owner_learns_of_a_wish_for_a_new_link(linked: PaymentOrder) -> None:
    agreement = db.session.get_one(PaymentAgreement, linked.agreement_id)
    intent = db.session.scalars(select(PaymentIntent).where(PaymentIntent.payment_order_id == linked.id)).one()
    owner = db.session.get_one(User, agreement.owner_id).email
    number, public_id = agreement.number, intent.public_id
    end_read()
    for _twice in range(2):
        signing.request_new_link("pay", public_id)
    mail = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "new_link_requested")).one()
    assert [(x["address"], x["reason"]) for x in mail.recipients] == [(owner, "owner of the agreement")]
    assert f"/agreements/{number}" in mail.text and number in mail.subject
    end_read()


def test_money_that_came_pays_though_nobody_can_be_told(boss: User, linked: PaymentOrder) -> None:
    with transaction():
        account, row = lock(Account, linked.account_id), lock(PaymentOrder, linked.id)
        account.billing_contact_id, account.ap_email, row.contact_id = None, "", None
        owed = row.amount
    offline.for_payment_order(linked.id, ledgers.came(owed), form_key="came", by=boss)
    status = select(ScheduledPayment.status).where(ScheduledPayment.payment_order_id == linked.id)
    assert db.session.scalars(status).one() == "paid"
    end_read()


def test_its_page_comes_by_nothing_of_other_periods(client: Client, boss: User, asked: PaymentOrder) -> None:
    client.sign_in(boss)
    with planned() as steps:
        assert client.get(f"/payments/{asked.number}").status_code == 200
    assert walked(steps) <= {"company", "setting", "route", "gateway"}
    looks = [step for step in steps if "SEARCH order_email" in step or "SEARCH history" in step]
    assert looks and not [step for step in looks if "order_id" in step]


def test_it_says_whether_the_mail_with_its_link_arrived(client: Client, boss: User, linked: PaymentOrder) -> None:
    jobs.run_due(raising=False)
    client.sign_in(boss)
    told = client.get(f"/payments/{linked.number}").text
    assert "mailed once" in told and "did not arrive" not in told
    with transaction() as session:
        mail = session.scalars(select(OrderEmail).where(OrderEmail.kind == "payment_link")).one()
        mail.status, mail.last_error = MailStatus.BOUNCED, "550 no such user"
    told = client.get(f"/payments/{linked.number}").text
    assert "The mail with the link did not arrive." in told and "550 no such user" in told


def test_the_agreement_tells_of_offline_money_that_left_again(client: Client, boss: User, linked: PaymentOrder) -> None:
    bill, owed, agreement = linked.invoice_id, Money(linked.amount, "EUR"), linked.agreement_id
    assert bill is not None
    facts = {"kind": ReceiptKind.WIRE, "reference": "OUT-1", "on": clock.today(factories.ZONE), "because": "Too much"}
    wire = offline.for_payment_order(linked.id, ledgers.came(owed.minor), form_key="came", by=boss).id
    part = Money(1_900, "EUR")
    allocations.take_off(wire, bill, amount=part, because="Paid twice", form_key="off", by=boss)
    allocations.pay_out(wire, amount=part, form_key="out", by=boss, **facts)
    offline.reverse(wire, because="Bounced", on=clock.today(factories.ZONE), form_key="no", by=boss)
    offline.returned(wire, ledgers.came(part.minor), form_key="again", by=boss)
    later = ledgers.on_account(linked.account_id, boss, 15_000).id
    allocations.apply(later, bill, amount=Money(10_000, "EUR"), form_key="on", by=boss)
    offline.reverse(later, because="Bounced too", on=clock.today(factories.ZONE), form_key="no2", by=boss)
    number = db.session.get_one(PaymentAgreement, agreement).number
    end_read()
    told = client.sign_in(boss).get(f"/agreements/{number}").text
    for words in ("gave back €19.00", "took back €119.00", "saw €19.00 that was given back", "took back €100.00"):
        assert f"{words} of period 1 of {number}" in told, words


def test_what_the_schedule_charged_is_not_called_collected_by_staff(
    client: Client, boss: User, asked: PaymentOrder
) -> None:
    client.sign_in(boss)
    for page in (f"/payments/{asked.number}", f"/trace/payments/{asked.number}"):
        told = client.get(page).text
        assert "Charged by the schedule" in told and "Collected by staff" not in told, page
    usual = moving.paid(boss)
    number = db.session.get_one(PaymentOrder, usual.payment_order_id).number
    end_read()
    assert "Collected by staff" in client.get(f"/payments/{number}").text
