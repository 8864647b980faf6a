"""Addresses that nothing is sent to: mail to them came back for good, or was called spam."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from ..db import read_columns
from ..errors import Refusal
from ..formatting import day
from ..language import marked
from ..models.mail import SuppressedAddress
from .recipients import Recipient

BOUNCED, COMPLAINED = "bounced", "complained"
CAUSES = {BOUNCED: marked("Mail came back"), COMPLAINED: marked("Marked as spam")}
S = SuppressedAddress
_COLUMNS = select(S.address, S.cause, S.words, S.since).where(S.lifted_at.is_(None))


def among(addresses: Iterable[str]) -> dict[str, str]:
    """Why nothing is sent to those of them that are suppressed, by address as given."""
    wanted = {address.lower(): address for address in addresses}
    if not wanted:
        return {}
    rows = read_columns(_COLUMNS.where(S.address.in_(wanted))).all()
    return {wanted[row.address]: why(row) for row in rows}


def why(row: Any) -> str:
    facts = {"address": row.address, "day": day(row.since)}
    if row.cause == COMPLAINED:
        return _("%(address)s marked a mail of ours as spam on %(day)s.", **facts)
    return _("Mail to %(address)s came back on %(day)s: %(words)s", words=row.words or _("no reason given"), **facts)


def refuse(to: Sequence[Recipient]) -> None:
    """Raises Refusal `address_suppressed` where the people whom the mail is for would not get it."""
    first = [person.address for person in to if person.role == "to"]
    found = among(first)
    if first and len(found) == len(first):
        raise Refusal(
            "address_suppressed",
            "Nothing is sent to this address. %(why)s",
            "Correct the address; or an admin or AR can lift the suppression once it works again.",
            why=" ".join(found.values()),
        )
