"""Is an agreement live, that is: will its next payment be asked for by itself? The one place that says so.

Whatever its state, an agreement with any "no" here is "Not live: <reason>", and is nowhere called active.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from msgspec.structs import replace
from sqlalchemy import and_, bindparam, or_, select

from ... import clock, settings
from ...badges import said
from ...db import read_columns
from ...errors import NotFound, Refusal
from ...formatting import day as words_of_day
from ...models import Account, CollectionMethod, OrderKind, PaymentAgreement, PaymentMethod, ScheduledPayment, Token
from ...money import Money
from ...states.agreement import AgreementStatus
from ...states.scheduled_payment import ScheduledStatus
from ...values import Value
from .. import routes
from ..coverage import Coverage, MethodFacts, judge
from ..coverage import Verdict as CardVerdict
from ..nested import json_rows
from ..routes import RouteRow, Wanted, Way


class Check(Value):
    """One of the questions, with its answer in words."""

    question: str
    passed: bool
    answer: str


class Verdict(Value):
    """`no_card`: why its card can never be charged as it is, empty where it can, or may again."""

    checks: tuple[Check, ...]
    no_card: str = ""

    @property
    def live(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """The first "no"; empty where there is none."""
        return next((check.answer for check in self.checks if not check.passed), "")

    @property
    def needs_card(self) -> bool:
        """Nothing but another card keeps it from being live, so that waiting helps nobody."""
        return bool(self.no_card) and [check.answer for check in self.checks if not check.passed] == [self.no_card]


class Facts(Value):
    """What the questions need. `next_on` and `amount` are the next payment's, None where nothing is scheduled ahead;
    `reachable`: there is somebody to send a link to."""

    status: AgreementStatus
    today: date
    scheduled: bool
    next_on: date | None
    amount: int | None
    currency: str
    cancels_on: date | None
    collection: CollectionMethod
    method: MethodFacts | None
    account_group: str
    hold_reason: str | None
    reachable: bool

    @property
    def comes(self) -> bool:
        """Whether the next payment is to be asked for on its day, as things stand; of a draft, once it is activated."""
        return self.status in (AgreementStatus.DRAFT, AgreementStatus.ACTIVE) or self.billed_on

    @property
    def billed_on(self) -> bool:
        """As in ASKED_FOR."""
        return self.status is AgreementStatus.PAST_DUE and self.collection is CollectionMethod.PAYMENT_LINK

    @property
    def charged_on(self) -> date:
        """The day its card must still be good on."""
        return max(self.next_on or self.today, self.today)

    @property
    def wanted(self) -> Wanted:
        by_itself = self.collection is CollectionMethod.SAVED_METHOD
        return Wanted(self.currency, self.amount, self.account_group, OrderKind.RECURRING, by_itself)


def judged(facts: Facts, all_routes: Iterable[RouteRow], *, allowed: bool) -> Verdict:
    """`allowed`: the setting."""
    way = routes.find(tuple(all_routes), facts.wanted)
    card = _card(facts, way)
    found = [
        _setting(allowed),
        _schedule(facts),
        _running(facts),
        _account(facts),
        _coverage(card) if card is not None else _invoice(facts),
        _gateway(facts, way),
    ]
    gone = card is not None and card.verdict is CardVerdict.NEW_METHOD
    return Verdict(tuple(found), card.reason if card is not None and gone else "")


def _card(facts: Facts, way: Way | None) -> Coverage | None:
    """None where no card is to be charged."""
    if facts.collection is not CollectionMethod.SAVED_METHOD:
        return None
    return judge(facts.method, way.facts if way else None, facts.charged_on, agreement=True)


def _setting(allowed: bool) -> Check:
    words = _("Recurring payments are allowed.") if allowed else _("Recurring payments are switched off.")
    return Check(_("Settings allow recurring payments"), allowed, words)


def _schedule(facts: Facts) -> Check:
    words = _("The schedule exists.") if facts.scheduled else _("No payment was ever scheduled.")
    return Check(_("A schedule exists"), facts.scheduled, words)


def _running(facts: Facts) -> Check:
    question = _("It is active and has a next payment")
    if facts.status is AgreementStatus.DRAFT:
        return Check(question, False, _("It is a draft; nobody has activated it yet."))
    if facts.billed_on and facts.next_on is not None:
        day = words_of_day(facts.next_on)
        return Check(question, False, _("The agreement is past due; the next invoice goes out on %(day)s.", day=day))
    if facts.status is not AgreementStatus.ACTIVE:
        return Check(question, False, _("The agreement is %(state)s.", state=said("agreement", facts.status)))
    if facts.next_on is not None:
        return Check(question, True, _("The next payment is due on %(day)s.", day=words_of_day(facts.next_on)))
    if facts.cancels_on is not None:
        return Check(question, False, _("It ends on %(day)s; nothing more is due.", day=words_of_day(facts.cancels_on)))
    return Check(question, False, _("No further payment is scheduled."))


def _account(facts: Facts) -> Check:
    held = facts.hold_reason is not None
    words = _("The account is on hold: %(reason)s", reason=facts.hold_reason) if held else _("No hold.")
    return Check(_("The account is not on hold"), not held, words)


def _coverage(found: Coverage) -> Check:
    return Check(_("The card is good on its route through the next charge"), found.chargeable, found.reason)


def _invoice(facts: Facts) -> Check:
    words = _("By invoice with a payment link.") if facts.reachable else _("There is nobody to send the link to.")
    return Check(_("It is collected by invoice"), facts.reachable, words)


def _gateway(facts: Facts, way: Way | None) -> Check:
    """What the gateway takes now; the rule of a retired one must reach to the next charge, too."""
    question = _("The gateway takes it")
    if way is None:
        return Check(question, False, _("No route takes this currency at the moment."))
    if not way.open:
        return Check(question, False, routes.why_closed(way))
    until = way.gateway.legacy_until
    if until is not None and way.gateway.state == "deprecated" and facts.charged_on > until:
        names = {"gateway": way.gateway.name, "day": words_of_day(until)}
        return Check(question, False, _("%(gateway)s is being retired and charges until %(day)s only.", **names))
    return Check(question, True, _("%(gateway)s is open for it.", gateway=way.gateway.name))


# Agreements whose due payments are asked for. What is past due by invoice is billed on: each bill is due by itself.
ASKED_FOR = or_(
    PaymentAgreement.status == AgreementStatus.ACTIVE,
    and_(
        PaymentAgreement.status == AgreementStatus.PAST_DUE,
        PaymentAgreement.collection == CollectionMethod.PAYMENT_LINK,
    ),
)

_NEXT = (
    select(ScheduledPayment.id)
    .where(ScheduledPayment.agreement_id == PaymentAgreement.id, ScheduledPayment.status == ScheduledStatus.SCHEDULED)
    .order_by(ScheduledPayment.period)
    .limit(1)
    .correlate(PaymentAgreement)
    .scalar_subquery()
)
_KNOWN = (
    select(ScheduledPayment.id).where(ScheduledPayment.agreement_id == PaymentAgreement.id).correlate(PaymentAgreement)
)
_TOKENS = (
    select(json_rows(gateway=Token.gateway_id))
    .where(Token.method_id == PaymentAgreement.method_id, Token.valid)
    .correlate(PaymentAgreement)
    .scalar_subquery()
)

# What `of_row` reads, beside each agreement of a statement that is joined as in `joined`.
COLUMNS: tuple[Any, ...] = (
    PaymentAgreement.id,
    PaymentAgreement.status,
    PaymentAgreement.zone,
    PaymentAgreement.currency,
    PaymentAgreement.collection,
    PaymentAgreement.method_id,
    PaymentAgreement.cancels_on,
    PaymentAgreement.contact_id,
    ScheduledPayment.due_on.label("next_on"),
    ScheduledPayment.amount.label("next_amount"),
    _KNOWN.exists().label("scheduled"),
    Account.account_group,
    Account.hold_reason,
    Account.billing_contact_id,
    PaymentMethod.brand,
    PaymentMethod.last4,
    PaymentMethod.exp_year,
    PaymentMethod.exp_month,
    PaymentMethod.detached_at,
    PaymentMethod.hard_declined_at,
    _TOKENS.label("tokens"),
)


def joined(statement: Any) -> Any:
    return (
        statement.select_from(PaymentAgreement)
        .join(Account, Account.id == PaymentAgreement.account_id)
        .outerjoin(ScheduledPayment, ScheduledPayment.id == _NEXT)
        .outerjoin(PaymentMethod, PaymentMethod.id == PaymentAgreement.method_id)
    )


ONE = joined(select(*COLUMNS, *routes.COLUMNS)).where(PaymentAgreement.id == bindparam("agreement_id_"))

MANY = joined(select(*COLUMNS)).where(PaymentAgreement.id.in_(bindparam("agreement_ids_", expanding=True)))


def of_row(row: Any) -> Facts:
    return Facts(
        status=row.status,
        today=clock.today(row.zone),
        scheduled=bool(row.scheduled),
        next_on=row.next_on,
        amount=row.next_amount,
        currency=row.currency,
        cancels_on=row.cancels_on,
        collection=row.collection,
        method=_method(row),
        account_group=row.account_group,
        hold_reason=row.hold_reason,
        reachable=row.contact_id is not None or row.billing_contact_id is not None,
    )


def _method(row: Any) -> MethodFacts | None:
    if row.method_id is None:
        return None
    return MethodFacts(
        exp_year=row.exp_year,
        exp_month=row.exp_month,
        detached=row.detached_at is not None,
        hard_declined=row.hard_declined_at is not None,
        gateways=frozenset(x["gateway"] for x in row.tokens),
    )


def of(agreement_id: int, *, fresh: bool = False) -> Verdict:
    """One agreement's. `fresh`: by the setting as committed now, held until the transaction ends."""
    row: Any = read_columns(ONE, agreement_id_=agreement_id).one_or_none()
    if row is None:
        raise NotFound(f"agreement {agreement_id}")
    allowed = bool((settings.fresh if fresh else settings.get)(settings.RECURRING))
    return judged(of_row(row), routes.of(row), allowed=allowed)


def of_all(agreement_ids: Sequence[int], *, fresh: bool = True) -> dict[int, Verdict]:
    """Whether what is due of these may be asked for; three statements. `fresh`: by the setting as committed now, held
    until the transaction ends."""
    allowed, table = bool((settings.fresh if fresh else settings.get)(settings.RECURRING)), routes.load()
    rows: Any = read_columns(MANY, agreement_ids_=list(agreement_ids))
    return {row.id: judged(due(of_row(row)), table, allowed=allowed) for row in rows}


def due(facts: Facts) -> Facts:
    """What a payment that is due is judged by: that the agreement is past due keeps no bill from going out."""
    return replace(facts, status=AgreementStatus.ACTIVE) if facts.billed_on else facts


def refuse_unless_live(agreement_id: int) -> None:
    """In the claiming transaction (invariant 18). Raises Refusal `not_live`."""
    found = of(agreement_id, fresh=True)
    if not found.live:
        raise Refusal("not_live", "Not live: %(reason)s", reason=found.reason)


def _again(agreement_id: int, amount: Money | None) -> tuple[Facts, tuple[RouteRow, ...]]:
    """What a period that failed is judged by when it is charged once more, today: that it is past due, and that nothing
    may come after it, keeps nobody from it."""
    row: Any = read_columns(ONE, agreement_id_=agreement_id).one_or_none()
    if row is None:
        raise NotFound(f"agreement {agreement_id}")
    facts = of_row(row)
    status = AgreementStatus.ACTIVE if facts.status is AgreementStatus.PAST_DUE else facts.status
    minor = amount.minor if amount is not None else facts.amount
    return replace(facts, status=status, next_on=facts.today, amount=minor), routes.of(row)


# Nothing but another card, or another route, helps; waiting does not.
ELSEWHERE = (CardVerdict.RETOKENIZE, CardVerdict.LEGACY, CardVerdict.BLOCKED)


def refuse_unless_retryable(agreement_id: int, amount: Money) -> None:
    """In the transaction that claims a failed period once more (invariant 18). Raises Refusal `not_live`, and
    `card_elsewhere` where its card is with another gateway than the one that charges it, or with one that charges
    nothing any more."""
    facts, all_routes = _again(agreement_id, amount)
    found = judged(facts, all_routes, allowed=bool(settings.fresh(settings.RECURRING)))
    if not found.live:
        card = _card(facts, routes.find(all_routes, facts.wanted))
        elsewhere = card is not None and card.verdict in ELSEWHERE and card.reason == found.reason
        raise Refusal("card_elsewhere" if elsewhere else "not_live", "Not live: %(reason)s", reason=found.reason)


def takes_card_of(gateway_id: int, agreement_id: int, amount: Money | None = None) -> bool:
    """Whether a new card at this gateway is one that the agreement can be charged with: `amount`, or what comes next.
    Where no route is open for it, any may be."""
    facts, all_routes = _again(agreement_id, amount)
    way = routes.find(all_routes, replace(facts, collection=CollectionMethod.SAVED_METHOD).wanted)
    return way is None or gateway_id in (way.gateway.id, way.route.gateway.id)


def why_card_is_gone(agreement_id: int, amount: Money) -> str:
    """Why no waiting helps: the agreement's card can never be charged as it is. Empty where it can, or may again."""
    facts, all_routes = _again(agreement_id, amount)
    return judged(facts, all_routes, allowed=True).no_card
