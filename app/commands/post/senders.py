"""Whom a mail comes from, and the id it carries."""

from __future__ import annotations

import secrets
from email.headerregistry import Address
from email.utils import parseaddr
from functools import lru_cache

from flask import current_app

from ...mail import recipients
from ...models import Company


def sender_of(company: Company, wanted: str = "") -> str:
    """As `Name <address>`: the one that Order Email Settings want, the installation's, or the company."""
    name, address = parseaddr(wanted or current_app.config["MAIL_FROM"] or company.email)
    return _named(" ".join((name or company.name).split())[:60], recipients.checked(address))


@lru_cache
def _named(name: str, address: str) -> str:
    return str(Address(name, addr_spec=address))


def message_id(sender: str) -> str:
    return f"<{secrets.token_hex(16)}@{_domain(sender)}>"


@lru_cache
def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2]
