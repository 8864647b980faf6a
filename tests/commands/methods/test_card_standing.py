"""A saved card after a decline that no retry can mend: offered nowhere, until something later speaks for it."""

from __future__ import annotations

import pytest
from flask import current_app

from app.access import Role
from app.commands.dunning import acting
from app.commands.payments import charges, collection
from app.commands.payments.charges import Instrument
from app.db import db, end_read, transaction
from app.errors import Refusal
from app.models import Account, Attempt, PaymentMethod, SalesOrder, User
from app.queries import methods as queries
from app.queries.agreements import page as agreements_page
from app.queries.agreements import verdict
from app.queries.coverage import Verdict
from app.queries.orders import decline, facts
from app.queries.payments import collecting
from app.states.attempt import AttemptStatus
from tests import factories, moves, plans, stories
from tests.commands.collecting import fresh
from tests.gateways.scripted import ScriptedGateway


@pytest.fixture
def seller() -> User:
    return factories.user(Role.SALES_MANAGER)


def charged(order: SalesOrder, card: PaymentMethod, by: User) -> Attempt:
    paid_with = Instrument(method_id=card.id)
    return collection.collect_first(order.id, pay_with=paid_with, form_key=f"k{order.id}", by=by)


def offered(order: SalesOrder, card: PaymentMethod, by: User) -> dict[str, bool]:
    """Wherever somebody may choose it."""
    end_read()
    db.session.expire_all()
    account = db.session.get_one(Account, order.account_id)
    with current_app.test_request_context():
        known = facts.load(order.number, by)
        return {
            "matrix": queries.matrix(account).rows[0].cells[0].verdict is Verdict.READY,
            "collecting": [x.chargeable for x in collecting.of_first(known).cards] == [True],
            "agreement": "declined" not in dict(agreements_page.cards(account.id))[card.id],
            "coach": not decline.last(known).retry.endswith("cannot work."),  # type: ignore[union-attr]
        }


@pytest.mark.parametrize(
    ("code", "again"),
    [
        *((code, False) for code in ("expired_card", "invalid_account", "pin_try_exceeded", "stolen_card")),
        ("insufficient_funds/confirm_card_data", False),
        ("insufficient_funds", True),
        ("authentication_required", True),
    ],
)
def test_matrix_pickers_and_charges_say_what_the_coach_says(
    gateway: ScriptedGateway, seller: User, code: str, again: bool
) -> None:
    gateway.answers = [code, "ok"]
    order = factories.order(owner=seller)
    card = moves.card(order.account)
    assert charged(order, card, seller).status is AttemptStatus.DECLINED
    assert offered(order, card, seller) == dict.fromkeys(("matrix", "collecting", "agreement", "coach"), again)
    other = factories.order(owner=seller, customer=fresh(order).account)
    if again:
        assert charged(other, card, seller).status is AttemptStatus.SUCCEEDED
    else:
        with pytest.raises(Refusal, match="method_not_usable"):
            charged(other, card, seller)
        assert len(gateway.calls) == 1


def test_what_another_agreement_asks_of_a_refused_card_is_not_charged_either(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "invalid_account")
    other = plans.by_hand(row.account, collection=row.collection, method_id=row.method_id)
    with stories.after(0.1), current_app.test_request_context():
        found = verdict.of(other.id)
    assert (found.live, found.reason) == (False, "The bank declined this card; charging it again cannot work.")


def test_dunning_charges_a_refused_card_again_once_its_bank_renewed_it(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "expired_card")
    with stories.after(1), pytest.raises(Refusal, match="same_card"):
        acting.retry_now(stories.case(row).id, form_key="one", by=factories.user(Role.AR))
    with transaction() as session:
        session.get_one(PaymentMethod, row.method_id).hard_declined_at = None
    gateway.answers = ["ok"]
    with stories.after(1):
        acting.retry_now(stories.case(row).id, form_key="two", by=factories.user(Role.AR))
    assert stories.case(row).status == "recovered" and plans.broken() == []


@pytest.mark.parametrize("decline_first", [True, False])
def test_the_later_of_two_charges_decides_in_whatever_order_their_answers_come(
    gateway: ScriptedGateway, seller: User, decline_first: bool
) -> None:
    gateway.answers = ["expired_card but lost", "ok but lost"]
    one = factories.order(owner=seller)
    card = moves.card(one.account)
    attempts = [charged(one, card, seller), charged(factories.order(owner=seller, customer=one.account), card, seller)]
    for attempt in attempts if decline_first else reversed(attempts):
        charges.ask(attempt.id)
    assert [fresh(x).status for x in attempts] == [AttemptStatus.DECLINED, AttemptStatus.SUCCEEDED]
    assert fresh(card).hard_declined_at is None


def test_a_late_success_does_not_speak_for_a_card_that_was_refused_since(
    gateway: ScriptedGateway, seller: User
) -> None:
    gateway.answers = ["ok but lost", "expired_card"]
    one = factories.order(owner=seller)
    card = moves.card(one.account)
    first = charged(one, card, seller)
    charged(factories.order(owner=seller, customer=one.account), card, seller)
    assert charges.ask(first.id).status is AttemptStatus.SUCCEEDED
    assert fresh(card).hard_declined_at is not None


def test_a_late_decline_says_nothing_of_a_card_that_was_saved_anew(gateway: ScriptedGateway, seller: User) -> None:
    gateway.answers = ["expired_card but lost"]
    order = factories.order(owner=seller)
    card = moves.card(order.account)
    attempt = charged(order, card, seller)
    with transaction() as session:
        session.get_one(PaymentMethod, card.id).tokens[0].token = "tok-anew"
    assert charges.ask(attempt.id).status is AttemptStatus.DECLINED
    assert fresh(card).hard_declined_at is None


@pytest.mark.parametrize("code", ["invalid_amount", "currency_not_supported"])
def test_what_a_card_may_not_pay_once_it_is_still_asked_for_something_else(
    gateway: ScriptedGateway, seller: User, code: str
) -> None:
    gateway.answers = [code, f"{code}/do_not_try_again"]
    order = factories.order(owner=seller)
    card = moves.card(order.account)
    charged(order, card, seller)
    assert fresh(card).hard_declined_at is None
    charged(factories.order(owner=seller, customer=order.account), card, seller)
    assert fresh(card).hard_declined_at is not None
