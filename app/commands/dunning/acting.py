"""What people do about a story: charge the card now, ask for another one now, or stop it."""

from __future__ import annotations

from ... import audit, clock, forms, jobs
from ...access import Permission, demand
from ...db import db, get, transaction
from ...errors import Refusal
from ...models import Actor, Attempt, DunningCase, DunningStep, User
from ...states.declines import HOPELESS
from ...states.dunning import Action, CaseEvent, CaseStatus
from ..agreements import holding
from ..agreements.pausing import given
from . import cases, steps


def retry_now(case_id: int, *, form_key: str, by: User) -> Attempt | None:
    """Charge the agreement's card once more, out of turn; None where there was no card left to charge, so that the
    customer is asked for one instead.

    Raises Refusal: `not_permitted`, `over`, `same_card`, `key_reused`, and what keeps the charge from being made.
    """
    step_id = _ask(case_id, Action.RETRY, Permission.PAYMENT_COLLECT, form_key, by)
    return _do(step_id)


def ask_for_card(case_id: int, *, form_key: str, by: User) -> None:
    """Mail the link to add a card now; once given, the card is charged at once.

    Raises Refusal: `not_permitted`, `over`, `key_reused`, and what keeps the mail from being sent.
    """
    _do(_ask(case_id, Action.NEW_METHOD, Permission.METHOD_ADD, form_key, by))


def _ask(case_id: int, action: Action, permission: Permission, form_key: str, by: User) -> int:
    content = ["dunning", case_id, str(action)]
    with transaction():
        demand(by, permission)
        case = _held(case_id)
        if (known := forms.answered(form_key, content)) is not None:
            return int(known["id"])
        _refuse_ended(case)
        if action is Action.RETRY and _is_hopeless(case):
            raise Refusal(
                "same_card",
                "The same card is not charged again after such a decline.",
                "Mail the link to add a card; it is charged as soon as it is given.",
            )
        step = cases.add(case, action, clock.now(), asked_by=by.name)
        audit.note(f"dunning.{action}", case.agreement.number, by=Actor.of(by), after={"period": case.payment.period})
        forms.remember(form_key, content, id=step.id)
        return step.id


def _is_hopeless(case: DunningCase) -> bool:
    """The bank has refused this card for good, and the agreement has no other by now, nor was this one renewed."""
    method = case.agreement.method
    if method is None or method.id != cases.declined_card(case.payment):
        return False
    return case.kind in HOPELESS and method.hard_declined_at is not None


def _do(step_id: int) -> Attempt | None:
    """What cannot be done now is not done later behind the back of whoever asked."""
    try:
        steps.now(step_id)
    except Refusal as refusal:
        with transaction():
            case = get(DunningStep, step_id).case
            holding.hold(case.agreement_id)
            for step in cases.waiting(case):
                if step.id == step_id:
                    cases.drop(step, refusal.sentence)
        raise
    step = db.session.get_one(DunningStep, step_id, populate_existing=True)
    return get(Attempt, step.attempt_id) if step.attempt_id is not None else None


@jobs.handler("dunning.do")
def do(step_id: int) -> None:
    steps.do(step_id)


def stop(case_id: int, *, because: str, by: User) -> DunningCase:
    """Nothing more is tried by itself; the period stays unpaid and the agreement as it is.

    Raises Refusal: `not_permitted`, `over`, `reason_missing`.
    """
    with transaction():
        demand(by, Permission.AGREEMENT_MANAGE)
        case, reason = _held(case_id), given(because)
        _refuse_ended(case)
        cases.end(case, CaseEvent.STOP, by=Actor.of(by), because=reason)
        audit.note("dunning.stop", case.agreement.number, by=Actor.of(by), after={"because": reason})
        return case


def _held(case_id: int) -> DunningCase:
    holding.hold(get(DunningCase, case_id).agreement_id)
    return db.session.get_one(DunningCase, case_id, populate_existing=True)


def _refuse_ended(case: DunningCase) -> None:
    if case.status is not CaseStatus.OPEN:
        raise Refusal("over", "This story is over already.", "Reload the page to see how it ended.")
