"""Stories that another card ends, or cannot end: one of the account, a new one, one at another gateway."""

from __future__ import annotations

from datetime import date

import pytest

from app.access import Role
from app.commands.agreements import changes, charging
from app.commands.dunning import acting
from app.commands.routing import gateways
from app.db import end_read, get, transaction
from app.models import (
    Account,
    CollectionMethod,
    PaymentAgreement,
)
from app.queries.dunning import owed
from app.states.agreement import AgreementStatus as A
from app.states.gateway import GatewayEvent as E
from tests import factories, moves, plans, stories
from tests.gateways.scripted import ScriptedGateway

LATER = date(2027, 3, 20)

pytestmark = pytest.mark.usefixtures("app")


def test_a_card_that_expired_is_never_tried_again_and_a_new_one_is_charged_at_once(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "expired_card")
    old = plans.fresh(row).method_id
    assert stories.told(row) == [f"new_method +{day} {x}" for day, x in ((0, "done"), (3, "waits"), (6, "waits"))] + [
        "stop +10 waits"
    ]
    asked = stories.mails("card_needed")
    assert len(asked) == 1 and asked[0].link_kind == "method" and "is charged to it at once" in asked[0].text
    stories.live(4)
    assert len(stories.mails("card_needed")) == 2 and len(plans.attempts(row)) == 1
    gateway.answers = ["ok"]
    with stories.after(5):
        stories.give_card()
        stories.work()
    assert stories.case(row).status == "recovered" and plans.fresh(row).status is A.ACTIVE
    assert plans.fresh(row).method_id != old and plans.fresh(row).version == 2
    assert plans.states(row, 1) == ["paid"] and plans.attempts(row)[-1].method_id == plans.fresh(row).method_id
    assert plans.broken() == []


def test_a_new_card_without_funds_is_tried_again_by_its_own_class(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "expired_card")
    gateway.answers = ["ok", "insufficient_funds"]
    with stories.after(2):
        stories.give_card()
        stories.work()
    assert [x for x in stories.told(row) if x.endswith("waits")] == [
        *(f"retry +{day} waits" for day in (3, 5, 7, 9)),
        "stop +12 waits",
    ]
    gateway.answers = ["ok"]
    stories.live(4, since=3)
    assert stories.case(row).status == "recovered" and plans.broken() == []


def by_invoice(row: PaymentAgreement) -> None:
    owner, row = factories.user(Role.AR), plans.fresh(row)
    wanted = changes.Change(CollectionMethod.PAYMENT_LINK, None)
    changes.change(row.id, wanted, version=row.version, because="They pay by transfer now", by=owner)


def test_a_link_from_before_puts_no_agreement_back_on_card_that_is_invoiced_by_now(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "expired_card")
    with stories.after(1):
        by_invoice(row)
    gateway.answers = ["ok", "ok"]
    with stories.after(2):
        stories.give_card()
        stories.work()
    row = plans.fresh(row)
    assert (row.collection, row.method_id) == (CollectionMethod.PAYMENT_LINK, None)
    assert len(plans.attempts(row)) == 1 and stories.case(row).status == "open" and plans.broken() == []


def test_a_card_that_staff_ask_for_since_is_taken_though_it_is_invoiced(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "expired_card")
    with stories.after(1):
        by_invoice(row)
    with stories.after(2):
        acting.ask_for_card(stories.case(row).id, form_key="ask", by=factories.user(Role.AR))
        stories.work()
    gateway.answers = ["ok", "ok"]
    with stories.after(3):
        stories.give_card()
        stories.work()
    assert plans.fresh(row).collection is CollectionMethod.SAVED_METHOD
    assert stories.case(row).status == "recovered" and plans.broken() == []


def test_another_card_of_the_account_may_be_charged_where_the_declined_one_may_not(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "expired_card")
    end_read()
    with transaction() as session:
        other = moves.card(get(Account, row.account_id), brand="Mastercard")
        session.get_one(PaymentAgreement, row.id).method_id = other.id
    gateway.answers = ["ok"]
    with stories.after(1):
        acting.retry_now(stories.case(row).id, form_key="again", by=factories.user(Role.AR))
    assert stories.case(row).status == "recovered" and plans.broken() == []


def test_the_mail_names_the_card_that_was_declined(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "expired_card")
    declined = plans.fresh(row).method.label
    end_read()
    with transaction() as session:
        other = moves.card(get(Account, row.account_id), brand="Mastercard")
        session.get_one(PaymentAgreement, row.id).method_id = other.id
    stories.live(11)
    texts = [mail.text for mail in stories.mails("card_needed")]
    assert len(texts) > 1 and all(declined in text and "Mastercard" not in text for text in texts)


def test_a_card_that_is_off_file_by_then_is_asked_for_instead(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    plans.lose_card(plans.fresh(row))
    stories.live(1)
    assert stories.case(row).kind == "new_method" and stories.case(row).reason == "This card was taken off file."
    assert len(stories.mails("card_needed")) == 1 and len(plans.attempts(row)) == 1 and plans.broken() == []


def test_a_card_known_to_be_dead_asks_for_another_on_its_day_and_the_others_on_it_take_that_one(
    gateway: ScriptedGateway,
) -> None:
    gateway.answers = ["ok"]
    with stories.time_machine.travel(stories.BEGIN, tick=False):
        row = plans.by_order()
        dead = plans.fresh(row).method_id
        account = get(Account, row.account_id)
        other = plans.by_hand(account, collection=CollectionMethod.SAVED_METHOD, method_id=dead, starts_on=LATER)
        good = plans.by_hand(account, card=True, starts_on=LATER)
        kept = good.method_id
        plans.lose_card(plans.fresh(row))
    with stories.after(0):
        assert charging.run() == 0
        stories.work()
    assert stories.told(row)[:2] == ["new_method +0 done", "new_method +3 waits"]
    assert stories.case(row).reason == "This card was taken off file. Ask the customer for another card."
    asked, told = stories.mails("card_needed"), stories.mails("dunning_notice")
    assert len(asked) == len(told) == 1 and asked[0].link_kind == "method" and "taken off file" in told[0].text
    with stories.after(1):
        awaited = owed.awaited_by(row.account_id, moves.first_gateway().id)
        assert [x.number for x in awaited.owed] == [row.number]
        assert [x.number for x in awaited.cardless] == [other.number]
        assert f"and under {other.number}." in owed.consent("We", awaited)
        end_read()
        stories.give_card()
        stories.work()
    assert stories.case(row).status == "recovered" and plans.states(row, 1) == ["paid"]
    assert plans.fresh(row).method_id == plans.fresh(other).method_id != dead and plans.fresh(good).method_id == kept
    assert plans.fresh(other).version == 2 and plans.broken() == []


def test_a_card_at_another_gateway_takes_nothing_that_it_cannot_be_charged_with(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "expired_card")
    end_read()
    card = plans.fresh(row).method_id
    elsewhere = moves.route(moves.gateway().id)
    with stories.after(1):
        account = get(Account, row.account_id)
        cardless = plans.by_hand(account, collection=CollectionMethod.SAVED_METHOD, method_id=card, starts_on=LATER)
        assert owed.awaited_by(row.account_id, elsewhere.gateway_id) == owed.Awaited()
        asked_id, gateway.answers = moves.asked(account, elsewhere).id, ["ok"]
        stories.give_card()
        stories.work()
        assert not owed.charged_with(asked_id)
    assert plans.fresh(row).method_id == plans.fresh(cardless).method_id == card
    stories.live(12, since=2)
    assert stories.told(row)[-1].endswith(" done") and plans.fresh(row).status is A.PAUSED and plans.broken() == []


@pytest.mark.parametrize(
    ("until", "says"), [(date(2027, 2, 28), "charged running agreements until"), (None, "charges nothing new")]
)
@pytest.mark.parametrize("reason", ["insufficient_funds", "expired_card"])
def test_a_gateway_that_charges_nothing_any_more_leaves_the_policy_its_course(
    gateway: ScriptedGateway, reason: str, until: date | None, says: str
) -> None:
    row = stories.declined(gateway, reason)
    end_read()
    gateways.move(moves.first_gateway().id, E.DEPRECATE, because="Moving", legacy_until=until, by=moves.admin())
    stories.live(14, since=2)
    assert plans.fresh(row).status is A.PAUSED
    assert len(plans.attempts(row)) == 1 and plans.broken() == []
    assert any(says in mail.text or "takes no new business" in mail.text for mail in stories.mails("dunning_notice"))


@pytest.mark.parametrize(
    ("reason", "then"),
    [("insufficient_funds", "retry"), ("expired_card", "new_method"), ("authentication_required", "authenticate")],
)
def test_a_gateway_that_is_down_is_waited_for(gateway: ScriptedGateway, reason: str, then: str) -> None:
    row = stories.declined(gateway, reason)
    end_read()
    gateways.move(moves.first_gateway().id, E.SUSPEND, because="Down", by=moves.admin())
    stories.live(14)
    first = next(step for step in stories.case(row).steps if step.done_at is None)
    assert first.waits and "is unavailable at the moment" in first.note and stories.case(row).status == "open"
    with stories.after(15):
        gateways.move(moves.first_gateway().id, E.ACTIVATE, because="Up", by=moves.admin())
        stories.work()
    told = stories.told(row)[first.position - 1]
    assert told.startswith(f"{then} +") and told.endswith(" done")


def test_a_card_that_is_brought_over_by_nobody_leaves_the_policy_its_course(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    end_read()
    other = moves.card(get(Account, row.account_id), moves.gateway().id)
    with transaction() as session:
        session.get_one(PaymentAgreement, row.id).method_id = other.id
    stories.live(2)
    assert stories.case(row).steps[0].waits and "another gateway" in stories.case(row).steps[0].note
    stories.live(11, since=3)
    assert plans.fresh(row).status is A.PAUSED and len(plans.attempts(row)) == 1
    assert "another gateway" in stories.mails("dunning_notice")[1].text and plans.broken() == []
