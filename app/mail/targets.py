"""What a mail's link leads to: its generation, read when the link is minted, and whether it still leads anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from .. import clock, links
from ..db import db
from ..models.approval import Approval
from ..models.method_request import MethodRequest
from ..models.payment import PaymentIntent
from ..states.approval import LIVE
from ..states.intent import IntentStatus
from ..states.method_request import RequestStatus
from .kinds import ASKS

Target = Approval | PaymentIntent | MethodRequest
KINDS: dict[type[Target], links.Kind] = {Approval: "approve", PaymentIntent: "pay", MethodRequest: "method"}


Known = dict[tuple[str, str], Target]


def among(wanted: Iterable[tuple[str | None, str | None]]) -> Known:
    """What the links of many mails, by kind and public id, lead to; a statement for each kind."""
    found: Known = {}
    for model, kind in KINDS.items():
        ids = {public_id for link_kind, public_id in wanted if link_kind == kind}
        if ids:
            rows: Any = db.session.scalars(select(model).where(model.public_id.in_(ids)))
            found |= {(kind, row.public_id): row for row in rows}
    return found


def mint(link_kind: str | None, public_id: str | None) -> str:
    """The real address behind a mail's placeholder; empty for mails without a customer's link. Store it nowhere."""
    return address_of(_target(link_kind, public_id))


def address_of(target: Target | None) -> str:
    """As mint() says."""
    if target is None:
        return ""
    return links.url(KINDS[type(target)], target.public_id, target.generation)


def why_dead(mail_kind: str, link_kind: str | None, public_id: str | None) -> str:
    """Why a mail that asks for something would ask in vain, in words; empty if it would not."""
    return "" if mail_kind not in ASKS else dead_end(mail_kind, _target(link_kind, public_id))


def dead_end(mail_kind: str, target: Target | None) -> str:
    """As why_dead() says."""
    if mail_kind not in ASKS or target is None:
        return ""
    if target.expires_at <= clock.now():
        return _("Its link has expired.")
    if isinstance(target, Approval):
        live = target.status in LIVE and target.closed_at is None
        return "" if live else _("The order is no longer waiting for this approval.")
    if isinstance(target, MethodRequest):
        return "" if target.status is RequestStatus.LIVE else _("Its link no longer takes a card.")
    return "" if target.status is IntentStatus.LIVE else _("Its link no longer takes a payment.")


def _target(link_kind: str | None, public_id: str | None) -> Target | None:
    found: Any = next((model for model, kind in KINDS.items() if kind == link_kind), None)
    if found is None:
        return None
    target: Target | None = db.session.scalars(select(found).where(found.public_id == public_id)).one_or_none()
    return target
