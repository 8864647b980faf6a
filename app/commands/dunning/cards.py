"""A customer gave a card that dunning, or a notice of an expiring card, had asked for: their agreements take it, and
what is unpaid is charged at once; so it is to a card that its bank renewed. Inside a transaction, with the account
held."""

from __future__ import annotations

from sqlalchemy import select

from ... import audit, clock, jobs
from ...db import db, get
from ...models import (
    Actor,
    CardNotice,
    CollectionMethod,
    DunningCase,
    MethodRequest,
    PaymentAgreement,
    PaymentMethod,
)
from ...queries.agreements import verdict
from ...queries.dunning import owed
from ...states.agreement import ENDED
from ...states.dunning import Action
from ..agreements import versions
from . import cases


def renewed(method: PaymentMethod, *, asked_by: str) -> None:
    """What dunning waits for another card with is tried with this one again, where it is the agreement's."""
    for row in owed.of_account(method.account_id):
        case = db.session.get_one(DunningCase, row.case_id, populate_existing=True)
        if case.agreement.method_id == method.id:
            _charge(case, asked_by)


def _charge(case: DunningCase, asked_by: str) -> None:
    step = cases.add(case, Action.RETRY, clock.now(), asked_by=asked_by)
    jobs.stage("dunning.do", step_id=step.id)


def given(request: MethodRequest, method: PaymentMethod, gateway_id: int, *, by: Actor) -> None:
    """`gateway_id` has it now; agreements that another one charges wait on for a card there."""
    for row in owed.of_account(request.account_id, gateway_id):
        case = db.session.get_one(DunningCase, row.case_id, populate_existing=True)
        _take(case.agreement, method, by=by)
        _charge(case, by.name)
    for agreement in (*_noticed(request, gateway_id), *_cardless(request, gateway_id)):
        _take(agreement, method, by=by)


def _cardless(request: MethodRequest, gateway_id: int) -> list[PaymentAgreement]:
    """Those whose card is good for nothing, whatever the new one was asked for: else the next period of each would only
    fail and ask the same customer again."""
    return [get(PaymentAgreement, x.agreement_id) for x in owed.cardless_of(request.account_id, gateway_id)]


def _noticed(request: MethodRequest, gateway_id: int) -> list[PaymentAgreement]:
    """Those whose card was said to expire, and which still name it."""
    query = (
        select(PaymentAgreement)
        .join(CardNotice, CardNotice.method_id == PaymentAgreement.method_id)
        .where(CardNotice.request_id == request.id, PaymentAgreement.status.not_in(ENDED))
    )
    return [x for x in db.session.scalars(query.distinct()).all() if verdict.takes_card_of(gateway_id, x.id)]


def _take(agreement: PaymentAgreement, method: PaymentMethod, *, by: Actor) -> None:
    if agreement.method_id == method.id and agreement.collection is CollectionMethod.SAVED_METHOD:
        return
    before = agreement.method.label if agreement.method else None
    agreement.method, agreement.method_id = method, method.id
    agreement.collection = CollectionMethod.SAVED_METHOD
    agreement.record("new_card", by=by, number=agreement.number, card=method.label)
    audit.note("agreement.card", agreement.number, by=by, before=before, after=method.label)
    versions.write(agreement, f"New card: {method.label}", by=by)
