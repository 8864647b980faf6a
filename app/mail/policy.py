"""What Order Email Settings say about each kind: whether it goes out, from whom, to whom and in which words.

Read once a request; the newest edition of a kind is in force.
"""

from __future__ import annotations

from typing import Any

from flask import g
from sqlalchemy import func, select

from ..db import read_columns
from ..language import marked
from ..models.mail import MailEdition
from ..values import Value, as_dict
from . import agreement_kinds, dunning_kinds, kinds, office_kinds, reminder_kinds

CONTACT, BILLING, AP, OWNER = "contact", "billing", "ap", "owner"
# Whoever the mail could be for, by the name that a rule uses.
SOURCES = {
    CONTACT: marked("Contact of the order or the agreement"),
    BILLING: marked("Billing contact of the account"),
    AP: marked("Accounts payable of the account"),
    OWNER: marked("Owner of the order or the agreement"),
}
FIRST = (CONTACT, BILLING, AP)


class Rule(Value):
    """`to`, and whoever comes after it in FIRST where there is nobody; `copies` are sources, `fixed` addresses
    that nobody else sees."""

    to: str
    copies: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    def row(self) -> dict[str, Any]:
        return as_dict(self)

    @classmethod
    def of(cls, row: dict[str, Any]) -> Rule:
        return cls(row["to"], tuple(row["copies"]), tuple(row["fixed"]))


_PAYS, _BOOKS = Rule(CONTACT, (BILLING,)), Rule(BILLING, (CONTACT,))
# Kinds that are not named here go to one person for a reason of their own: who has the link can sign, or add a card.
RULES: dict[str, Rule] = {
    kinds.PaymentLink.kind: _PAYS,
    kinds.PaymentReceipt.kind: _PAYS,
    kinds.RefundSent.kind: _PAYS,
    kinds.AuthorizationReleased.kind: _PAYS,
    kinds.InvoiceSent.kind: _BOOKS,
    reminder_kinds.InvoiceReminded.kind: _BOOKS,
    kinds.CreditNoteSent.kind: _BOOKS,
    agreement_kinds.AgreementTold.kind: _PAYS,
    dunning_kinds.PaymentRetry.kind: _PAYS,
    dunning_kinds.PaymentConfirm.kind: _PAYS,
    dunning_kinds.PlanStopped.kind: _PAYS,
}
# Somebody has to send these on purpose, or a dunning policy consists of them, so there is nothing to switch off.
ON_PURPOSE = frozenset({"approval_request", "payment_link", "method_request", "invoice"}) | {
    dunning_kinds.PaymentConfirm.kind,
    dunning_kinds.CardNeeded.kind,
}
TO_COLLEAGUES = frozenset(
    (
        *(kind.kind for kind in kinds.KINDS if issubclass(kind, kinds.Notice)),
        *agreement_kinds.TO_COLLEAGUES,
        *dunning_kinds.TO_COLLEAGUES,
        *office_kinds.TO_COLLEAGUES,
    )
)


class Setting(Value):
    """Empty texts are the house's own."""

    edition: int = 0
    is_on: bool = True
    sender: str = ""
    reply_to: str = ""
    rule: Rule | None = None
    subject: str = ""
    body: str = ""


HOUSE = Setting()
_NEWEST = select(MailEdition.kind, func.max(MailEdition.edition).label("edition")).group_by(MailEdition.kind).subquery()
_FIELDS = ("kind", "edition", "is_on", "sender", "reply_to", "rule", "subject", "body")
IN_FORCE = select(*(getattr(MailEdition, name) for name in _FIELDS)).join(
    _NEWEST, (_NEWEST.c.kind == MailEdition.kind) & (_NEWEST.c.edition == MailEdition.edition)
)


def of(kind: str) -> Setting:
    if "mail_settings" not in g:
        g.mail_settings = {row.kind: read(row) for row in read_columns(IN_FORCE)}
    found: Setting = g.mail_settings.get(kind, HOUSE)
    return found


def read(row: Any) -> Setting:
    texts = {name: getattr(row, name) for name in ("sender", "reply_to", "subject", "body")}
    return Setting(row.edition, row.is_on, rule=Rule.of(row.rule) if row.rule else None, **texts)


def rule_of(kind: str, setting: Setting | None = None) -> Rule:
    """Who gets it by the settings or, where they say nothing, by the house's rule."""
    return (setting or of(kind)).rule or RULES[kind]


def is_on(kind: str) -> bool:
    return kind in ON_PURPOSE or of(kind).is_on


def forget() -> None:
    """Drop this request's look; called when an edition is added."""
    g.pop("mail_settings", None)
