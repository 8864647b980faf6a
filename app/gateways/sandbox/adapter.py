"""The sandbox as a gateway like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from flask import current_app

from ...db import assert_no_transaction
from ..base import (
    Capabilities,
    ChargeRequest,
    ChargeResult,
    GatewayAccount,
    GatewayUnreachable,
    NotAvailable,
)
from ..card_field import CardField, Purpose
from ..disputes import DisputeFacts, Evidence
from ..movements import MovementRequest, MovementResult
from ..notices import Notice
from ..outcome import CardFacts
from ..settlement import Payout
from ..setups import SetupRequest, SetupResult
from . import disputes, line, movements, notices, payouts, processor, setups, wallet
from .answers import (
    charge_failed,
    charge_result,
    movement_failed,
    movement_result,
    setup_failed,
    setup_result,
)
from .line import NoAnswer, Rejected

R = TypeVar("R")
REMEMBERED_HOURS = 24 * 365 * 100


class SandboxGateway:
    """Raises Refusal `gateway_not_available` where the sandbox is off or is told to move real money."""

    def __init__(self, account: GatewayAccount) -> None:
        if not current_app.config["SANDBOX"]:
            raise NotAvailable("The sandbox gateway is switched off here: it takes test cards and no real money.")
        if account.mode != "test":
            raise NotAvailable("The gateway “%(key)s” is a sandbox and cannot be live.", key=account.key)
        self.account = account
        self.capabilities = Capabilities(
            currencies=frozenset(account.currencies) or None,
            saved_tokens=True,
            off_session=True,
            next_actions=True,
            capture_later=True,
            void=True,
            partial_refund=True,
            settlement=True,
            disputes=True,
            keys_remembered_hours=REMEMBERED_HOURS,
        )

    def charge(self, request: ChargeRequest) -> ChargeResult:
        assert_no_transaction()
        currency = request.amount.currency
        if not self.capabilities.accepts(currency):
            return charge_failed(Rejected("currency_not_supported", f"This gateway takes no {currency}."))
        try:
            return charge_result(processor.charge(self.account.key, request))
        except (Rejected, NoAnswer) as error:
            return charge_failed(error)

    def look_up(self, key: str, provider_id: str | None) -> ChargeResult | None:
        assert_no_transaction()
        try:
            line.ask(self.account.key)
        except NoAnswer as silence:
            return charge_failed(silence)
        answer = processor.look_up(self.account.key, key, provider_id)
        return charge_result(answer) if answer else None

    def resume(self, provider_id: str, key: str) -> ChargeResult:
        """The sandbox books as soon as the cardholder has confirmed; all that is left is to ask."""
        unknown = Rejected("no_such_charge", "The sandbox knows no such charge.")
        return self.look_up(key, provider_id) or charge_failed(unknown)

    def cancel(self, provider_id: str, key: str) -> ChargeResult:
        assert_no_transaction()
        try:
            line.ask(self.account.key)
            return charge_result(processor.cancel(self.account.key, provider_id))
        except (Rejected, NoAnswer) as error:
            return charge_failed(error)

    def move(self, request: MovementRequest) -> MovementResult:
        assert_no_transaction()
        try:
            return movement_result(movements.move(self.account.key, request))
        except (Rejected, NoAnswer) as error:
            return movement_failed(request, error)

    def look_up_movement(self, request: MovementRequest, provider_id: str | None) -> MovementResult | None:
        assert_no_transaction()
        try:
            line.ask(self.account.key)
        except NoAnswer as silence:
            return movement_failed(request, silence)
        answer = movements.look_up(self.account.key, request.key)
        return movement_result(answer) if answer else None

    def ensure_customer(self, account_number: str, name: str, email: str, key: str) -> str:
        facts = (account_number, name, email, key)
        return self._asked(lambda: wallet.ensure_customer(self.account.key, *facts))

    def save_card(self, request: SetupRequest) -> SetupResult:
        assert_no_transaction()
        try:
            return setup_result(setups.save(self.account.key, request))
        except (Rejected, NoAnswer) as error:
            return setup_failed(error)

    def look_up_setup(self, key: str, provider_id: str | None) -> SetupResult | None:
        assert_no_transaction()
        try:
            line.ask(self.account.key)
        except NoAnswer as silence:
            return setup_failed(silence)
        answer = setups.look_up(self.account.key, key, provider_id)
        return setup_result(answer) if answer else None

    def detach(self, token: str, customer_ref: str) -> None:
        self._asked(lambda: wallet.detach(self.account.key, token, customer_ref))

    def saved_card(self, token: str) -> CardFacts | None:
        return self._asked(lambda: wallet.card(self.account.key, token))

    def card_field(self, purpose: Purpose) -> CardField:
        return CardField("sandbox")

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        return notices.read(self.account.key, body, headers)

    def refund(self, provider_id: str) -> MovementResult | None:
        answer = self._asked(lambda: movements.refund(self.account.key, provider_id))
        return movement_result(answer) if answer else None

    def dispute(self, provider_id: str) -> DisputeFacts | None:
        return self._asked(lambda: disputes.find(self.account.key, provider_id))

    def answer_dispute(self, provider_id: str, evidence: Evidence, key: str) -> DisputeFacts:
        handed_in = sorted([*evidence.words, *evidence.files])
        return self._asked(lambda: disputes.answer(self.account.key, provider_id, handed_in, key))

    def accept_dispute(self, provider_id: str, key: str) -> DisputeFacts:
        return self._asked(lambda: disputes.accept(self.account.key, provider_id, key))

    def payouts(self, since: datetime) -> Iterator[Payout]:
        return iter(self._asked(lambda: payouts.since(self.account.key, since)))

    def check(self) -> list[str]:
        try:
            self._asked(lambda: None)
        except GatewayUnreachable as silence:
            return [f"{silence}."]
        return []

    def _asked(self, answer: Callable[[], R]) -> R:
        """Of what moves no money. What the sandbox does not know of cannot be asked of it either."""
        assert_no_transaction()
        try:
            line.ask(self.account.key)
            return answer()
        except (Rejected, NoAnswer) as error:
            raise GatewayUnreachable(str(error)) from error
