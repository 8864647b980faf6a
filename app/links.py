"""Tokens of mailed links: a signature over kind, public id and generation; nothing of it is stored or logged.

HMAC-SHA-256 (256 bits) through itsdangerous, which compares in constant time and accepts rotated keys.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer

Kind = Literal["approve", "pay", "method"]

PLACEHOLDER = "https://link.withheld.invalid/"


def _serializer(kind: Kind) -> URLSafeSerializer:
    keys = [*reversed(current_app.config["SECRET_KEY_FALLBACKS"]), current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt=f"link:{kind}", signer_kwargs={"digest_method": hashlib.sha256})


def mint(kind: Kind, public_id: str, generation: int) -> str:
    return str(_serializer(kind).dumps([public_id, generation]))


def read(kind: Kind, token: str) -> tuple[str, int] | None:
    """Public id and generation, or None for anything we did not sign."""
    try:
        public_id, generation = _serializer(kind).loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    return str(public_id), int(generation)


def url(kind: Kind, public_id: str, generation: int) -> str:
    """The whole address, as it stands in a mail. Needs no request: workers mint links, too."""
    endpoint = {"approve": "public.approve", "pay": "public.pay", "method": "public.add_method"}[kind]
    return page(endpoint, token=mint(kind, public_id, generation))


def page(endpoint: str, **values: object) -> str:
    """The whole address of a page of ours, for mails; needs no request."""
    path = current_app.url_map.bind("").build(endpoint, values)
    return current_app.config["BASE_URL"] + path
