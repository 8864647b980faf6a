"""Saved methods: the default, taking one off file here and at the gateway, and escalating one to be brought over."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from app import clock, jobs
from app.access import Role
from app.commands.methods import forgetting, kept_methods, methods
from app.commands.methods.kept_methods import Consent
from app.commands.payments import charges, collection
from app.commands.payments.charges import Instrument
from app.db import db, lock, transaction
from app.errors import NotFound, Refusal
from app.models import SYSTEM, Account, Audit, Escalation, History, PaymentMethod, Symptom, Team, Token
from app.queries import methods as queries
from app.queries.coverage import Verdict
from app.states.escalation import EscalationStatus
from tests import factories, moves
from tests.commands.collecting import fresh
from tests.gateways.scripted import VISA, ScriptedGateway


def test_the_default_is_the_accounts_and_is_audited(app: Flask) -> None:
    customer = factories.account()
    one, two = moves.card(customer), moves.card(customer)
    methods.make_default(two.id, by=factories.user(Role.AR))
    assert fresh(customer).default_method_id == two.id
    methods.make_default(one.id, by=factories.user(Role.AR))
    assert fresh(customer).default_method_id == one.id
    assert db.session.query(Audit).filter_by(action="method.default").count() == 2


def test_off_file_is_at_once_here_and_by_a_job_at_every_gateway(gateway: ScriptedGateway) -> None:
    customer, second = factories.account(), moves.gateway()
    card = moves.card(customer, moves.first_gateway().id, second.id)
    methods.make_default(card.id, by=factories.user(Role.AR))
    methods.detach(card.id, because="The customer asked", by=moves.admin())
    assert fresh(card).detached_at is not None and fresh(customer).default_method_id is None
    assert not any(token.valid for token in fresh(card).tokens)
    assert gateway.forgotten == []
    jobs.run_due(raising=True)
    assert len(gateway.forgotten) == 2 and gateway.forgotten[0][1] == f"cus-{customer.id}"
    assert all(token.detached_at for token in fresh(card).tokens)
    jobs.run_due(raising=True)
    assert len(gateway.forgotten) == 2


def test_a_gateway_that_does_not_answer_is_told_later(gateway: ScriptedGateway) -> None:
    card = moves.card(factories.account())
    gateway.down = True
    methods.detach(card.id, because="x", by=moves.admin())
    jobs.run_due()
    assert db.session.scalar(select(Token.detached_at)) is None
    gateway.down = False
    with time_machine.travel(clock.now() + timedelta(minutes=6)):
        jobs.run_due(raising=True)
    assert len(gateway.forgotten) == 1
    assert fresh(card).tokens[0].detached_at is not None


def test_a_card_saved_again_before_the_gateway_heard_stays(gateway: ScriptedGateway) -> None:
    card = moves.card(factories.account())
    methods.detach(card.id, because="x", by=moves.admin())
    with transaction() as session:
        token = session.scalars(select(Token)).one()
        token.token, token.valid = "tok-new", True
    forgetting.forget_at_gateway(token.id)
    assert gateway.forgotten == [] and fresh(token).detached_at is None


def saved_again(customer: Account, *, token: str, at: int | None = None) -> PaymentMethod:
    with transaction():
        lock(Account, customer.id)
        kept = kept_methods.keep(customer.id, None, VISA, consent=Consent("x", "x", "x"), by=SYSTEM)
        kept_methods.keep_token(kept, at or moves.first_gateway().id, token, None)
    return kept


def test_what_a_card_was_at_the_gateway_before_it_was_saved_again_is_forgotten_there(gateway: ScriptedGateway) -> None:
    customer = factories.account()
    card = moves.card(customer, fingerprint=VISA.fingerprint)
    older = fresh(card).tokens[0].token
    assert saved_again(customer, token="tok-again").id == card.id
    jobs.run_due(raising=True)
    assert [token for token, _ in gateway.forgotten] == [older]
    assert [(x.token, x.valid, bool(x.detached_at)) for x in sorted(fresh(card).tokens, key=lambda x: x.id)] == [
        (older, False, True),
        ("tok-again", True, False),
    ]
    methods.detach(card.id, because="The customer asked", by=moves.admin())
    jobs.run_due(raising=True)
    assert [token for token, _ in gateway.forgotten] == [older, "tok-again"]


def test_the_same_token_again_is_the_same_card(gateway: ScriptedGateway) -> None:
    customer = factories.account()
    card = moves.card(customer, fingerprint=VISA.fingerprint)
    saved_again(customer, token=fresh(card).tokens[0].token)
    jobs.run_due(raising=True)
    assert gateway.forgotten == [] and [x.valid for x in fresh(card).tokens] == [True]


def test_a_token_that_is_being_charged_is_forgotten_once_that_has_ended(gateway: ScriptedGateway) -> None:
    seller = factories.user(Role.SALES_MANAGER)
    order = factories.order(owner=seller)
    customer = db.session.get_one(Account, order.account_id)
    card = moves.card(customer, fingerprint=VISA.fingerprint)
    gateway.answers = ["ok but lost"]
    attempt = collection.collect_first(order.id, pay_with=Instrument(method_id=card.id), form_key="k", by=seller)
    saved_again(customer, token="tok-again")
    jobs.run_due(raising=True)
    assert gateway.forgotten == []
    charges.ask(attempt.id)
    with time_machine.travel(clock.now() + timedelta(minutes=6)):
        jobs.run_due(raising=True)
    assert len(gateway.forgotten) == 1


def test_off_file_needs_a_reason_the_permission_and_a_card_that_is_on(app: Flask) -> None:
    card = moves.card(factories.account())
    with pytest.raises(Refusal, match="reason_missing"):
        methods.detach(card.id, because=" ", by=moves.admin())
    with pytest.raises(Refusal, match="not_permitted"):
        methods.detach(card.id, because="x", by=factories.user(Role.AR))
    methods.detach(card.id, because="x", by=moves.admin())
    with pytest.raises(Refusal, match="off_file"):
        methods.detach(card.id, because="x", by=moves.admin())
    with pytest.raises(Refusal, match="off_file"):
        methods.make_default(card.id, by=factories.user(Role.AR))


def test_a_card_whose_payment_is_being_confirmed_stays_on_file(gateway: ScriptedGateway) -> None:
    seller = factories.user(Role.SALES_MANAGER)
    order = factories.order(owner=seller)
    card = moves.card(db.session.get_one(Account, order.account_id))
    gateway.answers = ["lost before"]
    collection.collect_first(order.id, pay_with=Instrument(method_id=card.id), form_key="k", by=seller)
    with pytest.raises(Refusal, match="payment_in_progress"):
        methods.detach(card.id, because="x", by=moves.admin())


def test_a_card_on_another_gateway_is_never_charged_here(gateway: ScriptedGateway) -> None:
    """Invariant 19: valid, on that route, and its payer's."""
    seller, second = factories.user(Role.SALES_MANAGER), moves.gateway()
    order = factories.order(owner=seller)
    customer = db.session.get_one(Account, order.account_id)
    elsewhere, foreign = moves.card(customer, second.id), moves.card(factories.account())
    for card in (elsewhere, foreign):
        with pytest.raises(Refusal, match="method_not_usable"):
            collection.collect_first(order.id, pay_with=Instrument(method_id=card.id), form_key=str(card.id), by=seller)
    assert gateway.calls == []


# Escalation


def test_a_card_to_be_brought_over_is_escalated_once(app: Flask) -> None:
    customer, second = factories.account(), moves.gateway()
    card, route_id = moves.card(customer, second.id), moves.first_route().id
    one = methods.escalate(card.id, route_id, by=factories.user(Role.SALESPERSON))
    two = methods.escalate(card.id, route_id, by=factories.user(Role.AR))
    assert one.id == two.id
    row = db.session.scalars(select(Escalation)).one()
    assert (row.symptom, row.team, row.account_id) == (Symptom.RETOKENIZATION, Team.PAYMENT_ADMIN, customer.id)
    assert row.context == {"route": "Cards", "gateway": "Sandbox", "gateway_key": "sandbox"}
    assert [x.escalated for x in queries.cards(fresh(customer))] == [True]


def test_a_card_that_is_ready_is_not_escalated(app: Flask) -> None:
    card = moves.card(factories.account())
    with pytest.raises(Refusal, match="nothing_to_retokenize"):
        methods.escalate(card.id, moves.first_route().id, by=factories.user(Role.AR))
    with pytest.raises(NotFound):
        methods.escalate(card.id, 99, by=factories.user(Role.AR))


def test_once_the_gateway_that_missed_the_card_has_it_the_escalation_is_over(gateway: ScriptedGateway) -> None:
    customer, second, third = factories.account(), moves.gateway(), moves.gateway()
    card = moves.card(customer, second.id, fingerprint=VISA.fingerprint)
    methods.escalate(card.id, moves.first_route().id, by=factories.user(Role.AR))
    for elsewhere in (second, third):
        saved_again(customer, token=f"tok-{elsewhere.key}", at=elsewhere.id)
        assert db.session.scalars(select(Escalation.status)).one() is EscalationStatus.OPEN
    assert saved_again(customer, token="tok-here").id == card.id
    assert db.session.scalars(select(Escalation.status)).one() is EscalationStatus.RESOLVED
    because = select(History.because).where(History.entity == "escalation", History.event == "clear")
    assert db.session.scalars(because).one() == "The card is on file with Sandbox now."


def test_a_card_off_file_is_not_to_be_brought_over_any_more(gateway: ScriptedGateway) -> None:
    card = moves.card(factories.account(), moves.gateway().id)
    methods.escalate(card.id, moves.first_route().id, by=factories.user(Role.AR))
    methods.detach(card.id, because="The customer asked", by=moves.admin())
    assert db.session.scalars(select(Escalation.status)).one() is EscalationStatus.RESOLVED


# The matrix


def test_the_matrix_judges_every_card_by_every_route_of_the_account(app: Flask) -> None:
    customer, second = factories.account(), moves.gateway("harbour")
    moves.route(second.id, name="Harbour cards")
    moves.route(second.id, name="Dollars", currency="USD")
    moves.route(second.id, name="Clinics", account_group="clinics")
    here, there = moves.card(customer), moves.card(customer, second.id)
    moves.card(customer, exp_year=2020)
    view = queries.matrix(fresh(customer))
    assert [column.name for column in view.columns] == ["Cards", "Harbour cards"]
    found = {row.card.id: [cell.verdict for cell in row.cells] for row in view.rows}
    assert found[here.id] == [Verdict.READY, Verdict.RETOKENIZE]
    assert found[there.id] == [Verdict.RETOKENIZE, Verdict.READY]
    assert [Verdict.NEW_METHOD, Verdict.NEW_METHOD] in found.values()
    assert [cell.verdict for cell in view.empty] == [Verdict.NEW_METHOD, Verdict.NEW_METHOD]


def test_what_the_matrix_calls_ready_is_charged(gateway: ScriptedGateway) -> None:
    """Readiness, matrix and charge agree."""
    seller = factories.user(Role.SALES_MANAGER)
    order = factories.order(owner=seller)
    customer = db.session.get_one(Account, order.account_id)
    card = moves.card(customer)
    assert queries.matrix(customer).rows[0].cells[0].chargeable
    charged = collection.collect_first(order.id, pay_with=Instrument(method_id=card.id), form_key="k", by=seller)
    assert charged.method_id == card.id and gateway.calls[0].token == card.tokens[0].token
