"""What a person may do with a payment order; what they may not stays visible with the reason and who can help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from msgspec.structs import replace
from sqlalchemy import Row

from ..orders.views import Action
from .facts import Collection


def find(collection: Collection, key: str, label: str | None = None) -> Action | None:
    """What is in BLOCKS or ON_EVIDENCE; first what the payment order itself does not let anybody. None for a capture
    or void where nothing is held, for a refund or dispute where nothing was captured."""
    here = url_for("payments.show", number=collection.number)
    where: dict[str, str | int] = {"number": collection.number, "next": here}
    if key == "pack" and not _packs(collection):
        return None
    if key == "offline":
        where["payment_order"] = where.pop("number")
    if key in ON_EVIDENCE:
        row = ON_EVIDENCE[key](collection)
        if row is None:
            return None
        where["transaction_id"] = row.transaction_id
    action = collection.source.actions.find(key, label, **where)
    if action is None:
        return None
    return replace(action, refusal=_blocked(collection, key) or action.refusal)


def _refund(collection: Collection) -> str | None:
    row = collection.reversals.refundable
    if row is not None and not collection.reversals.left(row):
        return _("All of it is refunded, disputed or being refunded.")
    return None


def _blocked(collection: Collection, key: str) -> str | None:
    if key in ON_EVIDENCE or key == "pack":
        return _refund(collection) if key == "refund" else None
    if collection.is_cancelled:
        return _("%(number)s is cancelled.", number=collection.number)
    if collection.source.confirming and not (key == "charge" and collection.challenged is not None):
        return _("A payment is in progress; wait until its outcome is known.")
    return BLOCKS[key](collection)


def _nothing_open(collection: Collection) -> str:
    if collection.figures.held:
        return _("%(number)s is authorized already; capture it instead.", number=collection.number)
    return _("%(number)s is paid.", number=collection.number)


def _charge(collection: Collection) -> str | None:
    if not collection.is_open:
        return _nothing_open(collection)
    if collection.source.held_by_customer and not collection.row.first:
        return _("The customer is asked to sign this order first. Collect the first payment instead.")
    return None


def _offline(collection: Collection) -> str | None:
    if not collection.is_open:
        return _nothing_open(collection)
    if collection.figures.held:
        return _("It holds an authorization. Void that first.")
    if collection.row.first and collection.source.held_by_customer:
        return _("The customer is asked to sign this order first. Record the money on the account instead.")
    return None


def _send_link(collection: Collection) -> str | None:
    if not collection.is_open:
        return _nothing_open(collection)
    if collection.source.held_by_customer:
        return _("The customer pays this order where they sign it. Send the approval mail again instead.")
    return None


def _revoke_link(collection: Collection) -> str | None:
    return None if collection.has_live_link else _("There is no live link.")


def _change_link(collection: Collection) -> str | None:
    return None if collection.has_live_checkout else _("There is no live link.")


def _packs(collection: Collection) -> bool:
    """A pack is the order's: what was signed, and what came of it."""
    return collection.period is None or collection.period.order is not None


def _withdraw(collection: Collection) -> str | None:
    if collection.period is not None:
        return _("It asks for a period of an agreement; credit its invoice, and it asks for that much less.")
    if collection.figures.captured:
        return _("It has collected money, so it stays. Ask AR / finance.")
    if collection.figures.held:
        return _("It holds an authorization. Void that first.")
    if collection.row.first and collection.source.held_by_customer:
        return _("The customer is looking at it. Convert the order to draft; that cancels it.")
    return None


ON_EVIDENCE: dict[str, Callable[[Collection], Row[Any] | None]] = {
    "capture": lambda collection: collection.reversals.hold,
    "void": lambda collection: collection.reversals.hold,
    "refund": lambda collection: collection.reversals.refundable,
    "dispute": lambda collection: next(iter(collection.reversals.captures), None),
}
"""What is done to one transaction, and to which."""

BLOCKS: dict[str, Callable[[Collection], str | None]] = {
    "charge": _charge,
    "offline": _offline,
    "send_link": _send_link,
    "revoke_link": _revoke_link,
    "rotate_link": _revoke_link,
    "extend_link": _change_link,
    "grant_tries": _change_link,
    "withdraw": _withdraw,
}
