"""From a gateway row to its adapter, ours or a third party's."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from app.errors import Refusal
from app.gateways import registry
from app.gateways.base import ChargeRequest, GatewayAccount
from app.models import Gateway
from app.money import Money


def acme_pay(account: GatewayAccount) -> SimpleNamespace:
    return SimpleNamespace(account=account)


@pytest.fixture
def third_party(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    offered = [
        EntryPoint("acmepay", f"{__name__}:acme_pay", registry.GROUP),
        EntryPoint("sandbox", f"{__name__}:acme_pay", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: [e for e in offered if e.group == group])
    registry.adapters.cache_clear()
    yield
    registry.adapters.cache_clear()


def test_a_third_partys_gateway_is_found_by_its_entry_point(third_party: None) -> None:
    found = registry.get(Gateway(key="acme-eu", kind="acmepay", name="Acme", mode="live", currencies=["EUR"]))
    assert found.account == GatewayAccount("acme-eu", "acmepay", "live", ("EUR",))


def test_a_third_party_cannot_take_the_sandboxs_name(third_party: None) -> None:
    assert registry.adapters()["sandbox"].value.startswith("app.gateways.sandbox")


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(Refusal, match="nopay") as refused:
        registry.get(Gateway(key="x", kind="nopay", name="X", mode="test", currencies=[]))
    assert refused.value.code == "gateway_not_available"


def test_a_request_survives_its_json_and_its_fingerprint_ignores_only_the_key() -> None:
    request = ChargeRequest("k1", Money(100, "JPY"), "alias", None, None, False, "ACME", {"order": "SO-1"}, "/back")
    again = ChargeRequest.from_dict(request.as_dict())
    assert again == request
    other_key = ChargeRequest.from_dict({**request.as_dict(), "key": "k2"})
    assert other_key.fingerprint == request.fingerprint
    other_sum = ChargeRequest.from_dict({**request.as_dict(), "amount": {"minor": 101, "currency": "JPY"}})
    assert other_sum.fingerprint != request.fingerprint
