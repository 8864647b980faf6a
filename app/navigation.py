"""What every page knows: the company, the signed-in person's way around, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from flask import Flask, current_app, g, request, url_for
from flask_login import current_user
from sqlalchemy import select

from .access import Permission, can
from .db import adopt, read_columns
from .language import gettext, marked
from .models.company import Company
from .values import Value


class NavItem(Value):
    name: str
    url: str
    icon: str
    active: bool


class NavMenu(Value):
    """Places that are gone to less often, behind one name."""

    key: str
    name: str
    items: tuple[NavItem, ...]

    @property
    def active(self) -> bool:
        return any(item.active for item in self.items)


class Place(NamedTuple):
    """One of `permissions` will do; without any it is for every member of staff. `menu` is a key of MENUS."""

    name: str
    endpoint: str
    icon: str
    permissions: tuple[Permission, ...] = ()
    menu: str = ""
    demo_mail: bool = False


COMPANY = select(*Company.__table__.columns).where(Company.id == 1)

P = Permission
ADMINISTRATION = (P.SETTINGS_EDIT, P.USER_MANAGE, P.GATEWAY_MANAGE, P.AUDIT_VIEW, P.EMAIL_SETTINGS_EDIT)

MENUS = {"finance": marked("Finance"), "operations": marked("Operations"), "demo": marked("Demo")}

# In their order. One whose endpoint is not registered here is left out.
PLACES = (
    Place(marked("Orders"), "orders.index", "file-invoice", (P.ORDER_VIEW,)),
    Place(marked("Quotes"), "quotes.index", "file-text", (P.QUOTE_VIEW,)),
    Place(marked("Payments"), "payments.index", "credit-card", (P.PAYMENT_VIEW,)),
    Place(marked("Agreements"), "agreements.index", "repeat", (P.AGREEMENT_VIEW,)),
    Place(marked("Invoices"), "invoices.index", "receipt", (P.INVOICE_VIEW,)),
    Place(marked("Accounts"), "accounts.index", "building", (P.ACCOUNT_VIEW,)),
    Place(marked("Receivables"), "receivables.index", "coins", (P.RECEIVABLES_VIEW,), "finance"),
    Place(marked("Recovery"), "dunning.index", "refresh", (P.AGREEMENT_VIEW,), "finance"),
    Place(marked("Settlement"), "settlement.index", "cash", (P.SETTLEMENT_VIEW,), "finance"),
    Place(marked("Reports"), "reports.index", "file-description", (P.REPORT_VIEW,), "finance"),
    Place(marked("Payment operations"), "operations.payments", "activity", (P.PAYMENT_OPERATE,), "operations"),
    Place(marked("Order mail"), "post.amiss", "mail", (P.MAIL_OPERATE,), "operations"),
    Place(marked("Processor events"), "events.index", "webhook", (P.EVENT_VIEW,), "operations"),
    Place(marked("Escalations"), "escalations.index", "bell", (P.ESCALATION_VIEW,), "operations"),
    Place(marked("Sandbox console"), "sandbox_console.index", "coins", (P.SANDBOX_OPERATE,), "demo"),
    Place(marked("Mailbox"), "mailbox.index", "mail", (), "demo", True),
    Place(marked("Admin"), "admin.index", "settings", ADMINISTRATION),
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


def places() -> list[NavItem]:
    """All that the signed-in person may go to, in their order."""
    return [_item(place) for place in _open_places()]


def navigation() -> list[NavItem | NavMenu]:
    """The same as the top bar shows it: a menu stands where its first place would; one with a single place is none."""
    found: list[NavItem | NavMenu] = []
    for key, group in groupby(_open_places(), lambda place: place.menu):
        items = tuple(map(_item, group))
        if key and len(items) > 1:
            found.append(NavMenu(key, gettext(MENUS[key]), items))
        else:
            found += items
    return found


def _open_places() -> list[Place]:
    if not current_user.is_authenticated:
        return []
    mailbox = current_app.config["MAIL_TRANSPORT"] == "mailbox"
    return [
        place
        for place in PLACES
        if place.endpoint in current_app.view_functions
        and (mailbox or not place.demo_mail)
        and (not place.permissions or any(map(can, place.permissions)))
    ]


def _item(place: Place) -> NavItem:
    room, here = place.endpoint.partition(".")[0], (request.endpoint or "").partition(".")[0]
    return NavItem(gettext(place.name), url_for(place.endpoint), place.icon, room == here)


def _context() -> dict[str, Any]:
    return {"company": company(), "navigation": navigation}


def register(app: Flask) -> None:
    app.context_processor(_context)
