"""The mails of dunning: to the customer whose charge was declined or whose card expires, and to the agreement's owner.

No sentence tells a customer why a card was stopped.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from flask_babel import gettext as _

from ..formatting import money
from ..money import Money
from ..values import Value
from .agreement_kinds import AgreementNotice
from .greeting import first_name


class PaymentRetry(Value):
    """To the customer: the charge was declined, it is made again at `retry_at`; the link pays at once."""

    name: str
    number: str
    amount: Money
    purpose: str
    card: str
    reason: str
    retry_at: datetime
    kind: ClassVar[str] = "payment_retry"
    asks: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        return _("Your payment of %(amount)s for %(number)s did not go through", **_of(self.amount, self.number))

    @property
    def heading(self) -> str:
        return _(
            "%(name)s, your payment of %(amount)s did not go through",
            name=first_name(self.name),
            amount=money(self.amount),
        )


class PaymentConfirm(Value):
    """To the customer: pay by the link; `bank_asks` where that is because the bank wants a confirmation."""

    name: str
    number: str
    amount: Money
    purpose: str
    bank_asks: bool
    expires_at: datetime
    kind: ClassVar[str] = "payment_confirm"
    asks: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        if self.bank_asks:
            return _("Please confirm your payment of %(amount)s for %(number)s", **_of(self.amount, self.number))
        return _("Your payment of %(amount)s for %(number)s is still open", **_of(self.amount, self.number))

    @property
    def heading(self) -> str:
        names = {"name": first_name(self.name), "amount": money(self.amount)}
        if self.bank_asks:
            return _("%(name)s, your bank wants you to confirm a payment of %(amount)s", **names)
        return _("%(name)s, your payment of %(amount)s is still open", **names)


class CardNeeded(Value):
    """To the customer: the card on file was declined; a new one is charged as soon as it is given."""

    name: str
    number: str
    amount: Money
    purpose: str
    card: str
    expires_at: datetime
    kind: ClassVar[str] = "card_needed"
    asks: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        return _("Please give us another card for %(number)s", number=self.number)

    @property
    def heading(self) -> str:
        return _("%(name)s, please give us another card", name=first_name(self.name))


class PlanStopped(Value):
    """To the customer: nothing more is tried. `ending`: what became of the plan, `pause`, `cancel` or `leave`."""

    name: str
    number: str
    amount: Money
    purpose: str
    ending: str
    kind: ClassVar[str] = "plan_stopped"
    asks: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        if self.ending == "pause":
            return _("%(number)s is paused: %(amount)s is still open", **_of(self.amount, self.number))
        if self.ending == "cancel":
            return _("%(number)s has ended: %(amount)s is still open", **_of(self.amount, self.number))
        return _("%(number)s: %(amount)s is still open", **_of(self.amount, self.number))

    @property
    def heading(self) -> str:
        return _("%(name)s, we could not collect %(amount)s", name=first_name(self.name), amount=money(self.amount))


class CardExpires(Value):
    """To the customer: the card is not good any more on `due_on`, when `amount` is charged next."""

    name: str
    number: str
    amount: Money
    card: str
    month: str
    due_on: date
    expires_at: datetime
    kind: ClassVar[str] = "card_expires"
    asks: ClassVar[bool] = True

    @property
    def subject(self) -> str:
        return _("%(card)s expires before the next payment for %(number)s", card=self.card, number=self.number)

    @property
    def heading(self) -> str:
        return _("%(name)s, your card expires soon", name=first_name(self.name))


class DunningNotice(AgreementNotice):
    """To the owner: what failed, `now` what was done about it, and `then` what comes next, empty where nothing does."""

    amount: Money
    reason: str
    now: str
    then: str
    kind: ClassVar[str] = "dunning_notice"

    @property
    def subject(self) -> str:
        facts = {"number": self.number, "name": self.customer, "amount": money(self.amount)}
        return _("%(number)s: %(amount)s of %(name)s is not paid", **facts)

    @property
    def heading(self) -> str:
        return _("%(amount)s of %(name)s could not be collected", amount=money(self.amount), name=self.customer)


class CardExpiresNotice(AgreementNotice):
    """To the owner: the customer was asked for a new card or, where such mails are switched off, was not."""

    card: str
    month: str
    due_on: date
    asked: bool
    kind: ClassVar[str] = "card_expires_notice"

    @property
    def subject(self) -> str:
        return _("%(number)s: the card of %(name)s expires", number=self.number, name=self.customer)

    @property
    def heading(self) -> str:
        return _("The card of %(name)s expires before its next charge", name=self.customer)


def _of(amount: Money, number: str) -> dict[str, str]:
    return {"amount": money(amount), "number": number}


KINDS = (PaymentRetry, PaymentConfirm, CardNeeded, PlanStopped, CardExpires, DunningNotice, CardExpiresNotice)
TO_COLLEAGUES = (DunningNotice.kind, CardExpiresNotice.kind)
NAMES = {
    "payment_retry": "Dunning: charge declined",
    "payment_confirm": "Dunning: please pay or confirm",
    "card_needed": "Dunning: another card needed",
    "plan_stopped": "Dunning: plan paused or ended",
    "card_expires": "Card expires",
    "dunning_notice": "Notice: recurring payment declined",
    "card_expires_notice": "Notice: card expires",
}
