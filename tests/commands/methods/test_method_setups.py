"""Asking for a card and saving it: one link, one save a press, one method; a lost answer is asked about."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock, links
from app.access import Role
from app.commands.methods import method_requests, method_setups
from app.commands.routing import gateways
from app.db import db, transaction
from app.errors import NotFound, Refusal
from app.mail import targets
from app.models import (
    SYSTEM,
    Account,
    Audit,
    MethodRequest,
    MethodSetup,
    OrderEmail,
    PaymentMethod,
    PaymentProfile,
    Token,
)
from app.states.attempt import AttemptStatus
from app.states.gateway import GatewayEvent
from app.states.mail import MailEvent, MailStatus
from app.states.method_request import RequestStatus
from tests import factories, moves
from tests.commands.collecting import fresh
from tests.gateways.scripted import ScriptedGateway


def save(request: MethodRequest, *, key: str = "form-1", card: str = "card-ok") -> MethodSetup:
    setup = method_setups.start(
        request.id,
        instrument=card,
        card_label="Visa ending 4242",
        holder="Maria Keller",
        consent_text="OK",
        form_key=key,
    )
    return method_setups.execute(setup.id)


@pytest.fixture
def customer(gateway: ScriptedGateway) -> Account:
    return factories.account()


@pytest.fixture
def asked(customer: Account) -> MethodRequest:
    return moves.asked(customer)


def test_a_card_is_kept_with_consent_token_and_profile_and_is_the_default(
    gateway: ScriptedGateway, customer: Account, asked: MethodRequest
) -> None:
    setup = save(asked)
    method, token = db.session.scalars(select(PaymentMethod)).one(), db.session.scalars(select(Token)).one()
    assert (setup.status, fresh(asked).status, asked.method_id) == (
        AttemptStatus.SUCCEEDED,
        RequestStatus.DONE,
        method.id,
    )
    assert (method.consent_text, method.consent_by, method.consent_how) == ("OK", "Maria Keller", "add-method link")
    assert (token.gateway_id, token.valid, token.token) == (moves.first_gateway().id, True, "tok-seti-1")
    assert db.session.scalars(select(PaymentProfile.customer_ref)).one() == "cus-1"
    assert fresh(customer).default_method_id == method.id
    assert method.contact_id == customer.billing_contact_id
    assert db.session.scalar(select(Audit.subject).where(Audit.action == "method.add")) == customer.number
    assert "4242" not in str(gateway.saves[0].as_dict())


def test_a_default_that_is_there_stays(customer: Account, asked: MethodRequest) -> None:
    old = moves.card(customer)
    with transaction() as session:
        session.get_one(Account, customer.id).default_method_id = old.id
    save(asked)
    assert fresh(customer).default_method_id == old.id


def test_the_same_form_is_one_save_and_another_press_after_it_is_told_so(
    gateway: ScriptedGateway, asked: MethodRequest
) -> None:
    assert save(asked).id == save(asked).id
    assert len(gateway.saves) == 1
    with pytest.raises(Refusal, match="saved"):
        save(asked, key="form-2")
    with pytest.raises(Refusal, match="key_reused"):
        save(asked, card="card-other")


def test_a_declined_card_may_be_followed_by_another_up_to_the_limit(
    gateway: ScriptedGateway, asked: MethodRequest
) -> None:
    gateway.answers = ["do_not_honor"]
    for n in range(asked.attempt_limit):
        assert save(asked, key=f"form-{n}").status is AttemptStatus.DECLINED
    with pytest.raises(Refusal, match="attempts_used_up"):
        save(asked, key="one-more")
    assert db.session.query(PaymentMethod).count() == 0


def test_a_lost_answer_is_asked_about_and_never_saved_again(gateway: ScriptedGateway, asked: MethodRequest) -> None:
    gateway.answers = ["ok but lost"]
    setup = save(asked)
    assert setup.status is AttemptStatus.UNKNOWN
    with pytest.raises(Refusal, match="saving"):
        save(asked, key="form-2")
    with time_machine.travel(clock.now() + timedelta(minutes=6)):
        assert method_setups.sweep() == 1
    assert (fresh(setup).status, len(gateway.saves)) == (AttemptStatus.SUCCEEDED, 1)
    assert db.session.query(PaymentMethod).count() == 1


def test_what_never_arrived_is_sent_again_under_its_key_while_it_is_remembered(
    gateway: ScriptedGateway, asked: MethodRequest
) -> None:
    gateway.answers = ["lost before", "ok"]
    setup = save(asked)
    method_setups.ask(setup.id)
    assert fresh(setup).status is AttemptStatus.SUCCEEDED
    assert len({request.key for request in gateway.saves}) == 1


def test_what_never_arrived_and_is_old_has_failed(gateway: ScriptedGateway, asked: MethodRequest) -> None:
    gateway.answers = ["lost before"]
    setup = save(asked)
    with time_machine.travel(clock.now() + timedelta(minutes=11)):
        method_setups.sweep()
    assert (fresh(setup).status, setup.decline_code) == (AttemptStatus.FAILED, "never_arrived")
    assert len(gateway.saves) == 1


def test_the_banks_question_is_answered_later(gateway: ScriptedGateway, asked: MethodRequest) -> None:
    gateway.answers = ["challenge"]
    setup = save(asked)
    assert (setup.status, setup.next_action) == (AttemptStatus.REQUIRES_ACTION, {"kind": "redirect"})
    method_setups.resume(setup.id)
    assert fresh(setup).status is AttemptStatus.REQUIRES_ACTION
    gateway.confirm_setup(setup.idempotency_key)
    assert method_setups.resume(setup.id).status is AttemptStatus.SUCCEEDED


def test_a_question_left_open_gives_way_to_another_card_and_counts_if_it_was_answered(
    gateway: ScriptedGateway, asked: MethodRequest
) -> None:
    gateway.answers = ["challenge", "challenge", "ok"]
    first = save(asked, key="form-1")
    second = save(asked, key="form-2")
    assert fresh(first).status is AttemptStatus.FAILED
    gateway.confirm_setup(second.idempotency_key)
    with pytest.raises(Refusal, match="saved"):
        save(asked, key="form-3")
    assert fresh(second).status is AttemptStatus.SUCCEEDED
    assert db.session.query(PaymentMethod).count() == 1


def test_a_question_that_nobody_answers_ends(gateway: ScriptedGateway, asked: MethodRequest) -> None:
    gateway.answers = ["challenge"]
    setup = save(asked)
    with time_machine.travel(clock.now() + timedelta(minutes=31)):
        method_setups.sweep()
    assert fresh(setup).status is AttemptStatus.FAILED


def test_a_success_that_comes_to_light_late_is_one(gateway: ScriptedGateway, asked: MethodRequest) -> None:
    gateway.answers = ["challenge"]
    setup = save(asked)
    with time_machine.travel(clock.now() + timedelta(minutes=31)):
        method_setups.sweep()
    gateway.confirm_setup(setup.idempotency_key)
    method_setups.settle(setup.id, gateway.kept[setup.idempotency_key])
    assert fresh(asked).status is RequestStatus.DONE


# The link


def test_asking_again_sends_the_same_link_and_another_route_ends_it(customer: Account) -> None:
    first = moves.asked(customer)
    deliver()
    assert moves.asked(customer).id == first.id
    deliver()
    other = moves.asked(customer, moves.route(moves.gateway().id))
    assert (fresh(first).status, other.status) == (RequestStatus.SUPERSEDED, RequestStatus.LIVE)


def deliver() -> None:
    with transaction() as session:
        for mail in session.scalars(select(OrderEmail).where(OrderEmail.status == MailStatus.QUEUED)):
            mail.transition(MailEvent.CLAIM, by=SYSTEM)
            mail.transition(MailEvent.DELIVER, by=SYSTEM)


def test_a_second_mail_before_the_first_has_left_is_refused(customer: Account) -> None:
    moves.asked(customer)
    with pytest.raises(Refusal, match="mail_on_its_way"):
        moves.asked(customer)


def test_the_mail_holds_a_placeholder_and_leads_to_the_page(asked: MethodRequest) -> None:
    mail = db.session.scalars(select(OrderEmail)).one()
    token = links.mint("method", asked.public_id, asked.generation)
    assert links.PLACEHOLDER in mail.text and token not in mail.text + mail.html
    assert (mail.kind, mail.order_id, len(mail.recipients)) == ("method_request", None, 1)
    assert targets.mint("method", asked.public_id).endswith(f"/add-method/{token}")
    assert targets.why_dead("method_request", "method", asked.public_id) == ""
    method_requests.revoke(asked.id, because="x", by=factories.user(Role.AR))
    assert targets.why_dead("method_request", "method", asked.public_id)


def test_a_link_that_is_over_takes_no_card(gateway: ScriptedGateway, asked: MethodRequest) -> None:
    with time_machine.travel(clock.now() + timedelta(days=31)):
        with pytest.raises(Refusal, match="link_expired"):
            save(asked)
        assert method_requests.expire_due() == 1
    assert fresh(asked).status is RequestStatus.EXPIRED
    with pytest.raises(Refusal, match="link_dead"):
        save(asked, key="form-2")
    assert gateway.saves == []


def test_whoever_asks_for_a_new_link_gets_it_by_mail_and_no_one_else(asked: MethodRequest) -> None:
    deliver()
    with time_machine.travel(clock.now() + timedelta(days=31)):
        method_requests.expire_due()
        for _ in range(2):
            method_requests.renew(asked.public_id)
        method_requests.renew("never-ours")
        rows = db.session.scalars(select(MethodRequest).order_by(MethodRequest.id)).all()
    assert [row.status for row in rows] == [RequestStatus.EXPIRED, RequestStatus.LIVE]
    assert rows[0].contact_id == rows[1].contact_id


def test_a_withdrawn_request_stays_withdrawn(asked: MethodRequest) -> None:
    method_requests.revoke(asked.id, because="Wrong person", by=factories.user(Role.AR))
    method_requests.renew(asked.public_id)
    assert db.session.query(MethodRequest).count() == 1
    with pytest.raises(Refusal, match="not_live"):
        method_requests.revoke(asked.id, because="x", by=factories.user(Role.AR))


def test_a_link_is_not_withdrawn_under_a_card_that_is_being_saved(
    gateway: ScriptedGateway, asked: MethodRequest
) -> None:
    gateway.answers = ["lost before"]
    save(asked)
    with pytest.raises(Refusal, match="saving"):
        method_requests.revoke(asked.id, because="x", by=factories.user(Role.AR))
    with time_machine.travel(clock.now() + timedelta(days=31)):
        assert method_requests.expire_due() == 0


def test_a_gateway_that_takes_no_new_cards_is_not_asked(
    gateway: ScriptedGateway, customer: Account, asked: MethodRequest
) -> None:
    gateways.move(moves.first_gateway().id, GatewayEvent.DEPRECATE, because="x", by=moves.admin())
    with pytest.raises(Refusal, match="gateway_closed"):
        save(asked)
    with pytest.raises(Refusal, match="gateway_closed"):
        moves.asked(fresh(customer))
    assert gateway.saves == []


def test_a_foreign_contact_is_not_there_and_a_seller_may_ask(app: Flask, customer: Account) -> None:
    other = factories.account()
    ann, ray = factories.user(Role.SALESPERSON), factories.user(Role.READ_ONLY)
    with pytest.raises(NotFound):
        method_requests.send(customer.id, other.billing_contact_id or 0, moves.first_route().id, form_key="a", by=ann)
    with pytest.raises(Refusal, match="not_permitted"):
        method_requests.send(customer.id, customer.billing_contact_id or 0, 1, form_key="b", by=ray)
