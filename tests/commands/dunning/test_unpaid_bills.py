"""Stories of periods that nobody paid by invoice, from the first reminder to the end of their policy."""

from __future__ import annotations

import pytest

from app.access import Role
from app.commands.agreements import charging, pausing
from app.commands.dunning import acting
from app.db import end_read, get, transaction
from app.models import (
    Account,
    CollectionMethod,
    Contact,
    Missed,
    PaymentAgreement,
)
from app.states.agreement import AgreementStatus as A
from tests import factories, moves, plans, stories
from tests.gateways.scripted import ScriptedGateway

pytestmark = pytest.mark.usefixtures("app")


def test_whoever_pays_by_invoice_by_now_is_asked_for_money_and_not_for_a_card(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "expired_card")
    end_read()
    with transaction() as session:
        session.get_one(PaymentAgreement, row.id).collection = CollectionMethod.PAYMENT_LINK
    stories.live(3, since=3)
    assert len(stories.mails("card_needed")) == 1 and len(stories.mails("payment_confirm")) == 1
    assert stories.case(row).kind == "authenticate" and stories.case(row).reason == "It is collected by invoice now."
    assert plans.broken() == []


def test_an_unpaid_bill_is_dunned_from_whoever_got_it(gateway: ScriptedGateway) -> None:
    with stories.time_machine.travel("2027-02-14 11:00:00+00:00", tick=False):
        row = plans.by_hand(factories.account())
        books = get(Account, row.account_id).billing_contact_id
        with transaction() as session:
            buyer = Contact(account_id=row.account_id, name="Ben Buyer", email="buyer@keller.example")
            session.add(buyer)
            session.flush()
            session.get_one(PaymentAgreement, row.id).contact_id = buyer.id
        charging.run()
    with stories.after(1):
        charging.fall_behind()
        end_read()
        stories.work()
    (asked,) = stories.mails("payment_confirm")
    assert asked.recipients[0]["address"] == get(Contact, books).email and plans.broken() == []


def test_an_unpaid_invoice_is_told_to_customer_and_owner_and_ends_as_its_policy_says(gateway: ScriptedGateway) -> None:
    with stories.time_machine.travel("2027-02-14 11:00:00+00:00", tick=False):
        row = plans.by_hand()
        charging.run()
        with transaction() as session:
            session.get_one(PaymentAgreement, row.id).method_id = moves.card(get(Account, row.account_id)).id
            session.get_one(PaymentAgreement, row.id).collection = CollectionMethod.SAVED_METHOD  # from the next one on
    with stories.after(1):
        assert charging.fall_behind() == 1
        assert plans.fresh(row).status is A.PAST_DUE
        assert stories.case(row).reason.startswith("The invoice was not paid by its day.")
        end_read()
        stories.work()
    asked, told = stories.mails("payment_confirm"), stories.mails("dunning_notice")
    assert len(asked) == len(told) == 1 and "is still open" in asked[0].subject and asked[0].link_kind == "pay"
    assert "not paid by its day" in told[0].text and told[0].recipients[0]["reason"] == "owner of the agreement"
    stories.live(9, since=2)
    assert stories.told(row) == ["authenticate +0 done", "authenticate +3 done", "stop +7 done"]
    assert plans.fresh(row).status is A.PAUSED and plans.attempts(row) == [] and plans.broken() == []
    with stories.after(12):
        pausing.resume(row.id, missed=Missed.COLLECT, by=factories.user(Role.AR))
        assert stories.told(row)[0] == "authenticate +0 waits" and plans.fresh(row).status is A.PAST_DUE


def test_a_card_charged_for_an_unpaid_bill_is_failed_by_its_answer_alone(gateway: ScriptedGateway) -> None:
    with stories.time_machine.travel("2027-02-14 11:00:00+00:00", tick=False):
        row = plans.by_hand()
        charging.run()
        with transaction() as session:
            session.get_one(PaymentAgreement, row.id).method_id = moves.card(get(Account, row.account_id)).id
            session.get_one(PaymentAgreement, row.id).collection = CollectionMethod.SAVED_METHOD
    gateway.answers = ["insufficient_funds but lost"]
    with stories.after(1):
        assert charging.fall_behind() == 1
        case_id = stories.case(row).id
        end_read()
        acting.retry_now(case_id, form_key="once", by=factories.user(Role.AR))
        assert plans.states(row, 1) == ["collecting"]
        end_read()
        assert charging.fall_behind() == 0 and plans.states(row, 1) == ["collecting"]
        end_read()
    with stories.after(1.01):
        stories.work()
        assert plans.states(row, 1) == ["failed"] and "unds" in stories.case(row).reason
        end_read()
    assert plans.broken() == []
