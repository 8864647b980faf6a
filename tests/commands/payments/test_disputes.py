"""Disputes by letter and by event: their money, their ends, and what is left of a payment."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from app import clock
from app.access import Role
from app.commands.office import escalations
from app.commands.payments import disputes
from app.commands.payments.disputes import Letter
from app.commands.receivables import offline
from app.db import db, end_read
from app.errors import Refusal
from app.gateways.disputes import DisputeFacts, DisputeMoney, DisputeMovement, DisputePhase, Evidence
from app.gateways.sandbox import disputes as sandbox
from app.gateways.sandbox import script
from app.gateways.sandbox.adapter import SandboxGateway
from app.models import (
    Dispute,
    DisputeEntry,
    Escalation,
    Invoice,
    OrderEmail,
    Receipt,
    SalesOrder,
    Symptom,
    Transaction,
    User,
)
from app.models.order import TAG_DISPUTED
from app.money import Money
from app.queries import invariants, ledger
from app.states.dispute import DisputeStatus as S
from app.states.invoice import InvoiceStatus
from app.states.payment_order import PaymentStatus, derive
from tests import factories, ledgers
from tests.commands import moving

WORDS = Evidence({"product_description": "Software licences, delivered by mail on the day of the order."}, {})


@pytest.fixture
def boss(app: Flask) -> User:
    return factories.user(Role.ADMIN)


@pytest.fixture
def charge(boss: User) -> Transaction:
    return moving.paid(boss)


@pytest.fixture(autouse=True)
def _the_books_hold(app: Flask):  # type: ignore[no-untyped-def]
    yield
    end_read()
    assert invariants.broken(grace=timedelta(0)) == []


def opened(charge: Transaction, *, minor: int | None = None, inquiry: bool = False) -> Dispute:
    amount = Money(minor, charge.currency) if minor else None
    facts = sandbox.open_one("sandbox", charge.provider_id, amount=amount, inquiry=inquiry)
    row = disputes.hear(charge.gateway_id, facts.provider_id)
    assert row is not None
    return row


def shown(charge: Transaction) -> PaymentStatus:
    return derive(moving.figures(charge), None, cancelled=False)


def kinds() -> list[str]:
    return [str(x) for x in db.session.scalars(select(DisputeEntry.kind).order_by(DisputeEntry.id))]


def order() -> SalesOrder:
    db.session.expire_all()
    return db.session.scalars(select(SalesOrder)).one()


def test_an_event_opens_it_once_with_its_money_tag_and_mail(charge: Transaction) -> None:
    row = opened(charge)
    for _ in range(3):
        disputes.hear(charge.gateway_id, row.provider_id or "")
    assert (row.status, row.amount, kinds()) == (S.NEEDS_RESPONSE, charge.amount, ["debit", "fee"])
    assert (moving.figures(charge).disputed, shown(charge)) == (charge.amount, PaymentStatus.DISPUTED)
    assert TAG_DISPUTED in order().tags
    assert db.session.scalar(select(func.count()).where(OrderEmail.kind == "dispute_opened")) == 1
    assert db.session.scalars(select(Receipt.amount)).all() == [charge.amount]  # not lost yet


@pytest.mark.parametrize(("currency", "minor"), [("USD", 101), ("JPY", 7), ("KWD", 1001)])
def test_a_part_is_exact_in_every_currency(boss: User, currency: str, minor: int) -> None:
    of = moving.paid(boss, currency=currency)
    opened(of, minor=minor)
    assert moving.figures(of).disputed == minor


def test_won_gives_everything_back(charge: Transaction, boss: User) -> None:
    row = disputes.answer(opened(charge).id, WORDS, by=boss)
    assert row.status is S.UNDER_REVIEW
    end_read()
    sandbox.decide("sandbox", row.provider_id or "", won=True)
    disputes.hear(charge.gateway_id, row.provider_id or "")
    assert kinds() == ["debit", "fee", "reinstatement"]
    assert (moving.figures(charge).disputed, shown(charge)) == (0, PaymentStatus.PAID)
    assert TAG_DISPUTED not in order().tags
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.PAID


def test_a_fee_that_is_given_back_is_none_of_the_customers_money(charge: Transaction) -> None:
    row = opened(charge)
    sandbox.decide("sandbox", row.provider_id or "", won=True, fee_back=True)
    disputes.hear(charge.gateway_id, row.provider_id or "")
    assert kinds() == ["debit", "fee", "reinstatement", "fee_returned"]
    assert (moving.figures(charge).disputed, shown(charge)) == (0, PaymentStatus.PAID)
    assert ledger.left_to_refund(charge.id) == charge.amount


def test_lost_money_leaves_the_receivables_once(charge: Transaction) -> None:
    row = opened(charge)
    sandbox.decide("sandbox", row.provider_id or "", won=False)
    for _ in range(2):
        disputes.hear(charge.gateway_id, row.provider_id or "")
    assert db.session.get_one(Dispute, row.id).status is S.LOST
    assert db.session.scalars(select(Receipt.amount).order_by(Receipt.id)).all() == [charge.amount, -charge.amount]
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.ISSUED
    assert shown(charge) is PaymentStatus.CHARGED_BACK


def lose(row: Dispute) -> Dispute:
    end_read()
    sandbox.decide("sandbox", row.provider_id or "", won=False)
    return disputes.hear(row.gateway_id, row.provider_id or "") or row


def appealed(row: Dispute) -> Dispute:
    end_read()
    sandbox.appeal("sandbox", row.provider_id or "")
    return disputes.hear(row.gateway_id, row.provider_id or "") or row


def receipts() -> list[int]:
    return list(db.session.scalars(select(Receipt.amount).order_by(Receipt.id)))


def test_lost_and_won_on_appeal_the_customer_has_paid_again(charge: Transaction, boss: User) -> None:
    whole, row = charge.amount, lose(opened(charge))
    assert row.closed_at is not None and TAG_DISPUTED not in order().tags
    row = appealed(row)
    assert (row.status, row.closed_at, shown(charge)) == (S.NEEDS_RESPONSE, None, PaymentStatus.DISPUTED)
    assert TAG_DISPUTED in order().tags
    assert db.session.scalar(select(func.count()).where(OrderEmail.kind == "dispute_opened")) == 2
    assert receipts() == [whole, -whole, whole]  # undecided, so not lost
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.PAID
    assert invariants.broken(grace=timedelta(0)) == []
    row = disputes.answer(row.id, WORDS, by=boss)
    assert row.status is S.UNDER_REVIEW
    end_read()
    sandbox.decide("sandbox", row.provider_id or "", won=True)
    disputes.hear(charge.gateway_id, row.provider_id or "")
    assert kinds() == ["debit", "fee", "reinstatement"]
    assert (receipts(), shown(charge)) == ([whole, -whole, whole], PaymentStatus.PAID)
    assert TAG_DISPUTED not in order().tags


def test_lost_on_appeal_too_it_is_owed_again(charge: Transaction) -> None:
    whole, row = charge.amount, lose(appealed(lose(opened(charge))))
    assert (row.status, receipts()) == (S.LOST, [whole, -whole, whole, -whole])
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.ISSUED
    assert kinds() == ["debit", "fee"]


def test_an_appeal_that_was_decided_before_anybody_heard_of_it(charge: Transaction) -> None:
    row = lose(opened(charge))
    end_read()
    sandbox.appeal("sandbox", row.provider_id or "")
    sandbox.decide("sandbox", row.provider_id or "", won=True)
    row = disputes.hear(row.gateway_id, row.provider_id or "") or row
    assert (row.status, receipts()) == (S.WON, [charge.amount, -charge.amount, charge.amount])
    assert db.session.scalars(select(Invoice.status)).one() is InvoiceStatus.PAID


def test_lost_and_appealed_before_anybody_heard_it_is_answered_once_more(charge: Transaction, boss: User) -> None:
    row = disputes.answer(opened(charge).id, WORDS, by=boss)
    end_read()
    sandbox.decide("sandbox", row.provider_id or "", won=False)
    row = appealed(row)
    assert (row.status, receipts()) == (S.NEEDS_RESPONSE, [charge.amount])
    assert disputes.answer(row.id, WORDS, by=boss).status is S.UNDER_REVIEW


def test_an_older_answer_never_undoes_a_newer_one(charge: Transaction, monkeypatch: pytest.MonkeyPatch) -> None:
    row, ask = lose(opened(charge)), SandboxGateway.dispute
    slow = [True]

    def dispute(self: SandboxGateway, provider_id: str) -> DisputeFacts | None:
        facts = ask(self, provider_id)
        if slow and slow.pop():
            appealed(row)
            end_read()
        return facts

    monkeypatch.setattr(SandboxGateway, "dispute", dispute)
    found = disputes.hear(row.gateway_id, row.provider_id or "")
    assert found is not None and found.status is S.NEEDS_RESPONSE
    assert receipts() == [charge.amount, -charge.amount, charge.amount]


def test_heard_of_only_after_it_was_lost_it_ends_the_same(charge: Transaction) -> None:
    facts = sandbox.open_one("sandbox", charge.provider_id)
    sandbox.decide("sandbox", facts.provider_id, won=False)
    row = disputes.hear(charge.gateway_id, facts.provider_id)
    assert row is not None and row.status is S.LOST
    assert (kinds(), shown(charge)) == (["debit", "fee"], PaymentStatus.CHARGED_BACK)


def test_accepted_is_lost_by_our_own_word(charge: Transaction, boss: User) -> None:
    row = disputes.accept(opened(charge).id, because="They are right", by=boss)
    assert (row.status, moving.figures(charge).kept) == (S.ACCEPTED, 0)
    disputes.hear(charge.gateway_id, row.provider_id or "")
    assert db.session.get_one(Dispute, row.id).status is S.ACCEPTED


def test_an_inquiry_moves_no_money_until_the_bank_is_not_content(charge: Transaction, boss: User) -> None:
    row = opened(charge, inquiry=True)
    assert (kinds(), shown(charge)) == ([], PaymentStatus.PAID)
    disputes.answer(row.id, WORDS, by=boss)
    end_read()
    sandbox.escalate("sandbox", row.provider_id or "")
    disputes.hear(charge.gateway_id, row.provider_id or "")
    row = db.session.get_one(Dispute, row.id)
    assert (row.status, row.inquiry, kinds()) == (S.NEEDS_RESPONSE, False, ["debit", "fee"])


def test_a_dispute_leaves_less_to_refund(charge: Transaction, boss: User) -> None:
    opened(charge, minor=30_000)
    with pytest.raises(Refusal) as refused:
        moving.refund(charge, charge.amount - 29_999, boss)
    assert refused.value.code == "more_than_left"
    moving.refund(charge, charge.amount - 30_000, boss)
    assert moving.figures(charge).kept == 0


def overdrawn() -> list[tuple[str, str, bool]]:
    rows = db.session.scalars(select(Escalation).where(Escalation.symptom == Symptom.OVERDRAWN).order_by(Escalation.id))
    return [(x.subject_label, str(x.team), x.resolved_at is None) for x in rows]


def test_money_that_left_twice_is_told_when_it_leaves_and_until_it_is_back(charge: Transaction, boss: User) -> None:
    moving.refund(charge, charge.amount, boss)
    assert overdrawn() == []
    row = disputes.record(charge.id, letter(charge), form_key="k", by=boss)
    number = db.session.scalars(select(Receipt.number).order_by(Receipt.id)).first() or ""
    assert overdrawn() == [(number, "finance", True)]
    disputes.decide(row.id, won=False, by=boss)
    assert (receipts(), overdrawn()) == ([charge.amount, -charge.amount, -charge.amount], [(number, "finance", True)])
    root = db.session.scalars(select(Receipt.id).order_by(Receipt.id)).first() or 0
    offline.returned(root, ledgers.came(charge.amount), form_key="b", by=boss)
    assert overdrawn() == [(number, "finance", False)]


def test_money_that_left_twice_is_forgotten_once_the_dispute_is_won(charge: Transaction, boss: User) -> None:
    moving.refund(charge, 100, boss)
    row = disputes.record(charge.id, letter(charge), form_key="k", by=boss)
    assert [waits for _, _, waits in overdrawn()] == [True]
    disputes.decide(row.id, won=True, by=boss)
    assert [waits for _, _, waits in overdrawn()] == [False]


def test_what_finance_has_dealt_with_is_not_told_again_by_the_same_news(charge: Transaction, boss: User) -> None:
    whole, none_of_ours = Money(charge.amount, "EUR"), "dp-at-a-bank"
    moving.refund(charge, charge.amount, boss)
    debit = DisputeMovement(DisputeMoney.DEBIT, "bt-at-a-bank", whole)
    phase, now = DisputePhase.NEEDS_RESPONSE, clock.now()
    facts = DisputeFacts(none_of_ours, charge.provider_id, whole, "x", phase, False, now, movements=(debit,))
    disputes.write(charge.gateway_id, facts)
    told = db.session.scalars(select(Escalation)).one()
    end_read()
    escalations.resolve(told.id, because="The customer pays it back", by=boss)
    disputes.write(charge.gateway_id, facts)
    assert [waits for _, _, waits in overdrawn()] == [False]


def letter(charge: Transaction, **changes: object) -> Letter:
    facts = {"reason": "Not received", "due_by": None, "inquiry": False, "provider_id": None}
    return Letter(**({"amount": Money(charge.amount, charge.currency)} | facts | changes))  # type: ignore[arg-type]


def test_a_letter_is_recorded_decided_by_hand_and_reinstated(charge: Transaction, boss: User) -> None:
    row = disputes.record(charge.id, letter(charge), form_key="k", by=boss)
    assert disputes.record(charge.id, letter(charge), form_key="k", by=boss).id == row.id
    assert (kinds(), shown(charge)) == (["debit"], PaymentStatus.DISPUTED)
    assert disputes.answer(row.id, WORDS, by=boss).status is S.UNDER_REVIEW
    assert disputes.decide(row.id, won=True, by=boss).status is S.WON
    assert moving.figures(charge).disputed == 0


def test_the_gateways_event_finds_the_letter_and_takes_nothing_twice(charge: Transaction, boss: User) -> None:
    row = disputes.record(charge.id, letter(charge), form_key="k", by=boss)
    assert opened(charge).id == row.id
    assert (kinds(), moving.figures(charge).disputed) == (["debit", "fee"], charge.amount)
    with pytest.raises(Refusal) as refused:
        disputes.decide(row.id, won=True, by=boss)
    assert refused.value.code == "gateway_decides"


def test_a_letter_is_refused_in_words(charge: Transaction, boss: User) -> None:
    for changes, code in (
        ({"amount": Money(charge.amount + 1, "EUR")}, "more_than_captured"),
        ({"amount": Money(0, "EUR")}, "not_positive"),
        ({"amount": Money(1, "JPY")}, "wrong_currency"),
    ):
        with pytest.raises(Refusal) as refused:
            disputes.record(charge.id, letter(charge, **changes), form_key=code, by=boss)
        assert refused.value.code == code
    with pytest.raises(Refusal) as seller:
        disputes.record(charge.id, letter(charge), form_key="s", by=factories.user())
    assert seller.value.code == "not_permitted"


def test_a_letter_may_open_it_again_and_receivables_follow_both_ways(charge: Transaction, boss: User) -> None:
    whole, row_id = charge.amount, disputes.record(charge.id, letter(charge), form_key="k", by=boss).id
    disputes.decide(row_id, won=True, by=boss)
    row = disputes.reopen(row_id, because="Pre-arbitration", due_by=clock.now() + timedelta(days=9), by=boss)
    assert (row.status, shown(charge)) == (S.NEEDS_RESPONSE, PaymentStatus.DISPUTED)
    with pytest.raises(Refusal) as refused:
        disputes.reopen(row_id, because="", due_by=None, by=boss)
    assert refused.value.code == "undecided"
    disputes.answer(row_id, WORDS, by=boss)
    disputes.decide(row_id, won=False, by=boss)
    with pytest.raises(Refusal) as refused:
        disputes.decide(row_id, won=True, by=boss)
    assert (refused.value.code, receipts()) == ("decided", [whole, -whole])
    disputes.reopen(row_id, because="", due_by=None, by=boss)
    disputes.decide(row_id, won=True, by=boss)
    assert (receipts(), shown(charge)) == ([whole, -whole, whole], PaymentStatus.PAID)
    assert kinds() == ["debit", "reinstatement", "debit", "reinstatement"]


@pytest.mark.parametrize("part", [1, 2])
def test_a_letter_is_recorded_once_whoever_has_it(charge: Transaction, boss: User, part: int) -> None:
    """The whole or a half of it; by letter twice, or after the gateway told of it."""
    amount = Money(charge.amount // part, "EUR")
    row = disputes.record(charge.id, letter(charge, amount=amount), form_key="a", by=boss)
    for key, provider_id in (("b", None), ("c", "dp-by-hand")):
        with pytest.raises(Refusal) as refused:
            disputes.record(
                charge.id,
                letter(charge, amount=amount, provider_id=provider_id),
                form_key=key,
                by=factories.user(Role.AR),
            )
        assert (refused.value.code, moving.figures(charge).disputed) == ("recorded", amount.minor)
    assert opened(charge, minor=amount.minor).id == row.id
    with pytest.raises(Refusal) as refused:
        disputes.record(charge.id, letter(charge, amount=amount), form_key="d", by=boss)
    assert (refused.value.code, moving.figures(charge).disputed) == ("recorded", amount.minor)


def test_letters_together_contest_no_more_than_was_captured(charge: Transaction, boss: User) -> None:
    disputes.record(charge.id, letter(charge, amount=Money(charge.amount - 99, "EUR")), form_key="a", by=boss)
    disputes.record(charge.id, letter(charge, amount=Money(99, "EUR"), inquiry=True), form_key="b", by=boss)
    with pytest.raises(Refusal) as refused:
        disputes.record(charge.id, letter(charge, amount=Money(100, "EUR")), form_key="c", by=boss)
    assert refused.value.code == "more_than_captured"
    disputes.record(charge.id, letter(charge, amount=Money(99, "EUR")), form_key="d", by=boss)
    assert moving.figures(charge).disputed == charge.amount


def test_a_silent_gateway_keeps_what_was_written(charge: Transaction, boss: User) -> None:
    row = opened(charge)
    script.take_down("sandbox")
    with pytest.raises(Refusal) as refused:
        disputes.answer(row.id, WORDS, by=boss)
    assert refused.value.code == "gateway_silent"
    row = db.session.get_one(Dispute, row.id)
    assert (row.status, row.evidence) == (S.NEEDS_RESPONSE, WORDS.words)
    end_read()
    script.bring_up("sandbox")
    assert disputes.answer(row.id, WORDS, by=boss).status is S.UNDER_REVIEW


def test_it_is_escalated_before_it_is_due_and_cleared_once_answered(charge: Transaction, boss: User) -> None:
    row_id = opened(charge).id
    disputes.remind_all()
    assert db.session.scalars(select(Escalation)).all() == []
    end_read()
    with time_machine.travel(clock.now() + timedelta(days=10), tick=True):
        disputes.remind_all()
        disputes.remind_all()
        known = db.session.scalars(select(Escalation)).one()
        assert (known.symptom, known.subject_id) == (Symptom.DISPUTE_DUE, row_id)
        end_read()
        disputes.answer(row_id, WORDS, by=boss)
    db.session.refresh(known)
    assert known.resolved_at is not None


def test_too_late_is_too_late(charge: Transaction, boss: User) -> None:
    row_id = opened(charge).id
    with time_machine.travel(clock.now() + timedelta(days=15), tick=True), pytest.raises(Refusal) as refused:
        disputes.answer(row_id, WORDS, by=boss)
    assert refused.value.code == "too_late"
