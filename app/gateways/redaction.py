"""What of a processor's payload may be kept: everything but secrets and card numbers."""

from __future__ import annotations

import re
from typing import Any

WITHHELD = "withheld"
SECRETS = frozenset({"client_secret", "secret", "number", "cvc", "cvv", "password", "api_key", "access_token"})
CARD_NUMBER = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


def redact(value: Any) -> Any:
    """A copy of plain JSON values without what must be in no row (PCI DSS 3.3: no full number, no security code)."""
    if isinstance(value, dict):
        return {k: WITHHELD if k in SECRETS and v is not None else redact(v) for k, v in value.items()}
    if isinstance(value, list):
        return [redact(item) for item in value]
    if isinstance(value, str):
        return CARD_NUMBER.sub(lambda m: WITHHELD if passes_luhn(m.group()) else m.group(), value)
    if isinstance(value, int) and not isinstance(value, bool) and passes_luhn(str(value)):
        return WITHHELD
    return value


def passes_luhn(text: str) -> bool:
    """Thirteen to nineteen digits with a right check digit (ISO/IEC 7812-1)."""
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19:
        return False
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
