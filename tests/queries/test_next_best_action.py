"""One next step for every situation; nothing here needs a database."""

from __future__ import annotations

import itertools

import pytest

from app.queries.orders.actions import CATALOGUE
from app.queries.orders.next_best_action import AT_HAND, ApprovalStage, Decision, Situation, Step, Story, decide
from app.queries.orders.next_step import TELL
from app.states.order import OrderStatus

S = OrderStatus


@pytest.mark.parametrize(
    ("situation", "story", "primary", "secondary"),
    [
        (Situation(S.DRAFT), Story.READY_TO_SEND, Step.SUBMIT, Step.EDIT_LINES),
        (Situation(S.DRAFT, due_now=False), Story.READY_TO_SEND, Step.SUBMIT, Step.BOOK),
        (Situation(S.DRAFT, has_lines=False), Story.NO_LINES, Step.EDIT_LINES, None),
        (Situation(S.DRAFT, missing_links=True), Story.GAP, Step.SUBMIT, Step.EDIT_LINES),
        (Situation(S.DRAFT, returned=Story.CHANGE_REQUESTED), Story.CHANGE_REQUESTED, Step.EDIT_LINES, Step.SUBMIT),
        (Situation(S.DRAFT, returned=Story.CUSTOMER_DECLINED), Story.CUSTOMER_DECLINED, Step.EDIT_LINES, Step.SUBMIT),
        (Situation(S.DRAFT, returned=Story.APPROVAL_EXPIRED), Story.APPROVAL_EXPIRED, Step.SUBMIT, Step.EDIT_LINES),
        (
            Situation(S.AWAITING_APPROVAL, approval=ApprovalStage.PREPARING),
            Story.PREPARING,
            None,
            Step.CONVERT_TO_DRAFT,
        ),
        (
            Situation(S.AWAITING_APPROVAL, approval=ApprovalStage.SENT),
            Story.NOT_OPENED,
            Step.REMIND,
            Step.CONVERT_TO_DRAFT,
        ),
        (
            Situation(S.AWAITING_APPROVAL, approval=ApprovalStage.VIEWED),
            Story.NOT_SIGNED,
            Step.REMIND,
            Step.CONVERT_TO_DRAFT,
        ),
        (Situation(S.AWAITING_APPROVAL, approval=ApprovalStage.SIGNED), Story.NOT_PAID, Step.REMIND, Step.COLLECT),
        (Situation(S.DECLINED), Story.PAYMENT_DECLINED, Step.COLLECT, Step.CONVERT_TO_DRAFT),
        (Situation(S.DECLINED, approval=ApprovalStage.SIGNED), Story.PAYMENT_DECLINED, Step.REMIND, Step.COLLECT),
        (
            Situation(S.DECLINED, approval=ApprovalStage.SIGNED, retry_helps=False),
            Story.PAYMENT_DECLINED,
            Step.REMIND,
            Step.CONVERT_TO_DRAFT,
        ),
        (Situation(S.DRAFT, confirming=True), Story.CONFIRMING, None, None),
        (Situation(S.ACTIVATED, confirming=True), Story.CONFIRMING, None, None),
        (Situation(S.BOOKED), Story.BOOKED, None, None),
        (Situation(S.SCHEDULED), Story.SCHEDULED, None, None),
        (Situation(S.ACTIVATED), Story.SETTLED, None, None),
        (Situation(S.ACTIVATED, unrequested=True, owed_now=True), Story.OWED, Step.REQUEST, None),
        (Situation(S.ACTIVATED, invoiced=True, overdue=True, unrequested=True), Story.OVERDUE, Step.REQUEST, None),
        (Situation(S.COMPLETED, owed_now=True, overdue=True), Story.OVERDUE, None, None),
        (Situation(S.ACTIVATED, unrequested=True, owed_now=True, invoiced=True), Story.INVOICED, None, Step.REQUEST),
        (Situation(S.ACTIVATED, open_request=True, overdue=True), Story.REQUESTED, None, None),
        (Situation(S.ACTIVATED, unrequested=True), Story.LATER, None, Step.REQUEST),
        (Situation(S.ACTIVATED, term_ends=True), Story.TERM_ENDS, Step.RENEW, None),
        (Situation(S.COMPLETED, term_ends=True, unrequested=True), Story.TERM_ENDS, Step.RENEW, Step.REQUEST),
        (Situation(S.ACTIVATED, term_ends=True, invoiced=True, overdue=True), Story.OVERDUE, None, None),
        (Situation(S.SCHEDULED, term_ends=True), Story.SCHEDULED, None, None),
        (Situation(S.CANCELLED, term_ends=True), Story.CANCELLED, None, None),
        (Situation(S.SCHEDULED, unrequested=True), Story.LATER, None, Step.REQUEST),
        (Situation(S.ACTIVATED, link_to_send=True, open_request=True), Story.REQUESTED, Step.SEND_LINK, None),
        (Situation(S.ACTIVATED, open_request=True, unrequested=True), Story.REQUESTED, None, None),
        (Situation(S.COMPLETED), Story.COMPLETED, None, None),
        (Situation(S.CANCELLED), Story.CANCELLED, None, None),
    ],
)
def test_the_one_next_step(situation: Situation, story: Story, primary: Step | None, secondary: Step | None) -> None:
    found = decide(situation)
    assert (found.story, found.primary, found.secondary) == (story, primary, secondary)


def every_situation() -> list[Situation]:
    flags = list(itertools.product((True, False), repeat=9))
    return [
        Situation(
            status,
            has_lines=has_lines,
            missing_links=missing,
            due_now=due,
            confirming=confirming,
            approval=approval,
            unrequested=unrequested,
            invoiced=invoiced,
            overdue=overdue,
            link_to_send=link,
            term_ends=ends,
        )
        for status in OrderStatus
        for approval in ApprovalStage
        for has_lines, missing, due, confirming, unrequested, invoiced, overdue, link, ends in flags
    ]


def test_no_situation_is_without_an_answer_and_no_step_stands_twice() -> None:
    for situation in every_situation():
        found: Decision = decide(situation)
        steps = [s for s in (found.primary, found.secondary, *found.more) if s is not None]
        assert len(steps) == len(set(steps)), situation
        assert found.story in TELL
        assert set(steps) <= set(AT_HAND[situation.status]), situation


def test_every_step_has_words_and_an_address() -> None:
    assert {str(step) for step in Step} <= set(CATALOGUE)


def test_every_story_has_words() -> None:
    assert set(TELL) == set(Story)
