"""Who changed what of money, permissions or settings."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for

from ... import settings
from ...access import ROLE_NAMES, SENTENCES, Permission, requires
from ...queries import audit as queries
from . import bp

ACTIONS = {
    "charge": "Started a charge",
    "receipt.create": "Wrote a receipt",
    "receipt.allocate": "Allocated a receipt",
    "receipt.ask_pay_out": "Asked for a pay-out",
    "receipt.pay_out": "Paid unapplied cash out",
    "pay_out.approve": "Approved a pay-out",
    "pay_out.refuse": "Refused a pay-out",
    "invoice.write_off": "Wrote an invoice off",
    "invoice.write_off_taken_back": "Took a write-off back",
    "payment_order.create": "Made a payment order",
    "payment_order.cancel": "Cancelled a payment order",
    "payment_order.lower": "Lowered what a payment order asks for",
    "payment_link.send": "Sent a payment link",
    "payment_link.revoke": "Revoked a payment link",
    "post_processing.retry": "Had the steps after a payment done again",
    "event.replay": "Replayed a processor event",
    "event.set_aside": "Set a processor event aside",
    "settlement.sync": "Had payouts fetched",
    "settlement.accept": "Accepted a settlement exception",
    "settlement.reopen": "Opened a settlement exception again",
    "setting.changed": "Changed a setting",
    "company.founded": "Founded the company",
    "company.changed": "Changed the company",
    "terms.published": "Published terms and conditions",
    "person.created": "Added a person",
    "person.changed": "Changed a person",
    "person.signed_out_everywhere": "Signed a person out everywhere",
    "password.set": "Set a password",
    "password.link_made": "Made a password link",
}


KINDS = {"money": "Money", "orders": "Orders", "settings": "Settings", "people": "People"}
FIELDS = {"active": "works here", "grants": "single permissions"}


@bp.get("/audit")
@requires(Permission.AUDIT_VIEW)
def trail() -> str:
    kind = request.args.get("kind", "")
    kind = kind if kind in queries.KINDS else ""
    page = queries.page(
        kind=kind, before=request.args.get("before", type=int), after=request.args.get("after", type=int)
    )
    here: dict[str, Any] = {"kind": kind or None}
    older = url_for("admin.trail", **here, before=page.older) if page.older else None
    newer = url_for("admin.trail", **here, after=page.newer) if page.newer else None
    return render_template(
        "admin/audit.html",
        page=page,
        kind=kind,
        kinds=KINDS,
        older=older,
        newer=newer,
        in_words=_in_words,
        fields=FIELDS,
        subject_of=_subject,
    )


def _subject(entry: queries.Entry) -> str:
    definition = settings.ALL.get(entry.subject) if entry.action == "setting.changed" else None
    return definition.title if definition else entry.subject


def action_in_words(action: str) -> str:
    """The action by its name in ACTIONS; one that nobody named reads as its noun and verb: «Order: terms changed»."""
    plain = action.replace(".", ": ").replace("_", " ")
    return ACTIONS.get(action, plain[:1].upper() + plain[1:])


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(_in_words(item) for item in value) or "none"
    if isinstance(value, str) and value in ROLE_NAMES:
        return ROLE_NAMES[value]  # type: ignore[index]
    if isinstance(value, str) and value in SENTENCES:
        return SENTENCES[value]  # type: ignore[index]
    return "" if value is None else str(value)


bp.add_app_template_global(action_in_words, "action_in_words")
