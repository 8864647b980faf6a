"""What a person may do with an order: words, address, and where it is not allowed the reason and who can help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from flask import current_app, url_for
from flask_babel import gettext, lazy_gettext

from ...access import Permission as P
from ...access import why_not
from ...errors import Refusal
from ...models import User
from ...states.order import EDITABLE, OrderStatus
from .views import Action

if TYPE_CHECKING:
    from .facts import Facts


class Entry(NamedTuple):
    label: str
    icon: str
    endpoint: str
    permission: P
    how: Literal["dialog", "page", "post"] = "dialog"
    danger: bool = False


def _(text: str) -> str:
    return lazy_gettext(text)  # type: ignore[return-value]


CATALOGUE: dict[str, Entry] = {
    "submit": Entry(_("Send for approval"), "send", "orders.submit_form", P.ORDER_SUBMIT),
    "remind": Entry(_("Send reminder"), "mail-forward", "orders.remind_form", P.MAIL_RESEND),
    "collect": Entry(_("Collect now"), "credit-card", "payments.collect", P.PAYMENT_COLLECT, "page"),
    "request": Entry(_("Request a payment"), "coins", "payments.new", P.PAYMENT_ORDER_CREATE, "page"),
    "invoice": Entry(_("Issue invoice"), "file-invoice", "orders.issue_invoice_form", P.INVOICE_ISSUE),
    "send_link": Entry(_("Send payment link"), "link", "payments.preflight", P.PAYMENT_LINK_SEND, "page"),
    "charge": Entry(_("Charge a card"), "credit-card", "payments.collect_order", P.PAYMENT_COLLECT, "page"),
    "revoke_link": Entry(_("Revoke the link"), "link-off", "payments.revoke_form", P.PAYMENT_LINK_SEND, danger=True),
    "rotate_link": Entry(_("Rotate"), "refresh", "payments.rotate_form", P.PAYMENT_LINK_SEND, danger=True),
    "extend_link": Entry(_("Extend"), "calendar-time", "payments.extend_form", P.PAYMENT_LINK_SEND),
    "grant_tries": Entry(_("Grant more tries"), "repeat", "payments.grant_tries_form", P.PAYMENT_LINK_SEND),
    "withdraw": Entry(_("Withdraw"), "ban", "payments.cancel_form", P.PAYMENT_ORDER_CREATE, danger=True),
    "capture": Entry(_("Capture"), "credit-card", "payments.capture_form", P.PAYMENT_CAPTURE),
    "void": Entry(_("Void the authorization"), "ban", "payments.void_form", P.PAYMENT_VOID, danger=True),
    "refund": Entry(_("Refund"), "receipt-refund", "payments.refund_form", P.PAYMENT_REFUND, danger=True),
    "offline": Entry(_("Record offline money"), "cash", "receivables.for_payment_order_form", P.RECEIPT_RECORD),
    "dispute": Entry(_("Record a dispute"), "alert-triangle", "disputes.record_form", P.DISPUTE_RECORD),
    "evidence": Entry(_("Make an evidence pack"), "package", "evidence_packs.of_order", P.PAYMENT_VIEW, "post"),
    "pack": Entry(_("Make an evidence pack"), "package", "evidence_packs.of_payment_order", P.PAYMENT_VIEW, "post"),
    "edit_lines": Entry(_("Edit lines"), "list-check", "orders.edit_lines", P.ORDER_EDIT, "page"),
    "edit_terms": Entry(_("Edit terms"), "pencil", "orders.edit_terms", P.ORDER_EDIT, "page"),
    "edit_details": Entry(_("Edit"), "pencil", "orders.edit_details", P.ORDER_EDIT, "page"),
    "link_context": Entry(_("Link it"), "link", "orders.edit_context", P.ORDER_EDIT, "page"),
    "book": Entry(_("Book on terms"), "circle-check", "orders.book_form", P.ORDER_BOOK),
    "convert_to_draft": Entry(_("Convert to draft"), "arrow-back-up", "orders.convert_to_draft_form", P.ORDER_EDIT),
    "preview": Entry(_("Make the preview"), "file-text", "orders.make_pdf", P.ORDER_VIEW, "post"),
    "renew": Entry(_("Renew"), "repeat", "agreements.renew_form", P.AGREEMENT_MANAGE),
    "note": Entry(_("Add a note"), "note", "orders.new_note", P.ORDER_NOTE),
    "file": Entry(_("Add a file"), "paperclip", "orders.new_file", P.ORDER_NOTE),
    "cancel": Entry(_("Cancel order"), "ban", "orders.cancel_form", P.ORDER_CANCEL, danger=True),
    "terminate": Entry(_("Terminate order"), "ban", "orders.terminate_form", P.ORDER_TERMINATE, "page", danger=True),
    "resend": Entry(_("Send again"), "mail-forward", "orders.resend_form", P.MAIL_RESEND),
}


CHANGES_MONEY = frozenset(
    {"submit", "collect", "book", "invoice", "convert_to_draft", "cancel", "terminate", "edit_lines", "edit_terms"}
)
"""What would pull the ground from under a payment that is on its way."""


class Offers:
    """The actions on what `named` names, for one reader; `blocked` is why it does not let anybody take one now. `find`
    answers None for a room that is not built yet."""

    def __init__(self, reader: User, named: Mapping[str, str], blocked: Callable[[str], str | None]) -> None:
        self.reader, self.named, self.blocked = reader, named, blocked

    def find(self, key: str, label: str | None = None, **where: str | int) -> Action | None:
        entry = CATALOGUE[key]
        if entry.endpoint not in current_app.view_functions:
            return None
        named: dict[str, str | int] = {} if key == "offline" else dict(self.named)
        return Action(
            key=key,
            label=label or str(entry.label),
            icon=entry.icon,
            href=url_for(entry.endpoint, **(named | where)),  # type: ignore[arg-type]
            how=entry.how,
            danger=entry.danger,
            refusal=_in_words(why_not(self.reader, entry.permission)) or self.blocked(key),
        )


class Actions(Offers):
    """Those on one order."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts.reader, {"number": facts.row.number}, self._blocked)
        self.facts = facts

    def editing(self, key: str, *, statuses: frozenset[OrderStatus] = EDITABLE) -> Action | None:
        """An edit in place: only offered where it is possible, since a panel says by itself what cannot change."""
        action = self.find(key)
        return action if action and not action.refusal and self.facts.row.status in statuses else None

    def resend(self, mail_id: int) -> Action | None:
        action = self.find("resend", mail_id=mail_id)
        return action if action and not action.refusal else None

    def _blocked(self, key: str) -> str | None:
        """Why the order itself does not let anybody do it now."""
        facts = self.facts
        if facts.confirming and key in CHANGES_MONEY:
            return gettext("A payment for this order is in progress; wait until its outcome is known.")
        if facts.missing_links and key in ("submit", "send_link"):
            names = gettext(" and no ").join(facts.missing_links)
            return gettext("The order has no %(names)s, so nothing is sent. Sales operations can link it.", names=names)
        if facts.row.hold_reason and key in ("submit", "collect", "book", "send_link"):
            return on_hold(facts.row.hold_reason)
        if key == "submit" and not facts.lines:
            return gettext("The order has no lines yet.")
        if key == "submit" and facts.row.contact_id is None:
            return gettext("The order has no contact to send it to. Choose one in the summary.")
        if key == "submit" and facts.row.quote_expires_on and facts.row.quote_expires_on < facts.today:
            return gettext("The quote has expired. Revise it and have it approved.")
        return None


def on_hold(reason: str) -> str:
    return gettext("The customer is on hold: %(reason)s. Billing or AR can release it.", reason=reason)


def _in_words(refusal: Refusal | None) -> str | None:
    return " ".join(x for x in (refusal.sentence, refusal.help) if x) if refusal else None
