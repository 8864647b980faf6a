"""What was agreed, kept version by version: canonical JSON and its hash, never changed again."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from ... import canonical, clock, documents
from ...db import db
from ...documents import parties
from ...models import Actor, AgreementLine, AgreementVersion, Document, PaymentAgreement
from ...states.agreement import AgreementStatus

TERMS = (
    "number",
    "currency",
    "prices_include_tax",
    "rounding_rule",
    "frequency",
    "every",
    "anchor",
    "anchor_period",
    "zone",
    "first_period",
    "ends_on",
    "renewal",
    "trial_ends_on",
    "proration",
    "collection",
    "cancels_on",
)
STANDS = (AgreementStatus.PAUSED, AgreementStatus.CANCELLED, AgreementStatus.COMPLETED)
CONSENT = ("consent_text", "consent_by", "consent_how", "consent_at", "consent_version")
LINE = ("position", "sku", "description", "quantity", "unit_price", "discount_percent", "tax_rate")


def write(agreement: PaymentAgreement, reason: str, *, by: Actor) -> Document:
    """The next version, as the agreement stands, and its paper. Inside a transaction, agreement held."""
    agreement.version += 1
    content = canonical.dumps(_content(agreement))
    row = AgreementVersion(
        agreement_id=agreement.id,
        version=agreement.version,
        content=content,
        sha256=canonical.sha256(content),
        reason=reason,
        made_by=by.name,
        created_at=clock.now(),
    )
    db.session.add(row)
    return _print(agreement, row)


def _print(agreement: PaymentAgreement, row: AgreementVersion) -> Document:
    """Each version is on paper as well, from the very text that is kept; why it was made is for colleagues."""
    content = {
        "agreement": json.loads(row.content),
        "sha256": row.sha256,
        "made_by": row.made_by,
        "made_at": row.created_at.isoformat(),
        "seller": parties.seller(),
        "customer": parties.customer(agreement.account),
    }
    name = _paper_name(agreement)
    return documents.request("agreement", agreement.id, content, filename=name, order_id=agreement.order_id)


def _content(agreement: PaymentAgreement) -> dict[str, Any]:
    return {
        "format": 1,
        "version": agreement.version,
        "account": agreement.account.number,
        "contact": agreement.contact.email if agreement.contact else None,
        "order": agreement.order.number if agreement.order else None,
        "method": agreement.method.label if agreement.method else None,
        "gross": agreement.totals().gross.minor,
        "status": agreement.status if agreement.status in STANDS else None,
        "paused_until": agreement.paused_until,
        **{name: getattr(agreement, name) for name in (*TERMS, *CONSENT)},
        "lines": [_line(x) for x in agreement.lines],
    }


def _line(line: AgreementLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in LINE}


def paper(agreement: PaymentAgreement) -> Document:
    """That of the newest version; printed now where the version is older than its printing. Inside a transaction."""
    printed = select(Document).where(Document.kind == "agreement", Document.subject_id == agreement.id)
    found = db.session.scalars(printed.where(Document.filename == _paper_name(agreement))).one_or_none()
    if found is not None:
        return found
    newest = select(AgreementVersion).where(AgreementVersion.agreement_id == agreement.id)
    return _print(agreement, db.session.scalars(newest.order_by(AgreementVersion.version.desc()).limit(1)).one())


def _paper_name(agreement: PaymentAgreement) -> str:
    return f"{agreement.number}-v{agreement.version}.pdf"
