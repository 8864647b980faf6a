"""What a card is charged with as soon as its holder adds it: the unpaid periods whose story waits for another card; and
what it takes over: the agreements whose card is good for nothing by their next charge. The page where it is added and
what charges it both ask here, so that they say the same."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, case, func, or_, select

from ...db import db
from ...formatting import money
from ...models import (
    AgreementVersion,
    CollectionMethod,
    DunningCase,
    DunningStep,
    MethodRequest,
    PaymentAgreement,
    ScheduledPayment,
)
from ...money import Money
from ...states.agreement import RUNNING
from ...states.declines import HOPELESS
from ...states.dunning import Action, CaseStatus
from ...values import Value
from .. import ledger
from ..agreements import verdict


class Owed(Value):
    """`amount` of the period that the agreement `number` did not get."""

    case_id: int
    number: str
    amount: Money


class Cardless(Value):
    """An agreement that needs another card for what comes."""

    agreement_id: int
    number: str


class Awaited(Value):
    """What a card is wanted for. `owed` is charged at once, `cardless` from its next day on."""

    owed: tuple[Owed, ...] = ()
    cardless: tuple[Cardless, ...] = ()


def awaited_by(account_id: int, gateway_id: int) -> Awaited:
    """By a card that this gateway keeps: what another one charges is none of its business."""
    owed = of_account(account_id, gateway_id)
    named = {x.number for x in owed}
    return Awaited(owed, tuple(x for x in cardless_of(account_id, gateway_id) if x.number not in named))


def cardless_of(account_id: int, gateway_id: int) -> tuple[Cardless, ...]:
    """Those that run, or may again. Four statements at most, and one for each that has no card."""
    query = select(PaymentAgreement.id, PaymentAgreement.number).where(
        PaymentAgreement.account_id == account_id,
        PaymentAgreement.status.in_(RUNNING),
        PaymentAgreement.collection == CollectionMethod.SAVED_METHOD,
    )
    rows = db.session.execute(query.order_by(PaymentAgreement.id)).all()
    judged = verdict.of_all([row.id for row in rows], fresh=False) if rows else {}
    cardless = [row for row in rows if judged[row.id].no_card]
    return tuple(Cardless(row.id, row.number) for row in cardless if verdict.takes_card_of(gateway_id, row.id))


def waits_for_card() -> ColumnElement[bool]:
    """Beside its agreement. One that is collected another way by now takes a card only where somebody asked for it
    since that was agreed; a link from before leaves it as it is."""
    asked = select(DunningStep.id).where(
        DunningStep.case_id == DunningCase.id, DunningStep.action == Action.NEW_METHOD, DunningStep.done_at.is_not(None)
    )
    agreed = (
        select(func.max(AgreementVersion.created_at))
        .where(AgreementVersion.agreement_id == PaymentAgreement.id)
        .correlate(PaymentAgreement)
        .scalar_subquery()
    )
    meant = asked.where(DunningStep.asked_by != "", DunningStep.done_at >= agreed)
    by_card = PaymentAgreement.collection == CollectionMethod.SAVED_METHOD
    waits = case(
        (by_card, or_(DunningCase.kind.in_(HOPELESS), asked.exists())),
        else_=meant.correlate(DunningCase, PaymentAgreement).exists(),
    )
    return (DunningCase.status == CaseStatus.OPEN) & waits


def of_account(account_id: int, gateway_id: int | None = None) -> tuple[Owed, ...]:
    """All of it, or what a card that this gateway keeps can be charged with."""
    rows = db.session.execute(
        select(
            *(DunningCase.id, DunningCase.agreement_id, PaymentAgreement.number, PaymentAgreement.currency),
            *(ScheduledPayment.payment_order_id, ScheduledPayment.amount),
        )
        .join(PaymentAgreement, PaymentAgreement.id == DunningCase.agreement_id)
        .join(ScheduledPayment, ScheduledPayment.id == DunningCase.scheduled_payment_id)
        .where(PaymentAgreement.account_id == account_id, waits_for_card())
        .order_by(DunningCase.id)
    ).all()
    if gateway_id is not None:
        rows = [x for x in rows if verdict.takes_card_of(gateway_id, x.agreement_id, Money(x.amount, x.currency))]
    figures = ledger.figures([row.payment_order_id for row in rows]) if rows else {}
    return tuple(Owed(x.id, x.number, Money(figures[x.payment_order_id].balance, x.currency)) for x in rows)


def charged_with(request_id: int) -> bool:
    """Whether the card that came behind this request was charged with something, or is being."""
    query = (
        select(DunningStep.id)
        .join(DunningCase, DunningCase.id == DunningStep.case_id)
        .join(PaymentAgreement, PaymentAgreement.id == DunningCase.agreement_id)
        .join(MethodRequest, MethodRequest.account_id == PaymentAgreement.account_id)
        .where(MethodRequest.id == request_id, DunningStep.action == Action.RETRY, DunningStep.asked_by != "")
        .where(DunningStep.created_at >= MethodRequest.created_at)
    )
    return db.session.scalar(query.limit(1)) is not None


def amounts(owed: Sequence[Owed]) -> str:
    """`€119.00 for PA-00012 and €12.00 for PA-00013`."""
    said = [_("%(amount)s for %(number)s", amount=money(x.amount), number=x.number) for x in owed]
    return _(" and ").join(said)


def numbers(cardless: Sequence[Cardless]) -> str:
    """`PA-00012 and PA-00013`."""
    return _(" and ").join(x.number for x in cardless)


def consent(seller: str, awaited: Awaited) -> str:
    """The words next to the box where a card is added that agreements wait for."""
    names = {"seller": seller, "amounts": amounts(awaited.owed), "numbers": numbers(awaited.cardless)}
    if not awaited.cardless:
        return _(
            "%(seller)s may keep this card, charge %(amounts)s to it now, and later what falls due under the same "
            "agreements. I can have it removed at any time.",
            **names,
        )
    if not awaited.owed:
        return _(
            "%(seller)s may keep this card and charge to it what falls due under %(numbers)s. I can have it removed at "
            "any time.",
            **names,
        )
    return _(
        "%(seller)s may keep this card, charge %(amounts)s to it now, and later what falls due under the same "
        "agreements and under %(numbers)s. I can have it removed at any time.",
        **names,
    )
