"""What every page knows: the company, the signed-in person's way around, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, g, request, url_for
from flask_login import current_user
from sqlalchemy import select

from .access import Permission, can
from .db import adopt, read_columns
from .models.company import Company


@dataclass(frozen=True, slots=True)
class NavItem:
    name: str
    url: str
    icon: str
    active: bool


COMPANY = select(*Company.__table__.columns).where(Company.id == 1)

ADMINISTRATION = (
    Permission.SETTINGS_EDIT,
    Permission.USER_MANAGE,
    Permission.GATEWAY_MANAGE,
    Permission.AUDIT_VIEW,
)

# name, endpoint, icon, permissions (one of them will do; none: every member of staff), only with the demo mailbox
ITEMS: tuple[tuple[str, str, str, tuple[Permission, ...], bool], ...] = (
    ("Orders", "orders.index", "file-invoice", (Permission.ORDER_VIEW,), False),
    ("Quotes", "quotes.index", "file-text", (Permission.QUOTE_VIEW,), False),
    ("Payments", "payments.index", "credit-card", (Permission.PAYMENT_VIEW,), False),
    ("Invoices", "invoices.index", "receipt", (Permission.INVOICE_VIEW,), False),
    ("Receivables", "receivables.index", "coins", (Permission.RECEIVABLES_VIEW,), False),
    ("Settlement", "settlement.index", "cash", (Permission.SETTLEMENT_VIEW,), False),
    ("Accounts", "accounts.index", "building", (Permission.ACCOUNT_VIEW,), False),
    ("Reports", "reports.index", "file-description", (Permission.REPORT_VIEW,), False),
    ("Sandbox", "sandbox_console.index", "coins", (Permission.SANDBOX_OPERATE,), False),
    ("Mailbox", "mailbox.index", "mail", (), True),
    ("Admin", "admin.index", "settings", ADMINISTRATION, False),
)


def company() -> Company:
    """The selling company; one look a request. Before there is one, a nameless stand-in that is never stored."""
    if "company" not in g:
        remember(read_columns(COMPANY).one_or_none())
    return g.company


def remember(values: Sequence[Any] | None) -> None:
    """The company's row, for the rest of the request: whoever reads another one anyway may bring it along."""
    g.company = adopt(Company, values) if values else _nobody()


def _nobody() -> Company:
    facts = dict.fromkeys(("street", "postcode", "city", "country", "tax_id", "email", "phone"), "")
    return Company(name="Countersign", time_zone="UTC", currency="EUR", accent="#3b4cca", **facts)


def nav_items() -> list[NavItem]:
    if not current_user.is_authenticated:
        return []
    here = (request.endpoint or "").partition(".")[0]
    mailbox = current_app.config["MAIL_TRANSPORT"] == "mailbox"
    return [
        NavItem(name, url_for(endpoint), icon, endpoint.partition(".")[0] == here)
        for name, endpoint, icon, permissions, demo in ITEMS
        if endpoint in current_app.view_functions
        and (mailbox or not demo)
        and (not permissions or any(map(can, permissions)))
    ]


def _context() -> dict[str, Any]:
    return {"company": company(), "nav_items": nav_items}


def register(app: Flask) -> None:
    app.context_processor(_context)
