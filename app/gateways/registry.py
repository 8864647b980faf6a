"""From a gateway row to its adapter. Third parties register theirs under the entry point group `countersign.gateways`.

An entry point's name is the `kind` of the row; its value is called with a `GatewayAccount` and returns a `Gateway`:

    [project.entry-points."countersign.gateways"]
    acmepay = "acmepay_countersign:AcmePay"
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from ..models import Gateway as GatewayRow
from .base import Gateway, GatewayAccount, NotAvailable

GROUP = "countersign.gateways"

SHIPPED = (
    EntryPoint("sandbox", "app.gateways.sandbox.adapter:SandboxGateway", GROUP),
    EntryPoint("stripe", "app.gateways.stripe.adapter:StripeGateway", GROUP),
)

Adapter = Callable[[GatewayAccount], Gateway]


@cache
def adapters() -> dict[str, EntryPoint]:
    """Every known kind. A third party cannot take the name of a shipped one."""
    return {point.name: point for point in (*entry_points(group=GROUP), *SHIPPED)}


def account_of(row: GatewayRow) -> GatewayAccount:
    return GatewayAccount(row.key, row.kind, row.mode, tuple(row.currencies))


def get(row: GatewayRow) -> Gateway:
    """The adapter for `row`. Raises Refusal `gateway_not_available` where there is none or it may not be used here."""
    return for_account(account_of(row))


def for_account(account: GatewayAccount) -> Gateway:
    """As `get`, for callers that must not touch a record any more (between transactions)."""
    point = adapters().get(account.kind)
    if point is None:
        raise NotAvailable("No gateway of the kind “%(kind)s” is installed here.", kind=account.kind)
    return cast(Adapter, point.load())(account)
