"""An event as it travels."""

from __future__ import annotations

import json
from typing import Any


def body_of(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()
