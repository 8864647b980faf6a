"""Making agreements: with the order that has recurring lines, or by hand; and starting them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import select

from ... import audit, clock, forms, numbering
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...mail.agreement_kinds import Told
from ...models import (
    Account,
    Actor,
    AgreementLine,
    Approval,
    Attempt,
    CollectionMethod,
    Company,
    Contact,
    Frequency,
    OrderLine,
    PaymentAgreement,
    PaymentMethod,
    PaymentOrder,
    Proration,
    Renewal,
    SalesOrder,
    Signature,
    Subscription,
    User,
)
from ...states.agreement import AgreementEvent
from ...states.attempt import AttemptStatus
from ...values import Value
from . import holding, schedule, supplying, telling, versions


def for_order(order: SalesOrder, *, by: Actor) -> list[PaymentAgreement]:
    """One agreement for each schedule of the order's recurring lines, once: those that share frequency, first and last
    day are charged together. What is due with the order covers period 1, the schedule starts with period 2. Inside a
    transaction, order locked."""
    waiting = db.session.scalars(
        select(Subscription).where(Subscription.order_id == order.id, Subscription.agreement_id.is_(None))
    ).all()
    found = []
    for _, group in groupby(sorted(waiting, key=lambda x: (*_schedule_of(x), x.id)), _schedule_of):
        agreement = _of_order(order, list(group), by)
        if agreement is not None:
            found.append(agreement)
    return found


def _schedule_of(subscription: Subscription) -> tuple[Frequency, date, date]:
    return subscription.frequency, subscription.starts_on, subscription.ends_on or date.max


def _of_order(order: SalesOrder, subscriptions: list[Subscription], by: Actor) -> PaymentAgreement | None:
    first = subscriptions[0]
    ids = {x.order_line_id for x in subscriptions}
    lines = [_line(n, x) for n, x in enumerate((x for x in order.lines if x.id in ids), start=1)]
    method, by_card = _method_of(order)
    row = PaymentAgreement(
        account_id=order.account_id,
        contact_id=order.contact_id,
        order_id=order.id,
        owner_id=order.owner_id,
        currency=order.currency,
        zone=_zone(),
        prices_include_tax=order.prices_include_tax,
        rounding_rule=order.rounding_rule,
        frequency=first.frequency,
        every=1,
        anchor=first.starts_on,
        anchor_period=1,
        first_period=2,
        ends_on=first.ends_on,
        term_months=order.term_months,
        renewal=order.renewal,
        proration=Proration.DAILY,
        collection=CollectionMethod.SAVED_METHOD if by_card else CollectionMethod.PAYMENT_LINK,
        method_id=method.id if method else None,
        lines=lines,
        **_consent(order, method, by),
    )
    if not row.totals().gross:
        return None
    _add(row, by)
    for subscription in subscriptions:
        subscription.agreement_id = row.id
    _activate(row, by)
    return row


def _line(position: int, line: OrderLine) -> AgreementLine:
    names = ("sku", "description", "quantity", "unit_price", "discount_percent", "tax_rate")
    return AgreementLine(position=position, order_line_id=line.id, **{name: getattr(line, name) for name in names})


def _method_of(order: SalesOrder) -> tuple[PaymentMethod | None, bool]:
    """The card that paid the first payment, else the account's default; and whether cards are how this is paid."""
    tried = (
        select(Attempt.method_id)
        .join(PaymentOrder, PaymentOrder.id == Attempt.payment_order_id)
        .where(PaymentOrder.order_id == order.id, PaymentOrder.first, Attempt.status == AttemptStatus.SUCCEEDED)
        .order_by(Attempt.id.desc())
        .limit(1)
    )
    row = db.session.execute(tried).one_or_none()
    method_id = (row[0] if row else None) or get(Account, order.account_id).default_method_id
    method = db.session.get(PaymentMethod, method_id) if method_id else None
    return method, row is not None or method is not None


def _consent(order: SalesOrder, method: PaymentMethod | None, by: Actor) -> dict[str, Any]:
    """The signature under the order; else the words the card was kept under; else who booked it."""
    signature = db.session.scalars(
        select(Signature)
        .join(Approval, Approval.id == Signature.approval_id)
        .where(Approval.order_id == order.id)
        .order_by(Signature.id.desc())
        .limit(1)
    ).one_or_none()
    if signature is not None:
        version = signature.terms_version
        return _evidence(signature.consent_text, signature.name, "signed order", signature.signed_at, version)
    if method is not None:
        return _evidence(method.consent_text, method.consent_by, method.consent_how, method.consent_at)
    return _evidence(f"Agreed with order {order.number}.", by.name, "booked on terms", clock.now())


def _evidence(text: str, who: str, how: str, at: datetime, version: int | None = None) -> dict[str, Any]:
    return {
        "consent_text": text,
        "consent_by": who,
        "consent_how": how,
        "consent_at": at,
        "consent_version": version,
    }


class LineFacts(Value):
    """What recurs; `unit_price` in major units, rates in percent."""

    description: str
    quantity: Decimal
    unit_price: Decimal
    tax_rate: Decimal


class Terms(Value):
    """An agreement by hand. `starts_on` is the first day of period 1, on which it is charged first; a trial ends before
    it. `ends_on` None: evergreen."""

    frequency: Frequency
    starts_on: date
    lines: Sequence[LineFacts]
    collection: CollectionMethod
    consent_text: str
    consent_by: str
    consent_how: str
    every: int = 1
    contact_id: int | None = None
    policy_id: int | None = None
    method_id: int | None = None
    ends_on: date | None = None
    trial_ends_on: date | None = None
    proration: Proration = Proration.NONE


def create(account_id: int, terms: Terms, *, form_key: str, by: User) -> PaymentAgreement:
    """A draft by hand, with its schedule; nothing is charged before it is activated.

    Raises Refusal: `not_permitted`, `nothing_to_pay`, `starts_too_early`, `ends_too_early`, `trial_too_long`,
    `no_method`, `no_contact`, `consent_missing`, `key_reused`.
    """
    content = ["agreement.create", account_id, str(terms)]
    with transaction():
        demand(by, Permission.AGREEMENT_MANAGE)
        account = lock(Account, account_id)
        if (known := forms.answered(form_key, content)) is not None:
            return get(PaymentAgreement, known["id"])
        row = _by_hand(account, terms, by)
        _refuse_unless_sound(row, terms, clock.today(row.zone))
        _add(row, Actor.of(by))
        forms.remember(form_key, content, id=row.id)
        return row


def _by_hand(account: Account, terms: Terms, by: User) -> PaymentAgreement:
    return PaymentAgreement(
        account_id=account.id,
        contact_id=terms.contact_id or account.billing_contact_id,
        owner_id=by.id,
        dunning_policy_id=terms.policy_id,
        currency=account.currency,
        zone=_zone(),
        frequency=terms.frequency,
        every=terms.every,
        anchor=terms.starts_on,
        anchor_period=1,
        first_period=1,
        ends_on=terms.ends_on,
        renewal=Renewal.NONE,
        trial_ends_on=terms.trial_ends_on,
        proration=terms.proration,
        collection=terms.collection,
        method_id=terms.method_id if terms.collection is CollectionMethod.SAVED_METHOD else None,
        lines=[
            AgreementLine(
                position=n,
                description=x.description,
                quantity=x.quantity,
                unit_price=x.unit_price,
                discount_percent=Decimal(0),
                tax_rate=x.tax_rate,
            )
            for n, x in enumerate(terms.lines, start=1)
        ],
        **_evidence(terms.consent_text.strip(), terms.consent_by.strip(), terms.consent_how.strip(), clock.now()),
    )


def _refuse_unless_sound(row: PaymentAgreement, terms: Terms, today: date) -> None:
    if not row.totals().gross:
        raise Refusal("nothing_to_pay", "This comes to nothing; enter what is paid each period.", status=422)
    _refuse_days(row.anchor, row.ends_on, today)
    if row.trial_ends_on is not None and row.trial_ends_on >= row.anchor:
        raise Refusal(
            "trial_too_long", "The trial must end before the first payment.", "Choose an earlier day.", status=422
        )
    if not row.consent_text or not row.consent_by:
        raise Refusal("consent_missing", "Write down what the customer agreed to, and who did.", status=422)
    refuse_foreign(row.account_id, contact_id=row.contact_id)
    refuse_unless_chargeable(row.account_id, row.collection, row.method_id)


def _refuse_days(first: date, last: date | None, today: date) -> None:
    if first < today:
        raise Refusal("starts_too_early", "The first payment lies in the past.", "Choose today or later.", status=422)
    if last is not None and last < first:
        raise Refusal("ends_too_early", "It would end before it starts.", "Choose a later last day.", status=422)


def refuse_foreign(account_id: int, *, contact_id: int | None) -> None:
    if contact_id is not None and get(Contact, contact_id).account_id != account_id:
        raise Refusal("no_contact", "This contact belongs to another account.", "Choose a contact of this one.")


def refuse_unless_chargeable(account_id: int, collection: CollectionMethod, method_id: int | None) -> None:
    """What is charged by itself names a card of the account that is on file; whether it can be charged on its route is
    for the verdict to say."""
    if collection is not CollectionMethod.SAVED_METHOD:
        return
    method = db.session.get(PaymentMethod, method_id) if method_id else None
    if method is None or method.account_id != account_id or method.detached_at is not None:
        raise Refusal(
            "no_method",
            "Choose a card that this account has on file.",
            "Ask the customer for one, or collect by invoice with a payment link.",
            status=422,
        )


def _add(row: PaymentAgreement, by: Actor) -> None:
    row.number = numbering.take("agreement")
    db.session.add(row)
    db.session.flush()
    row.record("created", by=by, number=row.number, amount=row.totals().gross.minor, currency=row.currency)
    audit.note("agreement.create", row.number, by=by, after={"amount": row.totals().gross, "every": _often(row)})
    versions.write(row, "Made", by=by)
    schedule.extend(row)


def _often(row: PaymentAgreement) -> str:
    return str(row.frequency) if row.every == 1 else f"every {row.every}, {row.frequency}"


def _zone() -> str:
    return db.session.get_one(Company, 1).time_zone


def activate(agreement_id: int, *, first_on: date | None = None, by: User) -> PaymentAgreement:
    """`first_on`: where its first day went by while it was a draft, the one that takes its place.

    Raises Refusal: `not_permitted`, `not_a_draft`, `starts_too_early`, `ends_too_early`.
    """
    with transaction():
        demand(by, Permission.AGREEMENT_MANAGE)
        row, today = holding.hold(agreement_id), clock.today(get(PaymentAgreement, agreement_id).zone)
        if not row.can(AgreementEvent.ACTIVATE):
            raise Refusal("not_a_draft", "%(number)s is no draft any more.", "Reload the page.", number=row.number)
        if row.anchor < today:
            _begin_on(row, first_on or row.anchor, today, Actor.of(by))
        _activate(row, Actor.of(by))
        supplying.begin(row, by=Actor.of(by))
        return row


def _begin_on(row: PaymentAgreement, day: date, today: date, by: Actor) -> None:
    _refuse_days(day, row.ends_on, today)
    row.anchor = day
    schedule.renew(row, by=by, because="Activated later")
    row.record("changed", by=by, number=row.number, amount=row.totals().gross.minor, currency=row.currency)
    versions.write(row, "The first payment was moved", by=by)


def _activate(row: PaymentAgreement, by: Actor) -> None:
    row.transition(AgreementEvent.ACTIVATE, by=by, number=row.number)
    audit.note("agreement.activate", row.number, by=by)
    schedule.extend(row)
    telling.tell(row, Told.MADE, paper=versions.paper(row), by=by)
