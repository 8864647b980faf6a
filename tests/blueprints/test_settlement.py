"""Settlement's pages: payouts with their lines, fetching them now, and what does not fit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs
from app.access import Role
from app.commands.settlement import matching, settlement
from app.db import db, end_read, transaction
from app.gateways.sandbox import disputes
from app.gateways.settlement import PayoutState
from app.models import Audit, SettlementBatch, SettlementException, SettlementSync, Transaction
from app.money import Money
from app.queries.settlement import batches
from app.states.settlement_exception import ExceptionStatus
from tests import factories, moves
from tests.conftest import Client
from tests.paid_out import abroad, gateway_id, line, paid, pay_out, payout, sync
from tests.statements import counted

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def finance(client: Client) -> Client:
    return client.sign_in(factories.user(Role.AR, name="Ines Laurent"))


def the_batch() -> SettlementBatch:
    return db.session.scalars(select(SettlementBatch)).one()


def the_exception() -> SettlementException:
    return db.session.scalars(select(SettlementException)).one()


def test_a_payout_is_listed_with_what_it_is_made_of(finance: Client) -> None:
    (charge,) = paid()
    pay_out()
    sync()
    told = finance.get("/settlement/").text
    batch = the_batch()
    assert batch.provider_id in told and "Paid out" in told and "1 line" in told
    page = finance.get(f"/settlement/batches/{batch.id}").text
    order = charge.payment_order_id
    assert charge.provider_id in page and "PO-" in page and "SO-" in page and order


def test_disputes_fees_and_refunds_have_their_own_columns(finance: Client) -> None:
    (charge,) = paid()
    end_read()
    disputes.open_one("sandbox", charge.provider_id, inquiry=False)
    pay_out()
    sync()
    with finance.application.test_request_context():
        (row,) = batches.every(batches.Filter())
    assert row.sums.disputes == -row.sums.charges
    assert not row.sums.apart and row.sums.net == -row.sums.fees
    assert "Disputes" in finance.get(row.url).text


def test_the_list_is_filtered_by_what_the_address_says(finance: Client) -> None:
    factories.company()
    settlement.write(gateway_id(), payout(line(), state=PayoutState.FAILED))
    day = clock.now()
    for query, found in {
        "state=failed": True,
        "state=paid": False,
        "state=nonsense": True,
        "gateway=sandbox": True,
        "gateway=other": False,
        f"month={day:%Y-%m}": True,
        "month=2020-01": False,
        "month=nonsense": True,
        "before=nonsense": True,
        "before=2026-01-01.99999999999999999999999": False,
    }.items():
        answer = finance.get(f"/settlement/?{query}")
        assert answer.status_code == 200 and ("po-1" in answer.text) is found, query


def test_the_list_is_paged_by_key_both_ways(finance: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PAGE", 2)
    factories.company()
    for n in range(5):
        at = clock.now() - timedelta(days=n)
        settlement.write(gateway_id(), payout(line(provider_id=f"t{n}"), provider_id=f"po-{n}", at=at))
    seen, before = [], ""
    with finance.application.test_request_context():
        while True:
            found = batches.view(batches.Filter(), before=before)
            seen += [row.reference for row in found.rows]
            if found.next is None:
                break
            before = found.next.partition("before=")[2]
        back = batches.view(batches.Filter(), after=before)
        assert [row.reference for row in back.rows] == ["po-1", "po-2"] or back.previous is None
    assert seen == [f"po-{n}" for n in range(5)]


def test_another_currency_shows_what_the_customer_paid_and_at_which_rate(finance: Client) -> None:
    (charge,) = paid(customer=factories.account(currency="USD"))
    settlement.write(gateway_id(), payout(abroad(charge)))
    matching.match_open(gateway_id())
    page = finance.get(f"/settlement/batches/{the_batch().id}").text
    assert "at 0.9" in page and "US$" in page and "€" in page
    assert not db.session.scalars(select(SettlementException)).all()


def test_whoever_asks_for_a_sync_sees_it_run_and_end(finance: Client) -> None:
    paid()
    pay_out()
    shown = finance.post("/settlement/gateways/sandbox/sync", headers=FRAGMENT).text
    assert "Being fetched" in shown and "every 4s" in shown
    jobs.run_due(raising=True)
    shown = finance.get("/settlement/gateways", headers=FRAGMENT).text
    assert "Being fetched" not in shown and "every 4s" not in shown
    assert the_batch().provider_id in finance.get("/settlement/").text
    audited = select(func.count()).select_from(Audit).where(Audit.action == "settlement.sync")
    assert db.session.scalar(audited) == 1


def test_a_gateway_that_did_not_answer_says_so(finance: Client) -> None:
    factories.company()
    with transaction() as session:
        session.add(SettlementSync(gateway_id=gateway_id(), last_at=clock.now(), last_error="connection refused"))
    told = finance.get("/settlement/").text
    assert "Did not answer" in told and "connection refused" in told


def held() -> SettlementException:
    factories.company()
    settlement.write(gateway_id(), payout(line(), net=Money(1, "EUR")))
    return the_exception()


def test_an_exception_tells_both_sides_and_is_accepted_with_a_reason(finance: Client) -> None:
    row = held()
    queue = finance.get("/settlement/exceptions").text
    for words in ("Does not add up", "€0.01", "€9.60", "po-1", "Accept"):
        assert words in queue
    path = f"/settlement/exceptions/{row.id}/acceptance"
    assert finance.post(path, data={"reason": " "}).status_code == 422
    assert finance.post(path, data={"reason": "The bank kept it."}).status_code == 303
    assert the_exception().status is ExceptionStatus.ACCEPTED
    assert "Everything fits" in finance.get("/settlement/exceptions").text
    told = finance.get("/settlement/exceptions?status=accepted").text
    assert "The bank kept it." in told and "Open again" in told
    again = finance.post(path, data={"reason": "Twice."})
    assert again.status_code == 409 and "closed already" in again.text


def test_what_was_accepted_can_be_opened_again(finance: Client) -> None:
    row = held()
    settlement.accept(row.id, because="Rounding.", by=factories.user(Role.AR))
    path = f"/settlement/exceptions/{row.id}/reopening"
    assert "back in the queue" in finance.get(path).text
    assert finance.post(path, data={"reason": "It was not."}).status_code == 303
    assert the_exception().status is ExceptionStatus.OPEN
    assert finance.post(path, data={"reason": "Again."}).status_code == 409


def test_a_missing_transaction_leads_to_its_payment_order(finance: Client) -> None:
    (charge,) = paid()
    with transaction() as session:
        row = session.get_one(Transaction, charge.id)
        matching.hold(row, matching.ExceptionKind.MISSING, fits=False, expected=row.amount, currency=row.currency)
    queue = finance.get("/settlement/exceptions?kind=missing").text
    assert "Not paid out" in queue and "/payments/PO-" in queue and charge.provider_id in queue
    assert charge.provider_id not in finance.get("/settlement/exceptions?kind=sum").text


def test_files_hold_the_same_rows(finance: Client) -> None:
    held()
    listed = finance.get("/settlement/batches.csv")
    assert listed.mimetype == "text/csv" and "attachment" in listed.headers["Content-Disposition"]
    assert "po-1,Sandbox,paid" in listed.text and ",EUR,0.00,0.00,0.00,10.00,0.40,0.01,-9.59" in listed.text
    assert "txn-1,adjustment" in finance.get(f"/settlement/batches/{the_batch().id}/lines.csv").text
    assert "Does not add up,open,po-1" in finance.get("/settlement/exceptions.csv").text


def test_what_is_not_there_is_not_found(finance: Client) -> None:
    for path in ("batches/99", "batches/99/lines.csv", "exceptions/99/acceptance", "exceptions/99/reopening"):
        assert finance.get(f"/settlement/{path}").status_code == 404
    assert finance.post("/settlement/gateways/nowhere/sync").status_code == 404


def test_who_may_only_look_can_decide_nothing(client: Client) -> None:
    row = held()
    client.sign_in(moves.admin())  # a payment admin sees settlements, but does not sync them
    assert "/acceptance" not in client.get("/settlement/exceptions").text
    assert "Sync now" not in client.get("/settlement/").text
    assert client.post("/settlement/gateways/sandbox/sync").status_code == 403
    assert client.post(f"/settlement/exceptions/{row.id}/acceptance", data={"reason": "x"}).status_code == 403


def test_pages_cost_the_same_however_much_was_paid_out(app: Flask, finance: Client) -> None:
    factories.company()
    counts: dict[str, set[int]] = {}
    for round in range(2):
        for n in range(round * 6):
            at = clock.now() - timedelta(days=n)
            whole = payout(line(provider_id=f"t{n}"), provider_id=f"po-{n}", at=at, net=Money(n, "EUR"))
            settlement.write(gateway_id(), whole)
        if not round:
            settlement.write(
                gateway_id(), payout(line(provider_id="first"), provider_id="po-first", net=Money(1, "EUR"))
            )
        first = db.session.scalars(select(SettlementBatch.id).order_by(SettlementBatch.id)).first()
        for path in ("", "exceptions", f"batches/{first}"):
            finance.get(f"/settlement/{path}")
            with counted() as seen:
                finance.get(f"/settlement/{path}")
            counts.setdefault(path, set()).add(len(seen))
    assert all(len(found) == 1 and max(found) <= 9 for found in counts.values()), counts
