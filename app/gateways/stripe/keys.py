"""The secrets of one Stripe account, from the environment; what is missing or wrong with them, in words.

The gateway with the key `stripe` reads COUNTERSIGN_STRIPE_SECRET_KEY and its siblings. Any other reads names with an
infix, `stripe-eu` COUNTERSIGN_STRIPE_EU_SECRET_KEY: none falls back to another account's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import current_app

from ..base import GatewayAccount

PREFIX = "COUNTERSIGN_STRIPE_"


@dataclass(frozen=True, slots=True)
class Keys:
    """`named` is how the variables of this account begin. `webhook_secrets` are several while one is replaced."""

    named: str
    mode: str
    secret: str = field(repr=False)
    publishable: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    api_base: str

    def faults(self) -> list[str]:
        """Why nothing may be sent to Stripe; nothing: it may."""
        return [*_key_faults(f"{self.named}SECRET_KEY", self.secret, ("sk", "rk"), self.mode), *self._base_faults()]

    def field_faults(self) -> list[str]:
        """Why no card can be entered."""
        return _key_faults(f"{self.named}PUBLISHABLE_KEY", self.publishable, ("pk",), self.mode)

    def notice_faults(self) -> list[str]:
        """Why no event can be believed."""
        name = f"{self.named}WEBHOOK_SECRET"
        if not self.webhook_secrets:
            return [f"{name} is not set: nothing that Stripe tells by itself can be believed."]
        odd = any(not secret.startswith("whsec_") for secret in self.webhook_secrets)
        return [f"{name} holds something that is no signing secret; those begin with whsec_."] if odd else []

    def _base_faults(self) -> list[str]:
        if not self.api_base or (_is_loopback(self.api_base) and "_test_" in self.secret[:8]):
            return []
        return [
            f"{self.named}API_BASE sends Stripe's requests to another address; "
            "that is for tests only: to this machine, and with a test key."
        ]


def of(account: GatewayAccount) -> Keys:
    infix = account.key.removeprefix("stripe").strip("-").replace("-", "_").upper()
    infix = f"{infix}_" if infix else ""
    given: Mapping[str, str] = current_app.config["STRIPE"]

    def read(name: str) -> str:
        return given.get(f"{infix}{name}", "").strip()

    return Keys(
        named=f"{PREFIX}{infix}",
        mode=account.mode,
        secret=read("SECRET_KEY"),
        publishable=read("PUBLISHABLE_KEY"),
        webhook_secrets=tuple(read("WEBHOOK_SECRET").split()),
        api_base=read("API_BASE").rstrip("/"),
    )


def _key_faults(name: str, key: str, kinds: tuple[str, ...], mode: str) -> list[str]:
    if not key:
        return [f"{name} is not set."]
    kind, _, rest = key.partition("_")
    said = rest.partition("_")[0]
    if kind not in kinds or said not in ("test", "live"):
        begins = " or ".join(f"{kind}_" for kind in kinds)
        return [f"{name} does not look like a key of Stripe's; it begins with {begins}."]
    if said != mode:
        return [f"{name} is a {said} key, but this gateway's mode is {mode}."]
    return []


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
