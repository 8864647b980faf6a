"""Pausing, resuming, cancelling, changing and ending: agreement, schedule and subscription move together."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app.access import Role
from app.commands.agreements import changes, charging, ending, pausing
from app.commands.agreements.changes import Change
from app.commands.orders import activation
from app.db import db, transaction
from app.errors import Refusal, StaleVersion
from app.models import (
    SYSTEM,
    AgreementVersion,
    Audit,
    CollectionMethod,
    Document,
    Frequency,
    Invoice,
    Missed,
    PaymentAgreement,
    Proration,
    Renewal,
    Subscription,
    User,
)
from app.queries.agreements import verdict
from app.states.agreement import AgreementStatus as A
from app.states.subscription import SubscriptionEvent
from app.states.subscription import SubscriptionStatus as S
from tests import factories, moves, plans
from tests.gateways.scripted import ScriptedGateway
from tests.plans import at

pytestmark = pytest.mark.usefixtures("in_january")


@pytest.fixture
def by(app: Flask) -> User:
    return factories.user(Role.BILLING)


def subscription(row: PaymentAgreement) -> Subscription:
    db.session.expire_all()
    return db.session.scalars(select(Subscription).where(Subscription.agreement_id == row.id)).one()


def audited(row: PaymentAgreement) -> list[str]:
    query = select(Audit.action).where(Audit.subject == row.number).order_by(Audit.id)
    return [action.removeprefix("agreement.") for action in db.session.scalars(query)]


@pytest.mark.parametrize(
    ("missed", "then"), [(Missed.SKIP, ["skipped", "scheduled"]), (Missed.COLLECT, ["paid", "scheduled"])]
)
def test_a_pause_holds_everything_and_its_day_takes_it_up_again(
    gateway: ScriptedGateway, by: User, missed: Missed, then: list[str]
) -> None:
    row = plans.by_order()
    pausing.pause(row.id, until=date(2027, 3, 15), missed=missed, because="Holidays", by=by)
    assert plans.fresh(row).status is A.PAUSED and subscription(row).status is S.PAUSED
    assert verdict.of(row.id).reason == "The agreement is paused."
    with at("03-14"):
        assert (pausing.resume_due(), charging.run()) == (0, 0)
    with at("03-15"):
        assert pausing.resume_due() == 1 and plans.fresh(row).status is A.ACTIVE
        assert subscription(row).status is S.ACTIVE and verdict.of(row.id).live
        charging.run()
        assert plans.states(row, 2) == then and plans.days(row)[1] == date(2027, 3, 31)
    assert audited(row) == ["create", "activate", "pause", "resume"] and plans.broken() == []


def test_a_pause_before_the_first_day_holds_what_would_begin(gateway: ScriptedGateway, by: User) -> None:
    row = plans.by_order(start_date=date(2027, 2, 5))
    pausing.pause(row.id, until=None, missed=Missed.SKIP, because="The ward is not ready", by=by)
    with at("02-05"):
        activation.start_due()
        assert subscription(row).status is S.SCHEDULED and plans.broken() == []
    with at("02-08"):
        pausing.resume(row.id, missed=Missed.SKIP, by=by)
        assert subscription(row).status is S.ACTIVE and plans.fresh(row).status is A.ACTIVE
        assert plans.broken() == []
        with transaction():
            subscription(row).transition(SubscriptionEvent.PAUSE, by=SYSTEM)
        assert [f"{row.number} is active, and its" in x for x in plans.broken()] == [True]


def test_what_had_failed_before_a_pause_is_still_past_due_after_it(gateway: ScriptedGateway, by: User) -> None:
    row = plans.by_order()
    gateway.answers = ["insufficient_funds"]
    with at("02-28"):
        charging.run()
        pausing.pause(row.id, until=None, missed=Missed.COLLECT, because="Asked", by=by)
        pausing.resume(row.id, missed=Missed.COLLECT, by=by)
        assert plans.fresh(row).status is A.PAST_DUE and plans.states(row, 1) == ["failed"]
        pausing.pause(row.id, until=None, missed=Missed.COLLECT, because="Asked", by=by)
        pausing.resume(row.id, missed=Missed.SKIP, by=by)
        assert plans.fresh(row).status is A.PAST_DUE and plans.states(row, 1) == ["failed"]
        pausing.pause(row.id, until=None, missed=Missed.COLLECT, because="Asked", by=by)
        pausing.resume(row.id, missed=Missed.SKIP, give_up=True, by=by)
        assert plans.fresh(row).status is A.ACTIVE and plans.states(row, 1) == ["skipped"]


def test_cancelled_now_nothing_is_left_to_charge(gateway: ScriptedGateway, by: User) -> None:
    row = plans.by_order()
    ending.cancel(row.id, at_period_end=False, because="Closing down", by=by)
    assert plans.fresh(row).status is A.CANCELLED and subscription(row).status is S.ENDED
    assert set(plans.states(row, 12)) == {"cancelled"}
    with pytest.raises(Refusal, match="not_running"):
        ending.cancel(row.id, at_period_end=False, because="Again", by=by)


def test_cancelled_at_the_periods_end_it_is_supplied_until_then(gateway: ScriptedGateway, by: User) -> None:
    row = plans.by_order()
    with at("02-28"):
        charging.run()
        ending.cancel(row.id, at_period_end=True, because="Closing down", by=by)
        assert plans.fresh(row).cancels_on == date(2027, 3, 30) and plans.fresh(row).status is A.ACTIVE
        assert plans.states(row) == ["paid", "cancelled", "cancelled"] and subscription(row).status is S.ACTIVE
        found = verdict.of(row.id)
        assert not found.live and "It ends on" in found.reason
    with at("03-30"):
        assert ending.keep_going() == 0
    with at("03-31"):
        assert ending.keep_going() == 1 and plans.fresh(row).status is A.CANCELLED
        assert subscription(row).status is S.ENDED and plans.broken() == []


def newest_version(row: PaymentAgreement) -> AgreementVersion:
    mine = select(AgreementVersion).where(AgreementVersion.agreement_id == row.id)
    return db.session.scalars(mine.order_by(AgreementVersion.version.desc())).first()  # type: ignore[return-value]


def test_a_term_is_completed_once_all_of_it_is_paid(gateway: ScriptedGateway) -> None:
    row = plans.by_order(term_months=2)
    with at("04-01"):
        assert ending.keep_going() == 0  # period 2 is not collected yet
        charging.run()
        assert ending.keep_going() == 1
    assert plans.fresh(row).status is A.COMPLETED and subscription(row).status is S.ENDED
    kept = json.loads(newest_version(row).content)
    assert (kept["version"], kept["status"], newest_version(row).reason) == (2, "completed", "The term is over")
    paper = db.session.query(Document).filter_by(filename=f"{row.number}-v2.pdf").one()
    assert paper.data["agreement"]["status"] == "completed" and plans.broken() == []


def test_a_term_that_renews_itself_goes_on(gateway: ScriptedGateway) -> None:
    row = plans.by_order(term_months=2, renewal=Renewal.AUTO)
    assert len(plans.payments(row)) == 1
    with at("03-15"):
        assert ending.keep_going() == 1
        assert plans.fresh(row).ends_on == date(2027, 5, 30)
        assert [x.period for x in plans.payments(row)] == [2, 3, 4] and subscription(row).ends_on == date(2027, 5, 30)
        assert verdict.of(row.id).live and ending.keep_going() == 0
    assert plans.broken() == []


def test_a_term_that_renews_itself_goes_on_while_a_bill_is_past_due_as_it_is_billed_on(app: Flask) -> None:
    with time_machine.travel("2027-01-31 10:00:00+00:00", tick=False):
        row = plans.by_hand(starts_on=date(2027, 2, 1), ends_on=date(2027, 3, 31))
        with transaction():
            kept = plans.fresh(row)
            kept.renewal, kept.term_months = Renewal.AUTO, 2
    with at("02-01"):
        assert charging.run() == 1
    with at("03-15"):
        assert charging.run() == 1 and charging.fall_behind() == 1 and plans.fresh(row).status is A.PAST_DUE
        assert ending.keep_going() == 1 and plans.fresh(row).ends_on == date(2027, 5, 31)
    with at("04-01"):
        assert charging.run() == 1 and plans.broken() == []


def test_a_pause_may_outlast_a_term_that_renews_itself(gateway: ScriptedGateway, by: User) -> None:
    row, ended = plans.by_order(term_months=2, renewal=Renewal.AUTO), plans.by_order(term_months=2)
    until = date(2027, 7, 15)
    with pytest.raises(Refusal, match="until_after_end"):
        pausing.pause(ended.id, until=until, missed=Missed.SKIP, because="Rebuilding", by=by)
    pausing.pause(row.id, until=until, missed=Missed.SKIP, because="Rebuilding", by=by)
    with at("07-15"):
        assert pausing.resume_due() == 1
        assert plans.fresh(row).ends_on == date(2027, 7, 30) and subscription(row).ends_on == date(2027, 7, 30)
        assert plans.states(row, 9) == ["skipped"] * 5
        ending.keep_going()
        assert plans.fresh(row).status is A.ACTIVE and plans.fresh(row).ends_on == date(2027, 9, 29)
        assert charging.run() == 1  # of the other one
        assert verdict.of(row.id).live and plans.broken() == []


def test_what_a_cut_period_costs_can_be_changed(gateway: ScriptedGateway, by: User) -> None:
    row = plans.by_hand(ends_on=date(2027, 3, 10))
    wanted = Change(row.collection, proration=Proration.DAILY)
    changes.change(row.id, wanted, version=1, because="", by=by)
    assert [x.amount for x in plans.payments(row)] == [11900, 4223] and plans.fresh(row).version == 2


def test_terms_that_renew_themselves_do_not_drift_from_the_31st(gateway: ScriptedGateway) -> None:
    row = plans.by_order(term_months=1, renewal=Renewal.AUTO)
    ends = [plans.fresh(row).ends_on]
    for day in ("02-20", "03-20", "04-20"):
        with at(day):
            charging.run()
            ending.keep_going()
            ends.append(plans.fresh(row).ends_on)
    assert ends == [date(2027, 2, 27), date(2027, 3, 30), date(2027, 4, 29), date(2027, 5, 30)]


def test_a_change_takes_effect_with_the_next_period_and_is_a_new_version(gateway: ScriptedGateway, by: User) -> None:
    row = plans.by_order()
    other = moves.card(row.account)
    with at("02-28"):
        charging.run()
        line = plans.fresh(row).lines[0]
        wanted = Change(CollectionMethod.SAVED_METHOD, other.id, {line.id: (Decimal(5), Decimal("30.5"))})
        changes.change(row.id, wanted, version=1, because="Fewer seats", by=by)
        amounts = [x.amount for x in plans.payments(row)[:3]]
        assert amounts == [29155, 18148, 18148] and plans.fresh(row).method_id == other.id
    with at("03-31"):
        charging.run()
    assert gateway.calls[-1].amount.minor == 18148 and gateway.calls[-1].token == other.tokens[0].token
    bills = db.session.scalars(select(Invoice.gross).where(Invoice.order_id.is_(None)).order_by(Invoice.id)).all()
    assert bills == [29155, 18148]
    versions = db.session.scalars(select(AgreementVersion).order_by(AgreementVersion.version)).all()
    assert [x.version for x in versions] == [1, 2] and versions[1].reason == "Fewer seats"
    assert "change" in audited(row) and plans.broken() == []


def test_a_later_day_moves_what_follows_and_no_day_is_asked_for_twice(gateway: ScriptedGateway, by: User) -> None:
    row = plans.by_order()
    same = Change(row.collection, row.method_id, next_on=date(2027, 2, 27))
    with pytest.raises(Refusal, match="day_too_early"):
        changes.change(row.id, same, version=1, because="", by=by)
    moved = Change(row.collection, row.method_id, next_on=date(2027, 3, 15))
    changes.change(row.id, moved, version=1, because="Salary day", by=by)
    assert plans.days(row)[:3] == [date(2027, 3, 15), date(2027, 4, 15), date(2027, 5, 15)]
    assert plans.payments(row)[0].period == 2 and plans.broken() == []


def test_a_day_after_the_end_is_refused_and_a_period_moved_out_of_the_term_comes_with_the_next(
    gateway: ScriptedGateway, by: User
) -> None:
    row = plans.by_order(term_months=3, renewal=Renewal.AUTO)  # to 29 April
    with pytest.raises(Refusal, match="after_the_end"):
        late = Change(row.collection, row.method_id, next_on=date(2027, 4, 30))
        changes.change(row.id, late, version=1, because="", by=by)
    moved = Change(row.collection, row.method_id, next_on=date(2027, 4, 10))
    changes.change(row.id, moved, version=1, because="", by=by)
    assert plans.days(row) == [date(2027, 4, 10)]  # the one of 10 May lies behind the end
    with at("04-10"):
        charging.run()
        ending.keep_going()
        assert plans.days(row)[:3] == [date(2027, 4, 10), date(2027, 5, 10), date(2027, 6, 10)]
        assert [x.period for x in plans.payments(row)][:3] == [2, 3, 4] and plans.broken() == []


def test_a_draft_is_changed_with_its_first_payment(app: Flask, by: User) -> None:
    row = plans.by_hand(active=False)  # from today on
    wanted = Change(row.collection, lines={row.lines[0].id: (Decimal(1), Decimal(50))})
    changes.change(row.id, wanted, version=1, because="", by=by)
    assert plans.payments(row)[0].amount == 5950


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"collection": CollectionMethod.SAVED_METHOD, "method_id": None}, "no_method"),
        ({"lines": {0: (Decimal(1), Decimal(1))}}, "foreign_line"),
        ({}, "nothing_changed"),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    gateway: ScriptedGateway, by: User, changed: dict[str, Any], code: str
) -> None:
    row = plans.by_order()
    wanted = Change(**({"collection": row.collection, "method_id": row.method_id} | changed))
    with pytest.raises(Refusal, match=code):
        changes.change(row.id, wanted, version=1, because="", by=by)
    assert plans.fresh(row).version == 1


def test_two_people_do_not_overwrite_each_other(gateway: ScriptedGateway, by: User) -> None:
    row = plans.by_order()
    wanted = Change(CollectionMethod.PAYMENT_LINK)
    changes.change(row.id, wanted, version=1, because="", by=by)
    with pytest.raises(StaleVersion):
        changes.change(row.id, wanted, version=1, because="", by=by)


def test_whoever_may_not_changes_nothing(gateway: ScriptedGateway) -> None:
    row, nobody = plans.by_order(), factories.user(Role.SALESPERSON)
    for act in (
        lambda: pausing.pause(row.id, until=None, missed=Missed.SKIP, because="x", by=nobody),
        lambda: ending.cancel(row.id, at_period_end=False, because="x", by=nobody),
        lambda: changes.change(row.id, Change(CollectionMethod.PAYMENT_LINK), version=1, because="", by=nobody),
    ):
        with pytest.raises(Refusal, match="not_permitted"):
            act()
    assert plans.fresh(row).status is A.ACTIVE and row.frequency is Frequency.MONTHLY
    assert db.session.scalar(select(func.count(AgreementVersion.id))) == 1
