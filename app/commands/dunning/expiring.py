"""Cards that will not be good any more when they are charged next: their customer is asked for another one ahead, once
for each card and expiry, and the agreement's owner is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Exists, exists, func, select

from ... import clock, jobs, settings
from ...db import db, end_read, get, insert_new, transaction
from ...errors import Refusal
from ...logs import log
from ...models import (
    Account,
    CardNotice,
    CollectionMethod,
    Contact,
    PaymentAgreement,
    PaymentMethod,
    ScheduledPayment,
)
from ...queries import routes
from ...states.agreement import AgreementStatus
from ...states.scheduled_payment import ScheduledStatus
from ..agreements import holding
from ..methods import method_requests
from ..post import dunning_mails

RUNNING = (AgreementStatus.ACTIVE, AgreementStatus.PAST_DUE)


@jobs.tick("dunning.card_notices", every=timedelta(hours=1))
def run() -> int:
    """How many customers were asked."""
    ahead = timedelta(days=settings.get(settings.CARD_NOTICE_DAYS))
    first = select(func.min(ScheduledPayment.due_at)).where(
        ScheduledPayment.agreement_id == PaymentAgreement.id, ScheduledPayment.status == ScheduledStatus.SCHEDULED
    )
    coming = first.correlate(PaymentAgreement).scalar_subquery()
    today = clock.now().date() + ahead
    told = _noticed(PaymentMethod.id, PaymentMethod.exp_year, PaymentMethod.exp_month)
    due = db.session.scalars(
        select(PaymentAgreement.id)
        .join(PaymentMethod, PaymentMethod.id == PaymentAgreement.method_id)
        .where(PaymentAgreement.status.in_(RUNNING), PaymentAgreement.collection == CollectionMethod.SAVED_METHOD)
        .where(PaymentMethod.detached_at.is_(None), coming <= clock.now() + ahead, ~told)
        .where(PaymentMethod.exp_year * 12 + PaymentMethod.exp_month < today.year * 12 + today.month)
        .order_by(PaymentAgreement.id)
    ).all()
    end_read()
    return jobs.each("dunning.card_notices", due, notice)


def _noticed(method: Any, year: Any, month: Any) -> Exists:
    """Whether a card with this expiry was told of; values or columns."""
    same = (CardNotice.method_id == method, CardNotice.exp_year == year, CardNotice.exp_month == month)
    return exists().where(*same)


def notice(agreement_id: int) -> bool:
    """Whether the customer was asked now."""
    try:
        return _notice(agreement_id)
    except Refusal as refusal:
        log.warning("card_notice.waits", agreement=agreement_id, because=refusal.code)
        return False


def _notice(agreement_id: int) -> bool:
    with transaction():
        agreement = holding.hold(agreement_id)
        coming = next(iter(holding.payments(agreement, ScheduledStatus.SCHEDULED)), None)
        method = get(PaymentMethod, agreement.method_id)
        if agreement.status not in RUNNING or coming is None or not method.expired_on(coming.due_on):
            return False
        if db.session.scalar(select(_noticed(method.id, method.exp_year, method.exp_month))):  # for another agreement
            return False
        account = get(Account, agreement.account_id)
        contact_id = agreement.contact_id or account.billing_contact_id
        if contact_id is None:
            raise Refusal("no_contact", "There is nobody to write to.", "Choose a billing contact on the account.")
        route = routes.choose(routes.wanted(account.id, coming.money, recurring=True)).route
        request = method_requests.of_ours(account, get(Contact, contact_id), route.id)
        db.session.flush()
        row = insert_new(
            CardNotice,
            method_id=method.id,
            exp_year=method.exp_year,
            exp_month=method.exp_month,
            agreement_id=agreement.id,
            request_id=request.id,
        )
        if row is None:
            return False
        dunning_mails.card_expires(row, agreement, request, coming)
        return True
