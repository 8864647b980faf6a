"""What of a processor's payload may be kept: everything but secrets and card numbers."""

from __future__ import annotations

from typing import Any

from ..typed import has_card_number

WITHHELD = "withheld"
SECRETS = frozenset(
    {"client_secret", "secret", "password", "api_key", "access_token"}
    | {"number", "card_number", "pan", "cvc", "cvc2", "cvv", "cvv2", "cid", "security_code"}
)


def redact(value: Any) -> Any:
    """A copy of plain JSON values without what must be in no row (PCI DSS 3.3: no full number, no security code)."""
    if isinstance(value, dict):
        return {redact(k): WITHHELD if _is_secret(k, v) else redact(v) for k, v in value.items()}
    if isinstance(value, list):
        return [redact(item) for item in value]
    if isinstance(value, str | int | float) and has_card_number(str(value)):
        return WITHHELD
    return value


def _is_secret(name: Any, value: Any) -> bool:
    return str(name).lower() in SECRETS and value is not None
