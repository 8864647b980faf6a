"""Could this quote be paid as planned? Asked before approval and before conversion (mission Q4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal

from flask_babel import gettext as _

from ... import settings
from ...formatting import money
from ...models import CollectionMethod, Due, Quote
from ...models.payment_plan import amounts, planned
from ...money import Money
from ...values import Value
from .. import calendar, routes
from ..coverage import Coverage, RouteFacts
from ..orders import methods

Verdict = Literal["pass", "warn", "block"]


class Item(Value):
    """`mend` names the place where it can be put right: the quote, the account, or the payment routes."""

    key: str
    title: str
    verdict: Verdict
    reason: str
    mend: Literal["quote", "account", "routes"]


class Readiness(Value):
    items: tuple[Item, ...]

    @property
    def blocking(self) -> list[Item]:
        return [item for item in self.items if item.verdict == "block"]

    def item(self, key: str) -> Item:
        return next(item for item in self.items if item.key == key)


class PlanStep(Value):
    percent: Decimal | None
    amount: int | None
    due: Due
    collection: CollectionMethod


class Facts(Value):
    """What the verdicts are made from; `route` is a name for people, None where none is open, and `closed` then says
    why the one that matches is not."""

    whole: Money
    steps: Sequence[PlanStep]
    route: str | None
    closed: str
    cards: Sequence[tuple[str, Coverage]]
    billing_contact: str | None
    billing_address: bool
    hold_reason: str | None
    deposit_min: int
    deposit_max: int


def of(quote: Quote) -> Readiness:
    """By what is in the database now; commands decide by this."""
    account, whole = quote.account, quote.totals().gross
    steps = [PlanStep(x.percent, x.amount, x.due, x.collection) for x in quote.instalments]
    kind = routes.kind_of(any(line.frequency for line in quote.lines))
    return judge(
        whole=whole,
        steps=steps,
        wanted=routes.Wanted(whole.currency, _first_part(steps, whole), account.account_group, kind),
        account_id=account.id,
        billing_contact=account.billing_contact.name if account.billing_contact else None,
        billing_address=bool(quote.billing_address_id or account.billing_address_id),
        hold_reason=account.hold_reason,
    )


def judge(
    *,
    whole: Money,
    steps: Sequence[PlanStep],
    wanted: routes.Wanted,
    account_id: int,
    billing_contact: str | None,
    billing_address: bool,
    hold_reason: str | None,
) -> Readiness:
    """Adds what the quote itself does not know: the route, the cards on it, the limits."""
    found = routes.find(routes.load(), wanted)
    route = found.facts if found else None
    facts = Facts(
        whole=whole,
        steps=steps,
        route=found.route.name if found and found.open else None,
        closed=routes.why_closed(found) if found and not found.open else "",
        cards=_cards(account_id, route),
        billing_contact=billing_contact,
        billing_address=billing_address,
        hold_reason=hold_reason,
        deposit_min=settings.get(settings.DEPOSIT_MIN_PERCENT),
        deposit_max=settings.get(settings.DEPOSIT_MAX_PERCENT),
    )
    return Readiness(tuple(verdicts(facts)))


def _first_part(steps: Sequence[PlanStep], whole: Money) -> int | None:
    """What the first charge would be, in minor units: what is due at signature, else the whole."""
    parts = amounts(steps, whole) or []
    first = sum(part.minor for step, part in zip(steps, parts, strict=False) if step.due is Due.SIGNATURE)
    return first or whole.minor or None


def _cards(account_id: int, route: RouteFacts | None) -> list[tuple[str, Coverage]]:
    """The cards on file, newest first, and what each is worth on the route."""
    day = calendar.selling_day()
    return [(methods.label(row), methods.worth(row, route, day)) for row in methods.rows(account_id)]


def verdicts(facts: Facts) -> Iterator[Item]:
    yield _route(facts)
    yield _plan(facts)
    yield _deposit(facts)
    yield _method(facts)
    yield _billing(facts)
    yield _hold(facts)


def _route(facts: Facts) -> Item:
    currency = facts.whole.currency
    if facts.route:
        reason = _("%(currency)s goes by “%(route)s”.", currency=currency, route=facts.route)
        return Item("route", _("Payment route"), "pass", reason, "routes")
    reason = facts.closed or _("No active payment route takes %(currency)s.", currency=currency)
    reason += " " + _("A payment admin can open one.")
    return Item("route", _("Payment route"), "block", reason, "routes")


def _plan(facts: Facts) -> Item:
    title = _("Payment plan")
    if not facts.steps:
        return Item("plan", title, "block", _("There is no payment plan; say what is due when."), "quote")
    if amounts(facts.steps, facts.whole) is None:
        reason = _(
            "The payment plan asks for %(asked)s, but the total is %(total)s; make them the same.",
            asked=money(planned(facts.steps, facts.whole)),
            total=money(facts.whole),
        )
        return Item("plan", title, "block", reason, "quote")
    return Item("plan", title, "pass", _("The instalments add up to the total."), "quote")


def _deposit(facts: Facts) -> Item:
    title = _("Deposit")
    parts = amounts(facts.steps, facts.whole)
    if parts is None:
        return Item("deposit", title, "warn", _("Known once the payment plan adds up."), "quote")
    first = sum(part.minor for step, part in zip(facts.steps, parts, strict=True) if step.due is Due.SIGNATURE)
    if first < facts.whole.minor and not _within(facts, first):
        reason = _(
            "The part due at signature must be between %(least)s and %(most)s percent.",
            least=facts.deposit_min,
            most=facts.deposit_max,
        )
        return Item("deposit", title, "block", reason, "quote")
    return Item("deposit", title, "pass", _("What is due at signature is within the limits."), "quote")


def _within(facts: Facts, first: int) -> bool:
    least, most = (facts.whole.percent(Decimal(x)).minor for x in (facts.deposit_min, facts.deposit_max))
    return least <= first <= most


def _method(facts: Facts) -> Item:
    title = _("Payment method")
    ready = next((label for label, worth in facts.cards if worth.chargeable), None)
    if ready:
        return Item("method", title, "pass", _("%(card)s is ready on this route.", card=ready), "account")
    if not any(step.collection is CollectionMethod.SAVED_METHOD for step in facts.steps):
        return Item("method", title, "pass", _("The customer will be asked."), "account")
    why = f"{facts.cards[0][0]}: {facts.cards[0][1].reason}" if facts.cards else _("There is no card on file.")
    reason = _("The plan charges a saved card and none is ready. %(why)s The customer will be asked for one.", why=why)
    return Item("method", title, "warn", reason, "quote")


def _billing(facts: Facts) -> Item:
    title = _("Billing details")
    if not facts.billing_contact:
        return Item("billing", title, "block", _("The account has no billing contact to send invoices to."), "account")
    if not facts.billing_address:
        return Item("billing", title, "block", _("The account has no billing address to invoice."), "account")
    return Item("billing", title, "pass", _("Invoices go to %(name)s.", name=facts.billing_contact), "account")


def _hold(facts: Facts) -> Item:
    if facts.hold_reason:
        reason = _("The account is on hold: %(reason)s", reason=facts.hold_reason)
        return Item("hold", _("Holds"), "block", reason, "account")
    return Item("hold", _("Holds"), "pass", _("No hold on the account."), "account")
