"""Something for each kind of mail to say where nothing real is at hand: for previews, tests, and trying out words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, get_args, get_type_hints

from flask_babel import gettext as _

from .. import clock
from ..money import Money
from .kinds import Content


def of(kind: type[Content], known: Mapping[str, Any] | None = None) -> Content:
    """What is `known` is so; the rest is made up, in the same currency."""
    facts = _made_up(known["total"].currency) | dict(known) if known else _made_up("EUR")
    types = get_type_hints(kind)
    return kind(**{name: facts.get(name, _by_type(types[name])) for name in kind.__struct_fields__})


def _by_type(wanted: Any) -> Any:
    """For what a kind tells that no other does."""
    some = {datetime: clock.now(), date: clock.now().date(), Money: Money(10_000, "EUR"), int: 2, bool: True}
    return next((some[kind] for kind in (wanted, *get_args(wanted)) if kind in some), "…")


def _made_up(currency: str) -> dict[str, Any]:
    soon = clock.now() + timedelta(days=14)
    card = _("Visa ending in %(digits)s", digits="4242")
    return {
        "name": "Maria Keller",
        "person": "Maria Keller",
        "number": "SO-01042",
        "order": "SO-01042",
        "page": "/orders/SO-01042",
        "customer": "Northfield Clinics",
        "account": "Northfield Clinics",
        "total": Money(4_821_000, currency),
        "due_now": Money(1_446_300, currency),
        "amount": Money(1_446_300, currency),
        "open": Money(1_446_300, currency),
        "received": Money(0, currency),
        "purpose": _("First payment"),
        "message": "",
        "reason": _("Agreed by phone."),
        "card": card,
        "paid_with": card,
        "receipt": "RCT-00007",
        "invoice": "INV-00007",
        "bill": "",
        "payment_order": "PO-5001",
        "what": "payment",
        "bills": "full",
        "event": "made",
        "complete": True,
        "payable": True,
        "late": 7,
        "team": _("Finance"),
        "lines": (_("Money came late"),),
        "due_on": soon.date(),
        "expires_at": soon,
        "paid_at": clock.now(),
        "until": soon,
        "due_by": soon,
    }
