"""A Stripe account as a gateway like any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

from stripe import StripeClient

from ...db import assert_no_transaction
from ..base import Capabilities, ChargeRequest, ChargeResult, GatewayAccount
from ..card_field import CardField, Purpose
from ..disputes import DisputeFacts, Evidence
from ..movements import MovementRequest, MovementResult
from ..notices import Notice
from ..outcome import CardFacts
from ..settlement import Payout
from ..setups import SetupRequest, SetupResult
from . import card_field, charges, disputes, health, keys, movements, notices, settlement, setups
from .client import asking, connect, told


class StripeGateway:
    """Made without a word to Stripe and without complaint: what is missing is what its calls answer, and `check`."""

    def __init__(self, account: GatewayAccount) -> None:
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
            keys_remembered_hours=24,
        )
        self._keys = keys.of(account)

    def _client(self) -> StripeClient:
        return connect(self._keys)

    def charge(self, request: ChargeRequest) -> ChargeResult:
        assert_no_transaction()
        if not self.capabilities.accepts(request.amount.currency):
            words = f"This gateway takes no {request.amount.currency}."
            return charges.refused("currency_not_supported", words)
        return charges.guarded(lambda: charges.charge(self._client(), request))

    def look_up(self, key: str, provider_id: str | None) -> ChargeResult | None:
        assert_no_transaction()
        return told(lambda: charges.look_up(self._client(), key, provider_id), charges.unknown)

    def resume(self, provider_id: str, key: str) -> ChargeResult:
        assert_no_transaction()
        return told(lambda: charges.retrieve(self._client(), provider_id), charges.unknown)

    def cancel(self, provider_id: str, key: str) -> ChargeResult:
        assert_no_transaction()
        return told(lambda: charges.cancel(self._client(), provider_id, key), charges.unknown)

    def move(self, request: MovementRequest) -> MovementResult:
        assert_no_transaction()
        return movements.guarded(request, lambda: movements.move(self._client(), request))

    def look_up_movement(self, request: MovementRequest, provider_id: str | None) -> MovementResult | None:
        assert_no_transaction()
        return told(
            lambda: movements.look_up(self._client(), request, provider_id),
            lambda words: movements.unknown(request, words),
        )

    def refund(self, provider_id: str) -> MovementResult | None:
        assert_no_transaction()
        return asking(lambda: movements.retrieve_refund(self._client(), provider_id))

    def ensure_customer(self, account_number: str, name: str, email: str, key: str) -> str:
        assert_no_transaction()
        return asking(lambda: setups.ensure_customer(self._client(), account_number, name, email, key))

    def save_card(self, request: SetupRequest) -> SetupResult:
        assert_no_transaction()
        return setups.guarded(lambda: setups.save(self._client(), request))

    def look_up_setup(self, key: str, provider_id: str | None) -> SetupResult | None:
        assert_no_transaction()
        return told(lambda: setups.look_up(self._client(), key, provider_id), setups.unknown)

    def detach(self, token: str, customer_ref: str) -> None:
        assert_no_transaction()
        asking(lambda: setups.detach(self._client(), token))

    def saved_card(self, token: str) -> CardFacts | None:
        assert_no_transaction()
        return asking(lambda: setups.saved_card(self._client(), token))

    def card_field(self, purpose: Purpose) -> CardField:
        return card_field.of(self._keys, purpose)

    def read_notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        return notices.read_notice(self._keys, body, headers)

    def dispute(self, provider_id: str) -> DisputeFacts | None:
        assert_no_transaction()
        return asking(lambda: disputes.dispute(self._client(), provider_id))

    def answer_dispute(self, provider_id: str, evidence: Evidence, key: str) -> DisputeFacts:
        assert_no_transaction()
        return asking(lambda: disputes.answer(self._client(), provider_id, evidence, key))

    def accept_dispute(self, provider_id: str, key: str) -> DisputeFacts:
        assert_no_transaction()
        return asking(lambda: disputes.accept(self._client(), provider_id, key))

    def payouts(self, since: datetime) -> Iterator[Payout]:
        """Each payout is asked for when it is its turn; between two of them the caller may write."""
        assert_no_transaction()
        for payout in asking(lambda: settlement.created(self._client(), since)):
            assert_no_transaction()
            yield asking(partial(settlement.payout, self._client(), payout))

    def check(self) -> list[str]:
        assert_no_transaction()
        return health.check(self.account, self._keys)
