"""The pages of receivables: what is open by age, unapplied cash, statements, and what AR does from them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock, jobs, settings
from app.access import Role
from app.commands.payments import disputes
from app.commands.payments.disputes import Letter
from app.commands.receivables import allocations, credit_notes, offline, write_offs
from app.db import db, end_read, transaction
from app.models import (
    Account,
    CreditNote,
    CreditReason,
    Invoice,
    InvoiceLine,
    PaymentOrder,
    PayOut,
    Receipt,
    ReceiptKind,
    Setting,
    User,
)
from app.money import Money
from app.queries.receivables import money as found_money
from app.queries.receivables import statement as found
from tests import factories, ledgers
from tests.commands import moving
from tests.conftest import Client
from tests.ledgers import key
from tests.statements import counted

TODAY = lambda: clock.today(factories.ZONE)  # noqa: E731


@pytest.fixture
def clerk(app: Flask) -> User:
    return ledgers.clerk()


@pytest.fixture
def page(client: Client, clerk: User) -> Client:
    return client.sign_in(clerk)


@pytest.fixture
def customer(app: Flask) -> Account:
    return factories.account(name="Northfield Clinics")


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def pay(customer_id: int, invoice_id: int, minor: int, by: User) -> Receipt:
    money = ledgers.on_account(customer_id, by, minor)
    allocations.apply(money.id, invoice_id, amount=Money(minor, "EUR"), form_key=key(), by=by)
    return money


def test_open_invoices_stand_in_their_bucket_and_sum_by_account_and_currency(
    page: Client, customer: Account, clerk: User
) -> None:
    customer_id = customer.id
    for days in (5, -1, -30, -31, -61, -91):
        ledgers.invoice(customer, days=days)
    paid = ledgers.invoice(customer, days=-40)
    pay(customer_id, paid.id, 11_900, clerk)
    part = ledgers.invoice(customer, days=-40)
    pay(customer_id, part.id, 1_900, clerk)
    ledgers.invoice(factories.account(currency="USD"), days=-100, currency="USD")
    text = words(page.get("/receivables/").text)
    row = "€119.00 €238.00 €219.00 €119.00 €119.00 €814.00"
    assert f"EUR 7 invoices {row}" in text and f"EUR · 7 invoices {row}" in text
    assert re.search(r"USD 1 invoice (\S*0\.00 ){4}\S*119\.00 \S*119\.00", text)


def test_as_of_an_earlier_day_what_was_paid_since_is_open(page: Client, customer: Account, clerk: User) -> None:
    invoice = ledgers.invoice(customer, days=-40)
    pay(customer.id, invoice.id, 11_900, clerk)
    assert "Nothing is open" in page.get("/receivables/").text
    before = page.get(f"/receivables/?as_of={TODAY() - timedelta(days=1)}").text
    assert "€119.00" in before and "31–60" in before  # noqa: RUF001
    assert page.get("/receivables/?as_of=nonsense&bucket=x&currency=%00").status_code == 200


def test_the_list_pages_and_costs_the_same_however_long_it_is(page: Client, customer: Account) -> None:
    ledgers.invoice(customer, days=-3)
    lists = ("/receivables/", "/receivables/invoices", "/receivables/unapplied", "/receivables/receipts")
    for address in lists:
        page.get(address)
    few = {}
    for address in lists:
        with counted() as seen:
            page.get(address)
        few[address] = len(seen)
    for n in range(53):
        ledgers.invoice(customer, days=-n)
    for address in lists:
        with counted() as seen:
            page.get(address)
        assert len(seen) == few[address] <= 7, address
    first = page.get("/receivables/invoices").text
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following
    second = page.get(following[1].replace("&amp;", "&")).text
    numbers = [set(re.findall(r"INV-\d+", x)) for x in (first, second)]
    assert (len(numbers[0]), len(numbers[1])) == (50, 4) and not numbers[0] & numbers[1]


def test_the_file_has_every_open_invoice(page: Client, customer: Account) -> None:
    invoice = ledgers.invoice(customer, days=-45)
    lines = page.get("/receivables/ageing.csv").text.splitlines()
    assert lines[1].endswith(f"{invoice.due_date},45,31-60,EUR,119.00,119.00")


def test_money_is_recorded_on_an_account_applied_moved_taken_off_and_paid_out(
    page: Client, customer: Account, clerk: User
) -> None:
    account = customer.number
    first, second = ledgers.invoice(customer), ledgers.invoice(customer)
    sent = {"amount": "150", "kind": "cheque", "currency": "EUR", "reference": "4711", "received_on": str(TODAY())}
    assert page.post(f"/receivables/accounts/{account}/receipts/new", data=sent).status_code == 303
    receipt = db.session.scalars(select(Receipt)).one()
    assert (receipt.money, receipt.kind, receipt.paid_with) == (Money(15_000, "EUR"), ReceiptKind.CHEQUE, "Cheque 4711")
    again = page.post(f"/receivables/accounts/{account}/receipts/new", data=sent)
    assert again.status_code == 422 and receipt.number in words(again.text) and 'value="4711"' in again.text
    here, number = f"/receivables/receipts/{receipt.number}", receipt.number
    assert "€150.00" in page.get("/receivables/unapplied").text
    page.post(f"{here}/application", data={"amount": "119", "invoice": str(first.id)})
    assert ledgers.standing(first) == ("paid", 0)
    shown = page.get(f"/invoices/{first.number}").text
    assert number in shown and "/move" in shown and "/removal" in shown
    page.post(
        f"{here}/invoices/{first.number}/move", data={"amount": "100", "invoice": str(second.id), "reason": "Wrong one"}
    )
    assert (ledgers.standing(first), ledgers.standing(second)) == (("part_paid", 10_000), ("part_paid", 1_900))
    page.post(f"{here}/invoices/{first.number}/removal", data={"amount": "19", "reason": "x"})
    assert ledgers.standing(first) == ("issued", 11_900)
    out = {"amount": "50", "kind": "wire", "reference": "OUT", "on": str(TODAY()), "reason": "Too much"}
    refused = page.post(f"{here}/payout", data=out | {"amount": "51"})
    assert refused.status_code == 422 and "Only €50.00 is unapplied" in refused.text
    end_read()
    assert page.post(f"{here}/payout", data=out).status_code == 303


def test_recorded_on_an_invoice_and_reversed(page: Client, customer: Account) -> None:
    invoice = ledgers.invoice(customer)
    form = page.get(f"/receivables/invoices/{invoice.number}/receipts/new").text
    assert 'value="119"' in form
    sent = {"amount": "119", "kind": "wire", "currency": "EUR", "reference": "W1", "received_on": str(TODAY())}
    page.post(f"/receivables/invoices/{invoice.number}/receipts/new", data=sent)
    assert ledgers.standing(invoice) == ("paid", 0)
    number = db.session.scalars(select(Receipt.number)).one()
    page.post(f"/receivables/receipts/{number}/reversal", data={"on": str(TODAY()), "reason": "Bounced"})
    assert ledgers.standing(invoice) == ("issued", 11_900)
    assert "Reversed" in page.get(f"/receivables/receipts/{number}").text


@pytest.mark.parametrize("amount", ["", "1,5", "abc", "0", "-1", "NaN", "1_0", "1.001", "9" * 30])
def test_a_bad_amount_is_said_beside_its_field_and_loses_nothing(page: Client, customer: Account, amount: str) -> None:
    sent = {"amount": amount, "kind": "wire", "currency": "EUR", "reference": "keep me", "received_on": str(TODAY())}
    answer = page.post(f"/receivables/accounts/{customer.number}/receipts/new", data=sent)
    assert answer.status_code == 422 and "keep me" in answer.text
    assert db.session.scalar(select(Receipt.id)) is None


def test_lines_are_credited_from_a_form_that_says_what_is_wrong(page: Client, customer: Account, clerk: User) -> None:
    invoice = ledgers.invoice(customer)
    line_id = db.session.scalars(select(InvoiceLine.id).where(InvoiceLine.invoice_id == invoice.id)).first()
    here = f"/receivables/invoices/{invoice.number}/credit"
    wrong = page.post(here, data={f"line-{line_id}": "1.001", "reason": "price"})
    assert wrong.status_code == 422 and 'value="1.001"' in wrong.text and "such as 12.50" in wrong.text
    for typed in ("1_0", "-inf", "0" * 39 + "2.5"):
        assert page.post(here, data={f"line-{line_id}": typed, "reason": "price"}).status_code == 422
    more = page.post(here, data={f"line-{line_id}": "2.51", "reason": "price"})
    assert more.status_code == 422 and "Only €2.50" in more.text
    done = page.post(here, data={f"line-{line_id}": "2.50", "reason": "price", "note": "Scratched"})
    note = db.session.scalars(select(CreditNote)).one()
    assert done.headers["Location"].endswith(f"/receivables/credit-notes/{note.number}")
    shown = words(page.get(f"/receivables/credit-notes/{note.number}").text)
    assert "€2.98" in shown and "Scratched" in shown
    assert note.number in page.get("/receivables/credit-notes").text
    assert note.number in page.get(f"/invoices/{invoice.number}").text


def test_an_invoice_is_written_off_with_its_reason(page: Client, customer: Account) -> None:
    invoice = ledgers.invoice(customer)
    here = f"/receivables/invoices/{invoice.number}/write-off"
    assert page.post(here, data={"reason": ""}).status_code == 422
    page.post(here, data={"reason": "Insolvent"})
    assert ledgers.standing(invoice) == ("written_off", 0)
    shown = page.get(f"/invoices/{invoice.number}").text
    assert "Written off" in shown and "Insolvent" in shown


def test_a_write_off_is_taken_back_on_its_invoice_and_stands_in_all_lists(
    page: Client, customer: Account, clerk: User
) -> None:
    account, invoice = customer.number, ledgers.invoice(customer)
    row = write_offs.write_off(invoice.id, because="Insolvent", form_key=key(), by=clerk)
    here = f"/receivables/invoices/{invoice.number}/write-offs/{row.id}/reversal"
    assert here in page.get(f"/invoices/{invoice.number}").text
    assert "stays in its month" in page.get(here).text
    assert page.post(here, data={"reason": ""}).status_code == 422
    assert page.get(f"/receivables/invoices/{ledgers.invoice().number}/write-offs/{row.id}/reversal").status_code == 404
    page.post(here, data={"reason": "They pay after all"})
    assert ledgers.standing(invoice) == ("issued", 11_900)
    shown = page.get(f"/invoices/{invoice.number}").text
    assert "They pay after all" in shown and here not in shown
    told = page.get(f"/receivables/accounts/{account}").text
    assert f"Write-off taken back {invoice.number} €119.00 €119.00" in words(told)
    assert told.count(f'href="/trace/invoices/{invoice.number}"') == 3
    assert f"/invoices/{invoice.number}" in page.get(f"/receivables/invoices?account={account}").text


def test_a_large_pay_out_waits_among_the_refunds_for_a_second_person(
    client: Client, page: Client, customer: Account, clerk: User
) -> None:
    factories.company()
    with transaction() as session:
        session.merge(Setting(key=settings.REFUND_SECOND_PERSON.key, value=True))
        session.merge(Setting(key=settings.REFUND_LIMIT.key, value=5_000))
    settings.forget()
    money = ledgers.on_account(customer.id, clerk)
    here = f"/receivables/receipts/{money.number}"
    out = {"amount": "80.00", "kind": "wire", "reference": "B", "on": str(TODAY()), "reason": "Too much"}
    page.post(f"{here}/payout", data=out)
    assert "€80.00 wait to be paid out" in page.get(here).text
    row = db.session.scalars(select(PayOut)).one()
    row_id = row.id
    end_read()
    decide = f"/receivables/pay-outs/{row_id}"
    queue = page.get("/payments/refunds").text
    assert money.number in queue and f"{decide}/approval" not in queue and f"{decide}/refusal" in queue
    assert "You asked for this pay-out yourself" in page.post(f"{decide}/approval").text
    client.sign_in(ledgers.clerk())
    assert f"{decide}/approval" in client.get("/payments/refunds").text
    assert "Too much" in client.get(f"{decide}/approval").text
    assert client.get("/receivables/pay-outs/999999/approval").status_code == 404
    client.post(f"{decide}/approval")
    assert ledgers.unapplied(money) == 3_900
    assert "is decided already" in client.post(f"{decide}/refusal", data={"reason": "Late"}).text


def test_a_credit_note_leads_from_the_statement_to_the_trace_of_its_invoice(
    page: Client, customer: Account, clerk: User
) -> None:
    account, invoice = customer.number, ledgers.invoice(customer)
    facts = {"reason": CreditReason.PRICE, "note": "", "form_key": key(), "by": clerk}
    credit_notes.for_amount(invoice.id, amount=Money(1_190, "EUR"), **facts)  # type: ignore[arg-type]
    told = page.get(f"/receivables/accounts/{account}").text
    assert told.count(f'href="/trace/invoices/{invoice.number}"') == 2
    assert page.get(f"/trace/invoices/{invoice.number}").status_code == 200


def test_a_cheque_of_which_a_part_was_paid_out_bounces_and_that_part_comes_back(
    page: Client, customer: Account, clerk: User
) -> None:
    account, money = customer.number, ledgers.on_account(customer.id, clerk, 11_900, kind=ReceiptKind.CHEQUE)
    here = f"/receivables/receipts/{money.number}"
    out = {"amount": "30.00", "kind": "wire", "reference": "B", "on": str(TODAY()), "reason": "Too much"}
    page.post(f"{here}/payout", data=out)
    assert "€30.00 of it was paid out" in page.get(f"{here}/reversal").text
    page.post(f"{here}/reversal", data={"on": str(TODAY()), "reason": "No funds"})
    assert "€30.00 more left than had come" in page.get(here).text
    assert money.number in page.get("/receivables/unapplied").text
    assert "Payment reversed" in words(page.get(f"/receivables/accounts/{account}").text)
    back = {"amount": "30.01", "kind": "wire", "currency": "EUR", "reference": "C", "received_on": str(TODAY())}
    refused = page.post(f"{here}/return", data=back)
    assert refused.status_code == 422 and "Only €30.00 is owed" in refused.text
    page.post(f"{here}/return", data=back | {"amount": "30.00"})
    assert ledgers.unapplied(money) == 0
    assert "Pay-out came back" in words(page.get(f"/receivables/accounts/{account}").text)


def test_a_statement_opens_runs_and_closes(page: Client, customer: Account, clerk: User) -> None:
    customer_id, account = customer.id, customer.number
    old = ledgers.invoice(customer, days=-400)
    pay(customer_id, old.id, 1_900, clerk)
    invoice = ledgers.invoice(customer, days=14)
    credit_notes.for_amount(
        invoice.id, amount=Money(1_190, "EUR"), reason=CreditReason.PRICE, note="", form_key=key(), by=clerk
    )
    bounced = ledgers.on_account(customer_id, clerk, 700)
    offline.reverse(bounced.id, because="x", on=TODAY(), form_key=key(), by=clerk)
    write_offs.write_off(old.id, because="Old", form_key=key(), by=clerk)
    since = TODAY() - timedelta(days=30)
    text = words(page.get(f"/receivables/accounts/{account}?from={since}&to={TODAY()}").text)
    assert "Opening balance €119.00" in text
    for step in (
        f"Invoice {invoice.number} €119.00 €238.00",
        "Credit note CN-00001 €11.90 €226.10",
        f"Written off {old.number} €100.00 €126.10",
        "€19.00 €107.10",
        "€7.00 €100.10",
        "€7.00 €107.10",
    ):
        assert step in text, step
    lines = page.get(f"/receivables/accounts/{account}/statement.csv?from={since}&to={TODAY()}").text.splitlines()
    assert lines[1].endswith("EUR,,,119.00") and lines[-1].endswith(",107.10")


def test_of_a_long_statement_the_newest_are_shown_and_add_up(
    page: Client, customer: Account, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "SHOWN", 2)
    account, customer_id = customer.number, customer.id
    for minor in (100, 200, 400, 800):
        ledgers.on_account(customer_id, clerk, minor)
    shown = words(page.get(f"/receivables/accounts/{account}").text)
    assert "2 earlier movements" in shown and "-€3.00" in shown and "€8.00 -€15.00" in shown and "-€1.00" not in shown
    assert len(page.get(f"/receivables/accounts/{account}/statement.csv").text.splitlines()) == 6


def test_a_statement_tells_what_a_dispute_took_from_what_was_refunded(page: Client) -> None:
    boss = factories.user(Role.ADMIN)
    charge = moving.paid(boss)
    moving.refund(charge, 1_000, boss)
    letter = Letter(Money(2_000, "EUR"), "fraudulent", None, False, None)
    row = disputes.record(charge.id, letter, form_key=key(), by=boss)
    disputes.decide(row.id, won=False, by=boss)
    account = db.session.scalars(select(Account.number).join(Receipt)).first()
    shown = words(page.get(f"/receivables/accounts/{account}").text)
    assert re.search(r"Refund \S+ €10\.00", shown) and re.search(r"Lost to a dispute \S+ €20\.00", shown)


def test_there_are_at_most_fifty_receipts_to_choose_from(page: Client, customer: Account, clerk: User) -> None:
    customer_id, bill = customer.id, ledgers.invoice(customer)
    for _ in range(found_money.PAGE + 1):
        ledgers.on_account(customer_id, clerk, 1)
    assert page.get(f"/receivables/invoices/{bill.number}/cash").text.count("<option") == found_money.PAGE


def test_the_statement_is_a_pdf_once_for_the_same_days(page: Client, customer: Account) -> None:
    account = customer.number
    ledgers.invoice(customer)
    here = f"/receivables/accounts/{account}"
    for _ in range(2):
        assert page.post(f"{here}/statement?from=2026-01-01&to={TODAY()}").status_code == 303
    assert "is being made" in page.get(here).text
    jobs.run_due(raising=True)
    shown = page.get(here).text
    address = re.search(r'href="(/documents/[^"]+statement[^"]+)"', shown)
    assert address
    answer = page.get(address[1])
    assert answer.data.startswith(b"%PDF")
    reader = factories.user(Role.SALESPERSON)
    assert page.sign_in(reader).get(address[1]).status_code == 404


def test_cash_of_a_gateway_leads_to_its_refund(client: Client) -> None:
    boss = factories.user(Role.ADMIN)
    charge = moving.paid(boss)
    money = db.session.scalars(select(Receipt).where(Receipt.transaction_id == charge.id)).one()
    invoice_id = next(iter(ledgers.figures.applied(money.id)))
    allocations.take_off(money.id, invoice_id, amount=Money(1_000, "EUR"), because="x", form_key=key(), by=boss)
    number = money.number
    html = client.sign_in(boss).get(f"/receivables/receipts/{number}").text
    assert f"/transactions/{charge.id}/refund" in html and "/payout" not in html


@pytest.mark.parametrize("credited", [True, False])
def test_a_refund_may_credit_its_invoice_along_with_it(client: Client, credited: bool) -> None:
    boss = factories.user(Role.ADMIN)
    charge = moving.paid(boss)
    invoice = db.session.scalars(select(Invoice)).one()
    number = db.session.scalars(select(PaymentOrder.number)).one()
    here = f"/payments/{number}/transactions/{charge.id}/refund"
    sent = {"amount": "100", "reason": "Returned", **({"credit": "y"} if credited else {})}
    assert 'name="credit"' in client.sign_in(boss).get(here).text
    assert client.post(here, data=sent).status_code == 303
    assert ledgers.standing(invoice) == (("paid", 0) if credited else ("part_paid", 10_000))
    assert [n.gross for n in db.session.scalars(select(CreditNote))] == ([10_000] if credited else [])


@pytest.mark.parametrize("role", [Role.SALESPERSON, Role.FULFILLMENT_OPERATIONS])
def test_who_may_not_see_receivables_does_not(client: Client, app: Flask, role: Role) -> None:
    account = factories.account().number
    client.sign_in(factories.user(role))
    for address in ("", "invoices", "unapplied", "receipts", "ageing.csv", f"accounts/{account}"):
        assert client.get(f"/receivables/{address}").status_code == 403


def test_foreign_ids_are_not_found(page: Client) -> None:
    for address in ("receipts/R-99999", "credit-notes/CN-99999", "accounts/A-9999", "invoices/INV-99999/credit"):
        assert page.get(f"/receivables/{address}").status_code == 404
