"""What a gateway tells of a saved card: removed there, renewed by its bank, or nothing that concerns us."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from app import clock, jobs
from app.commands.methods import card_news
from app.commands.payments import notices
from app.db import db, transaction
from app.gateways.base import GatewayUnreachable
from app.models import Account, Audit, Escalation, History, NoticeWork, PaymentMethod
from app.queries import methods as queries
from app.queries.coverage import Verdict
from app.states.notice import NoticeStatus
from tests import factories, moves, plans, stories
from tests.commands.collecting import fresh
from tests.gateways.scripted import VISA, ScriptedGateway

RENEWED = replace(VISA, last4="1111", exp_month=3, exp_year=2035, fingerprint="fp-1111")


@pytest.fixture
def customer(gateway: ScriptedGateway) -> Account:
    return factories.account()


def ref(card: PaymentMethod, at: int = 0) -> str:
    return sorted(fresh(card).tokens, key=lambda x: x.id)[at].token


def told(token: str, number: int = 1, kind: str = "detached") -> NoticeStatus:
    """An event about the card, worked on."""
    facts: dict[str, Any] = {"id": f"evt-{number}", "type": f"payment_method.{kind}", "subject": "method"}
    notices.take_in("sandbox", json.dumps(facts | {"subject_id": token}).encode(), {"Signature": "good"})
    jobs.run_due(raising=True)
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(NoticeWork.status).order_by(NoticeWork.id.desc()).limit(1)).one()


def history(card: PaymentMethod) -> list[tuple[str, str | None]]:
    rows = select(History.event, History.because).where(
        History.entity == "payment_method", History.entity_id == card.id
    )
    return [(event, because) for event, because in db.session.execute(rows.order_by(History.id))]


def test_a_card_removed_at_the_gateway_is_off_file_here(gateway: ScriptedGateway, customer: Account) -> None:
    card = moves.card(customer)
    with transaction() as session:
        session.get_one(Account, customer.id).default_method_id = card.id
    gateway.cards[ref(card)] = None
    assert [told(ref(card), number) for number in (1, 2)] == [NoticeStatus.DONE] * 2
    assert fresh(card).detached_at is not None and fresh(customer).default_method_id is None
    assert [(x.valid, bool(x.detached_at)) for x in fresh(card).tokens] == [(False, True)]
    assert history(card) == [("detached", "It was removed at Sandbox.")] and gateway.forgotten == []
    assert db.session.query(Audit).filter_by(action="method.detach").count() == 1


def test_one_that_another_gateway_has_as_well_stays_on_file(gateway: ScriptedGateway, customer: Account) -> None:
    card = moves.card(customer, moves.first_gateway().id, moves.gateway().id)
    gateway.cards[ref(card)] = None
    told(ref(card))
    assert fresh(card).detached_at is None
    assert history(card) == [("removed_at_gateway", "It was removed at Sandbox.")]
    assert queries.matrix(fresh(customer)).rows[0].cells[0].verdict is Verdict.RETOKENIZE


def test_that_we_had_it_forgotten_ourselves_is_no_news(gateway: ScriptedGateway, customer: Account) -> None:
    card = moves.card(customer, fingerprint=VISA.fingerprint)
    with transaction() as session:
        session.get_one(PaymentMethod, card.id).tokens[0].valid = False
    gateway.cards[ref(card)] = None
    told(ref(card))
    assert fresh(card).detached_at is None and fresh(card).tokens[0].detached_at is not None and history(card) == []


def test_an_event_that_comes_late_changes_nothing_that_the_gateway_does_not_say(
    gateway: ScriptedGateway, customer: Account
) -> None:
    card = moves.card(customer, brand=VISA.brand, last4=VISA.last4, fingerprint=VISA.fingerprint)
    with transaction() as session:
        session.get_one(PaymentMethod, card.id).hard_declined_at = clock.now()
    assert told(ref(card)) is NoticeStatus.DONE
    assert fresh(card).detached_at is None and fresh(card).hard_declined_at is not None and history(card) == []


def test_a_renewed_card_is_what_its_bank_says_and_can_be_charged_again(
    gateway: ScriptedGateway, customer: Account
) -> None:
    card = moves.card(customer, exp_year=2020)
    before = card.label
    with transaction() as session:
        session.get_one(PaymentMethod, card.id).hard_declined_at = clock.now()
    gateway.cards[ref(card)] = RENEWED
    assert [told(ref(card), n, kind) for n, kind in enumerate(("automatically_updated", "updated"))] == ["done"] * 2
    now = fresh(card)
    assert (now.label, now.exp_month, now.exp_year, now.fingerprint) == ("Visa ending 1111", 3, 2035, "fp-1111")
    assert history(card) == [("renewed", "Its bank renewed it, says Sandbox.")]
    audit = db.session.query(Audit).filter_by(action="method.renew").one()
    assert audit.before == f"{before}, 12/2020" and audit.after == "Visa ending 1111, 03/2035"
    assert queries.matrix(fresh(customer)).rows[0].cells[0].verdict is Verdict.READY


@pytest.mark.parametrize("known", ["fp-of-another-gateway", ""])
def test_another_fingerprint_alone_is_no_renewal(gateway: ScriptedGateway, customer: Account, known: str) -> None:
    card = moves.card(customer, last4=VISA.last4, fingerprint=known)
    with transaction() as session:
        session.get_one(PaymentMethod, card.id).hard_declined_at = clock.now()
    assert told(ref(card)) is NoticeStatus.DONE
    assert fresh(card).hard_declined_at is not None and history(card) == []
    assert fresh(card).fingerprint == (known or VISA.fingerprint)


def test_what_dunning_waits_for_is_charged_to_the_renewed_card_at_once(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "expired_card")
    token = ref(plans.fresh(row).method)
    gateway.cards[token], gateway.answers = RENEWED, ["ok"]
    with stories.after(2):
        assert card_news.hear(moves.first_gateway().id, token)
        stories.work()
    assert stories.case(row).status == "recovered" and plans.broken() == []


def test_a_card_that_is_none_of_ours_is_left_alone(gateway: ScriptedGateway, customer: Account) -> None:
    assert told("pm-of-a-shop") is NoticeStatus.IGNORED
    assert db.session.query(Escalation).count() == 0


def test_a_gateway_that_is_silent_is_asked_again(gateway: ScriptedGateway, customer: Account) -> None:
    card = moves.card(customer)
    gateway.down = True
    with pytest.raises(GatewayUnreachable):
        card_news.hear(moves.first_gateway().id, ref(card))
    assert told(ref(card)) is NoticeStatus.FAILED and fresh(card).detached_at is None
