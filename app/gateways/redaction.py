"""What of a processor's payload may be kept: everything but secrets and card numbers."""

from __future__ import annotations

from typing import Any

from ..typed import has_card_number

WITHHELD = "withheld"
SECRETS = frozenset({"client_secret", "secret", "number", "cvc", "cvv", "password", "api_key", "access_token"})


def redact(value: Any) -> Any:
    """A copy of plain JSON values without what must be in no row (PCI DSS 3.3: no full number, no security code)."""
    if isinstance(value, dict):
        return {k: WITHHELD if k in SECRETS and v is not None else redact(v) for k, v in value.items()}
    if isinstance(value, list):
        return [redact(item) for item in value]
    if isinstance(value, str | int) and has_card_number(str(value)):
        return WITHHELD
    return value
