"""The board of payment operations: each queue is filled by the fault itself, and emptied by its own button."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock, jobs
from app.access import Role
from app.commands.payments import charges, notices, post_processing
from app.db import db, end_read, transaction
from app.gateways.base import ChargeResult, Outcome
from app.gateways.notices import BadNotice
from app.gateways.sandbox import script
from app.models import (
    Allocation,
    Attempt,
    Audit,
    Escalation,
    Movement,
    OrderEmail,
    PostProcessing,
    ProcessorEvent,
    Receipt,
    Symptom,
    User,
)
from app.states.attempt import AttemptStatus
from app.states.escalation import EscalationStatus
from app.states.mail import MailStatus
from app.states.movement import MovementStatus
from tests import factories, waiting
from tests.commands.payments.test_notices import paying, take_in
from tests.conftest import Client
from tests.gateways.scripted import ScriptedGateway
from tests.statements import counted

BOARD = "/operations/payments/"
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def sven(app: Flask) -> User:
    return waiting.operator(name="Sven Holm")


@pytest.fixture
def browser(client: Client, sven: User) -> Client:
    return client.sign_in(sven)


def press(browser: Client, path: str) -> str:
    """The board that the button answers with, as a fragment."""
    answer = browser.post(BOARD + path, headers=FRAGMENT)
    assert answer.status_code == 200, answer.text
    assert answer.text.startswith('<section id="panel-payments"') and "<html" not in answer.text
    return answer.text


def test_when_nothing_waits_it_says_so(browser: Client) -> None:
    page = browser.get(BOARD).text
    assert "Nothing waits" in page and "What happened" not in page and "Check now" in page


def test_a_charge_whose_answer_was_lost_is_asked_about(browser: Client) -> None:
    attempt = waiting.lost_charge()
    page = browser.get(BOARD).text
    assert "The gateway gave no clear answer" in page and "Visa ending 4242" in page and "€410.55" in page
    after = press(browser, f"charges/{attempt.id}/question")
    assert "The gateway gave no clear answer" not in after and "Nothing waits" in after
    assert db.session.get_one(Attempt, attempt.id).status is AttemptStatus.SUCCEEDED


def test_a_charge_is_no_concern_while_it_is_being_answered(browser: Client, gateway: ScriptedGateway) -> None:
    attempt = paying(gateway, "lost before")
    with transaction():
        row = db.session.get_one(Attempt, attempt.id)
        row.status = AttemptStatus.STARTED
    assert "Nothing waits" in browser.get(BOARD).text
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=False):
        assert "Sent, and never answered" in browser.get(BOARD).text


def test_a_refund_whose_answer_was_lost_is_asked_about(browser: Client) -> None:
    row = waiting.lost_refund()
    assert "Refund: the gateway gave no clear answer" in browser.get(BOARD).text
    assert "Nothing waits" in press(browser, f"reversals/{row.id}/question")
    assert db.session.get_one(Movement, row.id).status is MovementStatus.SUCCEEDED


def test_a_step_that_failed_is_tried_again(browser: Client) -> None:
    charge = waiting.failed_step()
    page = browser.get(BOARD).text
    assert "Charge is safe, but this step failed: the receipt" in page and "the numbering is locked" in page
    assert "Nothing waits" in press(browser, f"post-processing/{waiting.processing_of(charge)}/retry")
    assert db.session.scalars(select(Receipt.transaction_id)).one() == charge.id
    assert db.session.scalars(select(Audit.action).where(Audit.action == "post_processing.retry")).one()
    late = browser.post(f"{BOARD}post-processing/{waiting.processing_of(charge)}/retry", headers=FRAGMENT)
    assert late.status_code == 409 and "done already" in late.text


def test_a_step_that_fails_again_stays_and_says_why(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    charge = waiting.failed_step()
    monkeypatch.setattr(post_processing.receipts, "for_transaction", lambda *_, **__: 1 / 0)
    assert "ZeroDivisionError" in press(browser, f"post-processing/{waiting.processing_of(charge)}/retry")
    assert db.session.scalars(select(PostProcessing.tries)).one() == 2


def test_a_link_that_did_not_arrive_is_sent_again_once(browser: Client) -> None:
    email = waiting.failed_link_mail()
    page = browser.get(BOARD).text
    assert "Please pay" in page and "The mailbox does not exist." in page
    opened = db.session.scalars(select(Escalation).where(Escalation.symptom == Symptom.LINK_FAILED)).one()
    for _ in range(2):
        assert "Nothing waits" in press(browser, f"link-mails/{email.id}/resend")
    assert db.session.scalar(select(func.count(OrderEmail.id)).where(OrderEmail.resent_from_id == email.id)) == 1
    end_read()
    jobs.run_due(raising=True)
    db.session.expire_all()
    assert db.session.scalars(select(OrderEmail.status).order_by(OrderEmail.id.desc())).first() is MailStatus.SENT
    assert db.session.get_one(Escalation, opened.id).status is EscalationStatus.RESOLVED


def test_an_event_that_came_too_early_is_replayed_once_its_payment_is_known(
    browser: Client, gateway: ScriptedGateway
) -> None:
    factories.company()
    take_in(subject_id="ch-1")
    with time_machine.travel(clock.now() + notices.PATIENCE + timedelta(minutes=1), tick=False):
        jobs.run_due(raising=True)
    assert "Not ours: charge.succeeded" in browser.get(BOARD).text
    attempt = paying(gateway, "ok but lost")
    with transaction():
        db.session.get_one(Attempt, attempt.id).provider_id = "ch-1"
    event_id = db.session.scalars(select(ProcessorEvent.id)).one()
    assert "Not ours" not in press(browser, f"events/{event_id}/replay")
    end_read()
    jobs.run_due(raising=True)
    assert "Nothing waits" in browser.get(BOARD).text
    escalated = db.session.scalars(select(Escalation.status).where(Escalation.symptom == Symptom.UNMATCHED_EVENT))
    assert escalated.one() is EscalationStatus.RESOLVED


def test_events_that_were_turned_away_are_counted_at_their_gateway(browser: Client, gateway: ScriptedGateway) -> None:
    factories.company()
    for _ in range(3):
        with pytest.raises(BadNotice):
            take_in(signature="guessed")
    assert "3 posts" in browser.get(BOARD).text


def test_a_settlement_exception_is_opened_and_accepted(browser: Client) -> None:
    row = waiting.strange_line()
    here = f"/settlement/exceptions?before={row.id + 1}#exception-{row.id}"
    assert here in browser.get(BOARD).text and f'id="exception-{row.id}"' in browser.get(here).text
    browser.post(f"/settlement/exceptions/{row.id}/acceptance", data={"reason": "Made by the processor's hand."})
    assert here not in browser.get(BOARD).text


def test_a_gateway_that_does_not_answer_is_asked_whether_it_is_back(browser: Client) -> None:
    waiting.silent_gateway()
    page = browser.get(BOARD).text
    assert "Unavailable" in page and "The sandbox did not answer in time." in page and "Nothing waits" not in page
    still = press(browser, "gateways/sandbox/check")
    assert "Unavailable" in still
    script.bring_up("sandbox")
    after = press(browser, "gateways/sandbox/check")
    assert "Unavailable" not in after and "Nothing waits" in after


def fill() -> None:
    for fault in (waiting.lost_charge, waiting.lost_refund, waiting.failed_step, waiting.failed_link_mail):
        fault()  # type: ignore[operator]
    waiting.unmatched()
    waiting.strange_line()


def test_it_asks_the_database_as_much_for_many_rows_as_for_one(browser: Client) -> None:
    fill()
    browser.get(BOARD)
    with counted() as one:
        browser.get(BOARD)
    fill()
    with counted() as many:
        page = browser.get(BOARD).text
    assert page.count("Ask the gateway now") == 4
    assert len(one) == len(many) == 10, many


def test_a_queue_in_whole_is_paged_by_key_and_acts_where_it_stands(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.queries.operations.board.FIRST", 2)
    monkeypatch.setattr("app.queries.operations.board.PAGE", 2)
    rows = [waiting.unmatched() for _ in range(5)]
    assert "Show all" in browser.get(BOARD).text
    first = browser.get(f"{BOARD}queues/events").text
    assert rows[0].event_id in first and rows[2].event_id not in first and "Previous" not in first
    second = browser.get(f"{BOARD}queues/events?after=2").text
    assert rows[2].event_id in second and rows[3].event_id in second and "Previous" in second
    assert rows[1].event_id in browser.get(f"{BOARD}queues/events?before=3").text
    after = press(browser, f"events/{rows[2].id}/replay?queue=events&after=2")
    assert rows[2].event_id not in after and rows[3].event_id in after and rows[4].event_id in after
    assert browser.get(f"{BOARD}queues/nowhere").status_code == 404
    assert browser.get(f"{BOARD}queues/gateways").status_code == 404


def test_what_follows_money_without_a_gateway_is_tried_again_too(browser: Client) -> None:
    receipt = waiting.failed_follow_up()
    page = browser.get(BOARD).text
    assert f"Receipt {receipt.number} is safe" in page and "the invoice is locked" in page
    assert "Nothing waits" in press(browser, f"post-processing/{waiting.processing_of(receipt)}/retry")
    assert db.session.scalars(select(Allocation.amount)).one() == 11_900


def test_without_javascript_a_button_leads_back_to_the_same_part(browser: Client) -> None:
    row = waiting.unmatched()
    answer = browser.post(f"{BOARD}events/{row.id}/replay?queue=events")
    assert (answer.status_code, answer.location) == (303, f"{BOARD}queues/events")
    assert "worked on once more" in browser.get(answer.location).text


@pytest.mark.parametrize(
    "path",
    ["charges/99/question", "reversals/99/question", "post-processing/99/retry", "link-mails/99/resend"]
    + ["events/99/replay", "gateways/elsewhere/check"],
)
def test_what_does_not_exist_is_not_found(browser: Client, path: str) -> None:
    assert browser.post(BOARD + path).status_code == 404


@pytest.mark.parametrize("role", [Role.SALESPERSON, Role.AR, Role.READ_ONLY])
def test_it_is_for_payment_operations(client: Client, role: Role) -> None:
    charge = waiting.failed_step()
    client.sign_in(factories.user(role))
    assert client.get(BOARD).status_code == 403
    assert client.post(f"{BOARD}post-processing/{waiting.processing_of(charge)}/retry").status_code == 403
    assert client.post(f"{BOARD}gateways/sandbox/check").status_code == 403


def test_buttons_that_somebody_may_not_press_are_not_there(client: Client) -> None:
    waiting.lost_charge()
    waiting.failed_link_mail()
    waiting.unmatched()
    client.sign_in(factories.user(Role.READ_ONLY, grants=["payment.operate"]))
    page = client.get(BOARD).text
    assert "Please pay" in page and "Send again" not in page
    assert "Ask the gateway now" not in page and "Replay" not in page and "Look into it" in page


def test_a_charge_unknown_for_an_hour_is_escalated_until_it_is_known(gateway: ScriptedGateway) -> None:
    attempt = paying(gateway, "ok but lost")
    told, gateway.booked = gateway.booked, {}
    late = clock.now() + timedelta(hours=2)
    with time_machine.travel(late, tick=False):
        gateway.look_up = _lost  # type: ignore[method-assign]
        charges.ask(attempt.id)
        row = db.session.scalars(select(Escalation).where(Escalation.symptom == Symptom.ATTEMPT_UNKNOWN)).one()
        assert row.subject_id == attempt.id and row.order_id is not None
        end_read()
        gateway.look_up = lambda key, provider_id: told[key]  # type: ignore[method-assign]
        charges.ask(attempt.id)
    db.session.expire_all()
    assert db.session.get_one(Escalation, row.id).status is EscalationStatus.RESOLVED


def _lost(key: str, provider_id: str | None) -> ChargeResult:
    return ChargeResult(Outcome.UNKNOWN, None, None, message="time-out")
