"""Whole stories of declined periods, by the class of the decline, with time that goes by: recovered, paused, cancelled,
stopped, waived."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app import links, settings
from app.access import Role
from app.commands.agreements import charging, ending, pausing
from app.commands.dunning import acting, cases, policies
from app.commands.payments import charges
from app.commands.payments.charges import Instrument
from app.commands.post import email_settings
from app.commands.receivables import credit_notes, offline, write_offs
from app.db import db, end_read, get, transaction
from app.errors import Refusal
from app.mail import dunning_kinds
from app.mail.policy import Setting
from app.models import (
    SYSTEM,
    Account,
    Actor,
    Contact,
    Invoice,
    Missed,
    OrderEmail,
    PaymentAgreement,
    PaymentIntent,
    Subscription,
)
from app.states.agreement import AgreementStatus as A
from app.states.dunning import STANDARD, Plan
from app.states.subscription import SubscriptionStatus
from tests import factories, ledgers, moves, plans, stories
from tests.commands.collecting import switch
from tests.gateways.scripted import ScriptedGateway

pytestmark = pytest.mark.usefixtures("app")


def subscribed() -> SubscriptionStatus:
    return db.session.scalars(select(Subscription.status)).one()


def put_under(row: PaymentAgreement, plan: Plan) -> None:
    policy = policies.save(None, "Strict", plan, by=factories.user(Role.ADMIN))
    policies.choose(row.id, policy.id, by=factories.user(Role.AR))


def standard(**changes: object) -> Plan:
    return Plan.from_dict(STANDARD.as_dict() | changes)


def test_no_funds_is_tried_again_on_its_days_and_recovered(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    assert stories.told(row) == [f"retry +{day} waits" for day in (1, 3, 5, 7)] + ["stop +10 waits"]
    assert plans.fresh(row).status is A.PAST_DUE and subscribed() is SubscriptionStatus.ACTIVE
    stories.live(2)
    assert stories.told(row)[:2] == ["retry +1 done", "retry +3 waits"] and plans.states(row, 1) == ["failed"]
    gateway.answers = ["ok"]
    stories.live(3, since=3)
    assert stories.case(row).status == "recovered" and plans.fresh(row).status is A.ACTIVE
    assert stories.told(row)[1:] == ["retry +3 done", "retry +5 dropped", "retry +7 dropped", "stop +10 dropped"]
    assert plans.states(row, 2) == ["paid", "scheduled"] and len(plans.attempts(row)) == 3
    assert len({x.payment_order_id for x in plans.attempts(row)}) == 1 and plans.broken() == []


def test_each_retry_is_told_ahead_once_with_a_link_that_no_retry_ends(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    stories.live(3)
    ahead = stories.mails("payment_retry")
    assert [d for x in ahead for d in [x.text.split("again on ")[1][:10]]] == ["1 Mar 2027", "3 Mar 2027", "5 Mar 2027"]
    assert "not enough funds" in ahead[0].text and "€291.55" in ahead[0].subject and links.PLACEHOLDER in ahead[0].html
    assert len({x.link_public_id for x in ahead}) == 1
    notices = stories.mails("dunning_notice")
    assert len(notices) == 1 and f"/agreements/{row.number}" in notices[0].text
    link = db.session.scalars(select(PaymentIntent).where(PaymentIntent.public_id == ahead[0].link_public_id)).one()
    assert link.status == "live"
    end_read()
    with stories.after(4):
        gateway.answers = ["ok"]
        by = Actor.customer("Maria Keller")
        card = Instrument(alias="card-ok", label="Visa ending 1111")
        charges.execute(charges.start(link.id, pay_with=card, form_key="paid", by=by).id)
    assert stories.case(row).status == "recovered" and plans.fresh(row).status is A.ACTIVE
    stories.live(12, since=5)
    assert len(plans.attempts(row)) == 4 and plans.broken() == []


def test_without_a_payment_the_policy_ends_in_a_pause_with_its_subscription(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    stories.live(11)
    assert stories.case(row).status == "paused" and plans.fresh(row).status is A.PAUSED
    assert subscribed() is SubscriptionStatus.PAUSED and len(plans.attempts(row)) == 5
    goodbye = stories.mails("plan_stopped")
    assert len(goodbye) == 1 and "is paused" in goodbye[0].subject
    assert "Agreement and subscription are paused." in stories.mails("dunning_notice")[-1].text
    stories.live(20, since=12)
    assert len(plans.attempts(row)) == 5 and plans.broken() == []
    with stories.after(21):
        pausing.resume(row.id, missed=Missed.COLLECT, by=factories.user(Role.AR))
        assert plans.fresh(row).status is A.PAST_DUE and stories.told(row)[0] == "retry +1 waits"
        pausing.pause(row.id, until=None, missed=Missed.SKIP, because="Asked", by=factories.user(Role.AR))
        assert stories.case(row).status == "paused" and plans.broken() == []


def test_a_policy_may_end_in_a_cancellation(gateway: ScriptedGateway) -> None:
    with stories.time_machine.travel(stories.BEGIN, tick=False):
        row = plans.by_order()
        put_under(row, standard(ending="cancel"))
    stories.declined(gateway, "insufficient_funds", row)
    stories.live(11)
    assert stories.case(row).status == "cancelled" and plans.fresh(row).status is A.CANCELLED
    assert subscribed() is SubscriptionStatus.ENDED and plans.states(row, 2) == ["cancelled", "cancelled"]
    assert "has ended" in stories.mails("plan_stopped")[0].subject and plans.broken() == []


def test_a_policy_may_leave_it_to_people_and_wait_before_past_due(gateway: ScriptedGateway) -> None:
    with stories.time_machine.travel(stories.BEGIN, tick=False):
        row = plans.by_order()
        put_under(row, standard(ending="leave", past_due_after=4))
    stories.declined(gateway, "insufficient_funds", row)
    stories.live(3)
    assert plans.fresh(row).status is A.ACTIVE and stories.told(row)[0] == "past_due +4 waits"
    stories.live(4, since=4)
    assert plans.fresh(row).status is A.PAST_DUE
    stories.live(11, since=5)
    assert stories.case(row).status == "stopped" and plans.fresh(row).status is A.PAST_DUE
    assert plans.broken() == []


def test_a_story_ends_under_the_policy_it_began_under(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    admin = factories.user(Role.ADMIN)
    policy_id = stories.case(row).policy_version.policy_id
    end_read()
    policies.save(policy_id, "Standard", standard(ending="cancel"), by=admin, version=1)
    stories.live(11)
    assert stories.case(row).status == "paused" and stories.case(row).policy_version.version == 1


def test_a_confirmation_is_asked_for_by_mail_and_never_retried(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "authentication_required")
    assert stories.told(row) == ["authenticate +0 done", "authenticate +3 waits", "stop +7 waits"]
    stories.live(4)
    asked = stories.mails("payment_confirm")
    assert len(asked) == 2 and len(plans.attempts(row)) == 1 and "your bank then asks" in asked[0].text
    stories.live(8, since=5)
    assert stories.case(row).status == "paused" and len(plans.attempts(row)) == 1 and plans.broken() == []


def test_a_question_nobody_answered_asks_for_the_confirmation(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "challenge")
    with stories.after(0.1):
        stories.work()
        stories.work()
    assert stories.case(row).kind == "authenticate" and "did not confirm" in stories.case(row).reason
    assert len(stories.mails("payment_confirm")) == 1


@pytest.mark.parametrize("code", ["stolen_card", "nobody_knows"])
def test_a_stopped_card_is_never_charged_again_and_its_customer_not_told_why(
    gateway: ScriptedGateway, code: str
) -> None:
    row = stories.declined(gateway, code)
    with stories.after(1), pytest.raises(Refusal, match="same_card"):
        acting.retry_now(stories.case(row).id, form_key="again", by=factories.user(Role.AR))
    stories.live(11)
    assert len(plans.attempts(row)) == 1 and stories.case(row).status == "paused"
    for mail in [*stories.mails("card_needed"), *stories.mails("plan_stopped")]:
        assert not [x for x in ("stolen", "lost", "fraud") if x in mail.text.lower()]
    assert "card_needed" in {x.kind for x in stories.mails("card_needed")} and plans.broken() == []


def test_a_decline_without_a_reason_is_retried_twice_and_then_asks_for_a_card(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "do_not_honor")
    assert [x.split(" ")[0] for x in stories.told(row)] == ["retry", "retry", "new_method", "new_method", "stop"]


def test_a_retry_declined_without_a_reason_leaves_one_more_and_then_asks_for_a_card(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    gateway.answers = ["do_not_honor"]
    stories.live(1)
    assert [x.split(" ")[0] for x in stories.told(row)] == ["retry", "retry", "new_method", "new_method", "stop"]


def test_a_revoked_permission_ends_the_story_with_the_pause_of_the_plan(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "revocation_of_authorization")
    assert stories.case(row).status == "paused" and plans.fresh(row).status is A.PAUSED
    assert [x.rsplit(" ", 1)[1] for x in stories.told(row)] == ["dropped"] * 3 + ["done"] and plans.broken() == []
    stories.live(2)
    goodbye, notice = stories.mails("plan_stopped"), stories.mails("dunning_notice")
    assert len(goodbye) == len(notice) == 1 and goodbye[0].link_kind == "pay"
    assert "is paused" in goodbye[0].subject and "withdrew" not in goodbye[0].text
    assert "withdrew the permission" in notice[0].text and "Agreement and subscription are paused." in notice[0].text


def test_of_a_revoked_permission_the_owner_hears_where_the_customer_cannot(gateway: ScriptedGateway) -> None:
    gateway.answers = ["ok"]
    with stories.time_machine.travel(stories.BEGIN, tick=False):
        row = plans.by_order()
        with transaction() as session:
            session.get_one(Contact, row.contact_id).email = "nowhere"
    stories.declined(gateway, "stop_payment_order", row)
    assert stories.mails("plan_stopped") == [] and len(stories.mails("dunning_notice")) == 1
    assert "no address" in stories.case(row).steps[-1].note


def test_another_kind_of_decline_replaces_what_was_planned(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    gateway.answers = ["expired_card"]
    stories.live(1)
    assert stories.case(row).kind == "new_method" and len(stories.mails("card_needed")) == 1
    assert [x for x in stories.told(row) if x.startswith("retry")] == [
        "retry +1 done",
        *(f"retry +{day} dropped" for day in (3, 5, 7)),
    ]


def test_a_plan_that_goes_on_with_a_period_never_charged_begins_its_story_anew(gateway: ScriptedGateway) -> None:
    gateway.answers = ["ok"]
    with stories.time_machine.travel(stories.BEGIN, tick=False):
        row = plans.by_order()
        plans.lose_card(row)
    with stories.after(0):
        charging.run()
    with stories.after(1):
        pause(row)
        with transaction() as session:
            other = moves.card(get(Account, row.account_id))
            session.get_one(PaymentAgreement, row.id).method_id = other.id
        pausing.resume(row.id, missed=Missed.COLLECT, by=factories.user(Role.AR))
        assert plans.fresh(row).status is A.PAST_DUE and stories.told(row)[0] == "retry +0 waits"
        end_read()
        stories.work()
    assert stories.case(row).status == "recovered" and plans.broken() == []
    assert stories.mails("payment_retry") == [] == stories.mails("dunning_notice")


def test_a_gateway_out_of_reach_is_asked_again_in_an_hour_and_costs_no_step(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    gateway.answers = ["lost before"]
    stories.live(1)
    assert plans.states(row, 1) == ["collecting"]
    with stories.after(1.05):
        stories.work()  # too late to send it again: it is known not to have been charged
    assert plans.states(row, 1) == ["failed"] and [x for x in stories.told(row) if x.endswith("waits")][-1].startswith(
        "retry +1"
    )
    gateway.answers = ["ok"]
    with stories.after(1.2):
        stories.work()
    assert stories.case(row).status == "recovered" and plans.broken() == []


def test_days_of_standstill_put_off_what_follows(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    with stories.after(6):
        stories.work()
        stories.work()
    assert stories.told(row) == [
        "retry +1 done",
        *(f"retry +{day} waits" for day in (8, 10, 12)),
        "stop +15 waits",
    ]
    assert len(plans.attempts(row)) == 2


def by_cash(bill: Invoice) -> None:
    offline.for_invoice(bill.id, ledgers.came(bill.gross), form_key="cash", by=factories.user(Role.AR))


def by_credit(bill: Invoice) -> None:
    with transaction() as session:
        credit_notes.cancel(session.get_one(Invoice, bill.id), note="Given up", by=SYSTEM)


def by_write_off(bill: Invoice) -> None:
    write_offs.write_off(bill.id, because="Uncollectable", form_key="w", by=factories.user(Role.ADMIN))


@pytest.mark.parametrize(
    ("settle", "status"), [(by_cash, "recovered"), (by_credit, "waived"), (by_write_off, "waived")]
)
def test_however_the_bill_is_settled_the_story_is_over(gateway: ScriptedGateway, settle: object, status: str) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    bill = db.session.get_one(Invoice, plans.payments(row)[0].invoice_id)
    end_read()
    with stories.after(2):
        settle(bill)  # type: ignore[operator]
    assert stories.case(row).status == status and plans.fresh(row).status is A.ACTIVE
    stories.live(12, since=3)
    assert len(plans.attempts(row)) == 1 and plans.broken() == []


def pause(row: PaymentAgreement) -> None:
    pausing.pause(row.id, until=None, missed=Missed.SKIP, because="Asked", by=factories.user(Role.AR))


def cancel(row: PaymentAgreement) -> None:
    ending.cancel(row.id, at_period_end=False, because="Asked", by=factories.user(Role.AR))


def stop(row: PaymentAgreement) -> None:
    acting.stop(stories.case(row).id, because="They pay by wire", by=factories.user(Role.AR))


@pytest.mark.parametrize(("end", "status"), [(pause, "paused"), (cancel, "cancelled"), (stop, "stopped")])
def test_people_end_a_story(gateway: ScriptedGateway, end: object, status: str) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    with stories.after(0.5):
        end(row)  # type: ignore[operator]
    stories.live(12, since=1)
    assert stories.case(row).status == status and len(plans.attempts(row)) == 1 and plans.broken() == []


def test_retry_now_charges_once_and_says_what_came_of_it(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    case_id, ar = stories.case(row).id, factories.user(Role.AR)
    end_read()
    with stories.after(0.5):
        first = acting.retry_now(case_id, form_key="once", by=ar)
        again = acting.retry_now(case_id, form_key="once", by=ar)
        assert first is not None and again is not None and first.id == again.id and first.status == "declined"
        stories.work()
        assert len(plans.attempts(row)) == 2 and "retry +1 waits" in stories.told(row)
        gateway.answers = ["ok"]
        assert acting.retry_now(case_id, form_key="twice", by=ar)
    assert stories.case(row).status == "recovered" and plans.broken() == []
    with pytest.raises(Refusal, match="over"):
        acting.stop(case_id, because="x", by=ar)
    with pytest.raises(Refusal, match="not_permitted"):
        acting.stop(case_id, because="x", by=factories.user(Role.SALESPERSON))


def test_what_cannot_be_done_says_why_and_waits(gateway: ScriptedGateway) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    switch(settings.RECURRING, False)
    stories.live(2)
    waiting = stories.case(row).steps[0]
    assert waiting.waits and waiting.note == "Not live: Recurring payments are switched off."
    assert len(plans.attempts(row)) == 1
    end_read()
    switch(settings.RECURRING, True)
    stories.live(3, since=3)
    assert len(plans.attempts(row)) == 2 and plans.broken() == []


def test_what_is_wrong_with_a_story_is_told(gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stories.declined(gateway, "insufficient_funds")
    monkeypatch.setattr(cases, "settled", lambda *args, **kwargs: None)
    by_cash(db.session.get_one(Invoice, plans.payments(row)[0].invoice_id))
    assert plans.broken() == [f"18: {row.number}: dunning for period 2 goes on, and nothing is to be collected"]


@pytest.mark.parametrize("is_on", [True, False])
def test_mails_that_settings_switch_off_are_not_sent(gateway: ScriptedGateway, is_on: bool) -> None:
    kinds = {dunning_kinds.PaymentRetry.kind, dunning_kinds.DunningNotice.kind}
    for kind in kinds:
        email_settings.save(kind, Setting(is_on=is_on), by=factories.user(Role.ADMIN))
    stories.declined(gateway, "insufficient_funds")
    assert kinds & set(db.session.scalars(select(OrderEmail.kind))) == (kinds if is_on else set())
