"""The mail that tells a customer what is new about their payment agreement."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar

from flask_babel import gettext as _

from ..formatting import day, money
from ..money import Money
from ..values import Value
from .greeting import first_name


class Told(StrEnum):
    MADE = "made"
    CHANGED = "changed"
    PAUSED = "paused"
    RESUMED = "resumed"
    ENDS = "ends"
    CANCELLED = "cancelled"
    RENEWED = "renewed"


class AgreementTold(Value):
    """To the customer: `event` is one of Told. `amount` is of a whole period; `next_on` the day of the next payment,
    `until` the last day of a pause or of the agreement's term. What was agreed anew is attached."""

    name: str
    number: str
    event: str
    amount: Money
    often: str
    collected: str
    next_on: date | None
    until: date | None
    kind: ClassVar[str] = "agreement"
    asks: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        return _subjects()[Told(self.event)] % {"number": self.number, "day": self._last()}

    @property
    def heading(self) -> str:
        return _headings()[Told(self.event)] % {
            "name": first_name(self.name),
            "amount": money(self.amount),
            "often": self.often,
            "day": self._last(),
        }

    def _last(self) -> str:
        return day(self.until) if self.until else ""


def _subjects() -> dict[Told, str]:
    return {
        Told.MADE: _("Payment agreement %(number)s"),
        Told.CHANGED: _("Payment agreement %(number)s has changed"),
        Told.PAUSED: _("Payment agreement %(number)s is paused"),
        Told.RESUMED: _("Payment agreement %(number)s goes on"),
        Told.ENDS: _("Payment agreement %(number)s ends on %(day)s"),
        Told.CANCELLED: _("Payment agreement %(number)s is cancelled"),
        Told.RENEWED: _("Payment agreement %(number)s is renewed until %(day)s"),
    }


def _headings() -> dict[Told, str]:
    return {
        Told.MADE: _("%(name)s, this is what you agreed to: %(amount)s, %(often)s"),
        Told.CHANGED: _("%(name)s, your payment agreement has changed: %(amount)s, %(often)s"),
        Told.PAUSED: _("%(name)s, your payment agreement is paused"),
        Told.RESUMED: _("%(name)s, your payment agreement goes on"),
        Told.ENDS: _("%(name)s, your payment agreement ends on %(day)s"),
        Told.CANCELLED: _("%(name)s, your payment agreement is cancelled"),
        Told.RENEWED: _("%(name)s, your payment agreement is renewed until %(day)s"),
    }


class AgreementNotice(Value):
    """What every mail to the owner of an agreement tells."""

    number: str
    customer: str
    asks: ClassVar[bool] = False

    @property
    def page(self) -> str:
        return f"/agreements/{self.number}"


class TermEndsNotice(AgreementNotice):
    """To the owner: the term is over after `last_day`, and goes on only if somebody renews it. `amount` of a period."""

    amount: Money
    last_day: date
    kind: ClassVar[str] = "term_ends_notice"

    @property
    def subject(self) -> str:
        facts = {"number": self.number, "name": self.customer, "day": day(self.last_day)}
        return _("%(number)s: the term of %(name)s ends on %(day)s", **facts)

    @property
    def heading(self) -> str:
        return _("The term of %(name)s ends on %(day)s", name=self.customer, day=day(self.last_day))


KINDS = (AgreementTold, TermEndsNotice)
TO_COLLEAGUES = (TermEndsNotice.kind,)
NAMES = {"agreement": "Payment agreement", "term_ends_notice": "Notice: term of an agreement ends"}
