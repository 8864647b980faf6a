"""Disputes, and the evidence against them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from stripe import StripeClient, StripeError

from ...money import Money
from ..base import sha256
from ..disputes import DisputeFacts, DisputeMoney, DisputeMovement, DisputePhase, Evidence
from . import reading, settlement
from .client import Fact, missing

if TYPE_CHECKING:
    from stripe.params import DisputeUpdateParamsEvidence

# An inquiry that is closed has cost nothing; a dispute that was prevented was refunded instead, which is told apart.
PHASES = {
    "warning_needs_response": DisputePhase.NEEDS_RESPONSE,
    "needs_response": DisputePhase.NEEDS_RESPONSE,
    "appeal_needs_response": DisputePhase.NEEDS_RESPONSE,
    "warning_under_review": DisputePhase.UNDER_REVIEW,
    "under_review": DisputePhase.UNDER_REVIEW,
    "appeal_under_review": DisputePhase.UNDER_REVIEW,
    "warning_closed": DisputePhase.WON,
    "prevented": DisputePhase.WON,
    "won": DisputePhase.WON,
    "lost": DisputePhase.LOST,
}

# Stripe's names where they are not ours.
NAMES = {"customer_email": "customer_email_address", "access_log": "access_activity_log"}
LONGEST_TEXT = 20_000


def dispute(client: StripeClient, provider_id: str) -> DisputeFacts | None:
    try:
        return read(client.v1.disputes.retrieve(provider_id).to_dict())
    except StripeError as error:
        if missing(error):
            return None
        raise


def answer(client: StripeClient, provider_id: str, evidence: Evidence, key: str) -> DisputeFacts:
    """Files first, each under a key of its own; then all of it at once, which can be done once only."""
    appealed = _appealed(client.v1.disputes.retrieve(provider_id).to_dict())
    words = {NAMES.get(name, name): text[:LONGEST_TEXT] for name, text in evidence.words.items() if text}
    files = {
        name: _upload(client, file_name, content, f"{key}-{name}")
        for name, (file_name, _content_type, content) in evidence.files.items()
    }
    told = client.v1.disputes.update(
        provider_id,
        {
            "evidence": cast("DisputeUpdateParamsEvidence", _appeal(words, files) if appealed else words | files),
            "submit": True,
        },
        {"idempotency_key": key},
    )
    return read(told.to_dict())


def _appeal(words: dict[str, str], files: dict[str, str]) -> Fact:
    """What an appeal has room for: one text, and files (docs.stripe.com/api/disputes/update, `evidence.appeal`)."""
    reason = "\n\n".join(words.values())[:LONGEST_TEXT]
    return {"appeal": {"card": {"reason_for_filing": reason, "supporting_files": list(files.values())}}}


def _upload(client: StripeClient, name: str, content: bytes, key: str) -> str:
    file = io.BytesIO(content)
    file.name = name
    return client.v1.files.create({"purpose": "dispute_evidence", "file": file}, {"idempotency_key": key}).id


def accept(client: StripeClient, provider_id: str, key: str) -> DisputeFacts:
    return read(client.v1.disputes.close(provider_id, options={"idempotency_key": key}).to_dict())


def read(facts: Fact) -> DisputeFacts:
    details = facts.get("evidence_details") or {}
    return DisputeFacts(
        provider_id=facts["id"],
        charge_id=reading.charge_id(facts) or "",
        amount=reading.money(facts),
        reason=str(facts.get("reason") or "general"),
        phase=PHASES[facts["status"]],
        inquiry=facts["status"].startswith("warning_"),
        opened_at=reading.instant(facts["created"]),
        due_by=reading.instant(details["due_by"]) if details.get("due_by") else None,
        movements=tuple(_movements(facts)),
        raw_sha256=sha256(facts),
        appealed=_appealed(facts),
    )


def _appealed(facts: Fact) -> bool:
    return str(facts["status"]).startswith("appeal_")


def _movements(facts: Fact) -> Iterator[DisputeMovement]:
    """Each entry of the balance, and its fee by itself: both may be taken, and both given back.

    Entries are in the currency that the account settles in, at the rate of their own day; what is disputed is in the
    customer's (docs.stripe.com/api/balance_transactions/object, `exchange_rate`; docs.stripe.com/api/disputes/object,
    `amount`). So an entry abroad stands for what of the dispute is still to be taken, or given back. What Stripe keeps
    for itself stays in the currency it keeps.
    """
    whole, gone = reading.money(facts), Money.zero(facts["currency"].upper())
    for entry in facts.get("balance_transactions") or ():
        amount, fee = _amount_and_fee(entry)
        if amount:
            kind = DisputeMoney.DEBIT if amount < 0 else DisputeMoney.REINSTATEMENT
            moved = reading.money(entry, abs(amount))
            if moved.currency != whole.currency:
                moved = whole - gone if amount < 0 else gone
            gone = gone + moved if amount < 0 else gone - moved
            if moved.minor > 0:
                yield DisputeMovement(kind, entry["id"], moved)
        if fee:
            kind = DisputeMoney.FEE if fee > 0 else DisputeMoney.FEE_RETURNED
            yield DisputeMovement(kind, f"{entry['id']}-fee", reading.money(entry, abs(fee)))


def _amount_and_fee(entry: Fact) -> tuple[int, int]:
    """What of an entry is the cardholder's money; an entry that is a fee as a whole has none."""
    amount, fee = int(entry["amount"]), int(entry.get("fee") or 0)
    return (0, fee - amount) if settlement.is_fee(entry) else (amount, fee)
