"""Can this saved method be charged on that route, and if not, what is to be decided? (mission M2)"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from flask_babel import gettext as _

from ..formatting import day as words_of_day
from ..states.gateway import GatewayState
from ..values import Value


class Verdict(StrEnum):
    READY = "ready"
    RETOKENIZE = "retokenization_required"
    NEW_METHOD = "new_method_required"
    LEGACY = "legacy"
    BLOCKED = "blocked"
    WAIT = "wait"


class Step(StrEnum):
    """What a verdict asks for."""

    USE = "use"
    ESCALATE = "escalate"
    ASK = "ask_customer"
    MIGRATE = "migrate"
    WAIT = "wait"


class MethodFacts(Value):
    """What the verdict needs of a method: its last good month, and the gateways that hold a valid token of it."""

    exp_year: int
    exp_month: int
    detached: bool
    hard_declined: bool
    gateways: frozenset[int]

    def expired_on(self, day: date) -> bool:
        """A card is good through the last day of its month."""
        return (self.exp_year, self.exp_month) < (day.year, day.month)


class RouteFacts(Value):
    name: str
    gateway_id: int
    gateway_name: str
    gateway_state: GatewayState
    legacy_until: date | None = None


class Coverage(Value):
    """The verdict with the facts behind it, and what a person can do about it."""

    verdict: Verdict
    reason: str
    decision: str
    step: Step
    chargeable: bool = False


def legacy_allows(until: date | None, day: date) -> bool:
    """The rule for gateways being retired: cards already there, for running agreements, through a date."""
    return until is not None and day <= until


def judge(method: MethodFacts | None, route: RouteFacts | None, day: date, *, agreement: bool = False) -> Coverage:
    """One cell of the coverage matrix on `day`; None for a method or a route that does not exist. `agreement`: for a
    charge that a running agreement asks for.

    A gateway's own state outranks what the method looks like: on a removed one nothing is worth repairing.
    """
    if route is None:
        return Coverage(
            Verdict.WAIT,
            _("No route takes this currency at the moment."),
            _("A payment admin can open a route for it."),
            Step.WAIT,
        )
    return _by_gateway(route) or _by_method(method, route, day, agreement)


def _by_gateway(route: RouteFacts) -> Coverage | None:
    if route.gateway_state is GatewayState.REMOVED:
        return Coverage(
            Verdict.BLOCKED,
            _("%(gateway)s is removed; it takes no new charge.", gateway=route.gateway_name),
            _("Take a new card on another route."),
            Step.ASK,
        )
    if route.gateway_state is GatewayState.UNAVAILABLE:
        return Coverage(
            Verdict.WAIT,
            _("%(gateway)s is unavailable at the moment.", gateway=route.gateway_name),
            _("Wait for its repair, or ask a payment admin to migrate the route."),
            Step.WAIT,
        )
    return None


def _by_method(method: MethodFacts | None, route: RouteFacts, day: date, agreement: bool) -> Coverage:
    if method is None or method.detached:
        return _new_method(_("There is no card on file.") if method is None else _("This card was taken off file."))
    if method.expired_on(day):
        return _new_method(
            _("This card expired in %(month)02d/%(year)d.", month=method.exp_month, year=method.exp_year)
        )
    if method.hard_declined:
        return _new_method(_("The bank declined this card; charging it again cannot work."))
    if route.gateway_state is GatewayState.DEPRECATED:
        return _legacy(method, route, day, agreement)
    if route.gateway_id not in method.gateways:
        return _elsewhere(method, route)
    return Coverage(Verdict.READY, _("Ready on %(route)s.", route=route.name), _("Use it."), Step.USE, chargeable=True)


def _legacy(method: MethodFacts, route: RouteFacts, day: date, agreement: bool) -> Coverage:
    """A gateway being retired: its cards go on for running agreements, and no new one comes."""
    known, allowed = route.gateway_id in method.gateways, legacy_allows(route.legacy_until, day)
    names = {"gateway": route.gateway_name, "day": words_of_day(route.legacy_until) if route.legacy_until else ""}
    if not known:
        reason = _("%(gateway)s is being retired and takes no new cards; this one is not there.", **names)
    elif allowed:
        reason = _("%(gateway)s is being retired; it charges running agreements only, until %(day)s.", **names)
    elif route.legacy_until:
        reason = _("%(gateway)s is retired; it charged running agreements until %(day)s.", **names)
    else:
        reason = _("%(gateway)s is being retired and charges nothing new.", **names)
    if known and allowed and agreement:
        return Coverage(Verdict.LEGACY, reason, _("Use it for the agreement."), Step.USE, chargeable=True)
    decision = _("Ask a payment admin to migrate the route, or take a new card.")
    return Coverage(Verdict.LEGACY, reason, decision, Step.MIGRATE)


def _elsewhere(method: MethodFacts, route: RouteFacts) -> Coverage:
    if not method.gateways:
        return _new_method(_("No gateway holds this card any more."))
    return Coverage(
        Verdict.RETOKENIZE,
        _("This card is on file with another gateway, not with %(gateway)s.", gateway=route.gateway_name),
        _("Ask a payment admin to retokenize it, or take a new card."),
        Step.ESCALATE,
    )


def _new_method(reason: str) -> Coverage:
    return Coverage(Verdict.NEW_METHOD, reason, _("Ask the customer for a new card."), Step.ASK)
