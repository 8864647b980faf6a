"""What asks for a period of an agreement that no order made: the rooms of any payment order, with the agreement's."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock, jobs, settings
from app.access import Role
from app.commands.agreements import charging
from app.commands.office.settings import turn
from app.commands.orders import signing
from app.commands.payments import evidence_packs, payment_links
from app.commands.payments.disputes import Letter
from app.commands.payments.disputes import record as record_dispute
from app.commands.receivables import allocations, offline
from app.db import db, end_read, lock, transaction
from app.errors import Refusal
from app.jobs import Later
from app.models import (
    Account,
    Attempt,
    CollectionMethod,
    CreditNote,
    Dispute,
    Document,
    EvidencePack,
    Invoice,
    OrderEmail,
    PaymentAgreement,
    PaymentIntent,
    PaymentOrder,
    ReceiptKind,
    SalesOrder,
    ScheduledPayment,
    Transaction,
    User,
)
from app.money import Money
from app.states.attempt import AttemptStatus
from app.states.intent import IntentStatus
from app.states.mail import MailStatus
from tests import factories, ledgers, plans
from tests.blueprints.payments.conftest import alias, charged, key_in
from tests.commands import moving
from tests.conftest import Client
from tests.statements import counted, planned, walked


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN, name="Ada Cole")


@pytest.fixture
def agreement(boss: User) -> PaymentAgreement:
    return plans.in_sandbox()


@pytest.fixture
def asked(agreement: PaymentAgreement) -> PaymentOrder:
    """119.00 EUR for the first month, charged by the run."""
    assert charging.run() == 1
    return asked_by(agreement)


def asked_by(agreement: PaymentAgreement) -> PaymentOrder:
    paid = plans.payments(agreement)[0]
    row = db.session.get_one(PaymentOrder, paid.payment_order_id)
    assert row.order_id is None and agreement.order_id is None
    end_read()
    return row


@pytest.fixture
def linked(boss: User) -> PaymentOrder:
    """119.00 EUR for the first month, asked for by an invoice with a link."""
    made = plans.by_hand(collection=CollectionMethod.PAYMENT_LINK)
    charging.run()
    return asked_by(made)


def charge_of(row: PaymentOrder) -> Transaction:
    found = db.session.scalars(select(Transaction).where(Transaction.payment_order_id == row.id)).first()
    assert found is not None
    end_read()
    return found


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


def test_a_dispute_of_it_has_a_page_and_is_answered_with_its_own_papers_alone(
    client: Client, boss: User, agreement: PaymentAgreement, asked: PaymentOrder
) -> None:
    plans.by_hand(factories.account(), collection=CollectionMethod.PAYMENT_LINK)
    charging.run()
    jobs.run_due(raising=False)
    letter = Letter(Money(11900, "EUR"), "fraudulent", None, False, None)
    made = record_dispute(charge_of(asked).id, letter, form_key="d1", by=boss)
    told = db.session.scalars(select(OrderEmail).where(OrderEmail.kind == "dispute_opened")).one()
    assert told.recipients[0]["reason"] == "owner of the agreement"
    end_read()
    client.sign_in(boss)
    shown = client.get(f"/disputes/{made.number}").text
    assert f'href="/agreements/{agreement.number}"' in shown and asked.number in shown and "Evidence pack" not in shown
    answer = client.get(f"/disputes/{made.number}/answer").text
    assert "1 × Care desk" in answer and agreement.account.name in answer
    own = db.session.get_one(Invoice, asked.invoice_id).number
    others = db.session.scalars(select(Invoice.number).where(Invoice.order_id.is_(None), Invoice.number != own)).all()
    assert own and others and not any(f"{number}.pdf" in answer for number in others)
    assert made.number in client.get("/disputes/").text
    assert client.post(f"/disputes/{made.number}/evidence-packs").status_code == 409
    form = {"form_key": "d2", "product_description": "Care desk", "files": ["receipt"]}
    assert client.post(f"/disputes/{made.number}/answer", data=form).status_code == 303
    (went,) = db.session.scalars(select(Dispute.answered_with)).one()
    assert went.startswith("R-")


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


def handed_on(agreement: PaymentAgreement, boss: User) -> tuple[SalesOrder, User]:
    """An order of somebody else has made it; it belongs to a salesperson now."""
    order, mine = factories.order(owner=boss, customer=agreement.account), factories.user(Role.SALESPERSON)
    with transaction() as session:
        row = session.get_one(PaymentAgreement, agreement.id)
        row.order_id, row.owner_id = order.id, mine.id
    return order, mine


def contested(row: PaymentOrder, by: User) -> Dispute:
    letter = Letter(Money(row.amount, row.currency), "fraudulent", None, False, None)
    return record_dispute(charge_of(row).id, letter, form_key=f"dispute-{row.id}", by=by)


def test_a_dispute_packs_no_order_that_the_reader_does_not_see(
    client: Client, boss: User, agreement: PaymentAgreement, asked: PaymentOrder
) -> None:
    order, mine = handed_on(agreement, boss)
    dispute = contested(asked, boss)
    home = f"/disputes/{dispute.number}"
    client.sign_in(mine)
    assert "Evidence pack" not in client.get(home).text
    assert client.post(f"{home}/evidence-packs").status_code == 409
    client.sign_in(boss)
    assert "Evidence pack" in client.get(home).text
    pack = client.post(f"{home}/evidence-packs").location
    assert "/evidence-packs/" in pack and client.get(pack).status_code == 200
    theirs = factories.user(Role.SALESPERSON)
    for owner, may in ((theirs, 404), (mine, 200)):
        with transaction() as session:
            session.get_one(SalesOrder, order.id).owner_id = owner.id
        assert client.sign_in(owner).get(pack).status_code == may
    assert "Evidence pack" in client.get(home).text


def test_the_pack_of_its_dispute_waits_for_its_papers_and_holds_its_mails(
    client: Client, boss: User, agreement: PaymentAgreement, asked: PaymentOrder
) -> None:
    handed_on(agreement, boss)
    dispute = contested(asked, boss)
    assert client.sign_in(boss).post(f"/disputes/{dispute.number}/evidence-packs").status_code == 303
    pack_id = db.session.scalars(select(EvidencePack.id)).one()
    end_read()
    with pytest.raises(Later):
        evidence_packs.build(pack_id)
    end_read()
    for _twice in range(2):
        jobs.run_due(raising=False)
    evidence_packs.build(pack_id)
    names = [x["name"] for x in db.session.get_one(EvidencePack, pack_id).listing]
    number = db.session.get_one(Invoice, asked.invoice_id).number
    assert f"3-invoices/{number}.pdf" in names
    assert [name for name in names if name.startswith("4-receipts/")]
    assert [name[11:] for name in names if name.startswith("5-mails/")] == ["receipt.txt"]
    end_read()


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
