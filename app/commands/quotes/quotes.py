"""Quotes: written, submitted, approved inside the house by somebody else, revised into the next version."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import gettext
from msgspec.structs import replace
from sqlalchemy import exists, select

from ... import clock, forms, jobs, numbering
from ...access import Permission, demand, who_can
from ...badges import said
from ...db import db, lock, transaction
from ...errors import Refusal, StaleVersion
from ...formatting import day
from ...language import marked
from ...models import SYSTEM, Actor, Quote, User
from ...queries.calendar import selling_day
from ...queries.quotes import readiness
from ...states.quote import LAPSING, REVISABLE, QuoteEvent, QuoteStatus
from . import quote_content
from .quote_content import QuoteContent
from .quote_words import differences

VALID_DAYS = 30
EXPIRED = marked("%(quote)s expired on %(date)s.")


def create(
    content: QuoteContent,
    *,
    by: User,
    owner_id: int | None = None,
    number: str | None = None,
    version: int = 1,
    form_key: str | None = None,
) -> Quote:
    """A new draft, numbered by us unless it comes with a number; one for each `form_key`. Raises InvalidContent."""
    with transaction() as session:
        demand(by, Permission.QUOTE_EDIT)
        lock(User, by.id)  # both tabs of a twin are theirs: the second one waits for the first one's answer
        asked = ["quotes.create", content]
        if known := forms.answered(form_key, asked):
            return session.get_one(Quote, known["id"])
        quote = Quote(number=number or _free_number(), version=version, owner_id=owner_id or by.id)
        with session.no_autoflush:
            quote_content.write(quote, content)
        quote.record("created", by=Actor.of(by))
        forms.remember(form_key, asked, id=quote.id)
    return quote


def edit(quote_id: int, content: QuoteContent, *, edition: int, by: User) -> Quote:
    """Make the draft say `content`. Raises `not_draft`, StaleVersion, InvalidContent."""
    with transaction():
        demand(by, Permission.QUOTE_EDIT)
        quote = lock(Quote, quote_id)
        if quote.status is not QuoteStatus.DRAFT:
            raise Refusal(
                "not_draft",
                "%(quote)s is %(state)s; only a draft can be edited.",
                "Revise it to write the next version.",
                **_where(quote),
            )
        _expect_edition(quote, edition)
        before = quote_content.read(quote)
        if before == content:
            return quote
        quote_content.write(quote, content)
        quote.edition += 1
        changes = [dict(zip(("what", "before", "after"), x, strict=True)) for x in differences(before, content)]
        quote.record("edited", by=Actor.of(by), changes=changes)
    return quote


def submit(quote_id: int, *, by: User, edition: int | None = None) -> Quote:
    """Ask for internal approval. Raises `not_draft`, `empty`, `expired`, `plan_mismatch`, StaleVersion."""
    with transaction():
        demand(by, Permission.QUOTE_EDIT)
        quote = lock(Quote, quote_id)
        if quote.status is not QuoteStatus.DRAFT:
            raise Refusal("not_draft", "%(quote)s is %(state)s; only a draft can be submitted.", **_where(quote))
        _expect_edition(quote, edition)
        if not quote.lines:
            raise Refusal("empty", "%(quote)s has no lines yet; add what is to be sold.", quote=name(quote))
        if _expired(quote):
            raise Refusal("expired", EXPIRED, "Choose a later expiry date first.", **_where(quote))
        plan = readiness.of(quote).item("plan")
        if plan.verdict == "block":
            raise Refusal("plan_mismatch", plan.reason)
        quote.submitted_by_id = by.id
        quote.transition(QuoteEvent.SUBMIT, by=Actor.of(by), total=quote.totals().gross.minor)
    return quote


def withdraw(quote_id: int, *, by: User) -> Quote:
    """Back to draft, to be edited again. Raises `not_submitted`."""
    with transaction():
        demand(by, Permission.QUOTE_EDIT)
        quote = lock(Quote, quote_id)
        if quote.status is not QuoteStatus.SUBMITTED:
            raise Refusal(
                "not_submitted", "%(quote)s is %(state)s; only what is submitted can be withdrawn.", **_where(quote)
            )
        quote.submitted_by_id = None
        quote.transition(QuoteEvent.WITHDRAW, by=Actor.of(by))
    return quote


def approve(quote_id: int, *, by: User, edition: int | None = None) -> Quote:
    """Lock this version, remember the hash of what was approved, and put older versions out of force.

    Raises `not_submitted`, `own_submission`, `expired`, `not_ready`, StaleVersion.
    """
    with transaction():
        demand(by, Permission.QUOTE_APPROVE)
        quote = lock(Quote, quote_id)
        if quote.status is not QuoteStatus.SUBMITTED:
            raise Refusal(
                "not_submitted", "%(quote)s is %(state)s; only what is submitted can be approved.", **_where(quote)
            )
        _expect_edition(quote, edition)
        refusal = own_submission(quote.submitted_by_id, by)
        if refusal is not None:
            raise refusal
        if _expired(quote):
            raise Refusal("expired", EXPIRED, "Withdraw it and choose a later expiry date.", **_where(quote))
        refuse_unready(quote)
        quote.approved_by_id, quote.approved_at = by.id, clock.now()
        quote.content_hash = quote.commercial_hash()
        quote.transition(QuoteEvent.APPROVE, by=Actor.of(by), version=quote.version, content_hash=quote.content_hash)
        _supersede_older(quote, by)
    return quote


def reject(quote_id: int, *, reason: str, by: User) -> Quote:
    """Raises `not_submitted`, `reason_missing`."""
    with transaction():
        demand(by, Permission.QUOTE_APPROVE)
        quote = lock(Quote, quote_id)
        if quote.status is not QuoteStatus.SUBMITTED:
            raise Refusal(
                "not_submitted", "%(quote)s is %(state)s; only what is submitted can be rejected.", **_where(quote)
            )
        if not reason.strip():
            raise Refusal("reason_missing", "Say why, so that the quote can be mended.", status=422)
        quote.transition(QuoteEvent.REJECT, by=Actor.of(by), because=reason.strip())
    return quote


def revise(quote_id: int, *, by: User, content: QuoteContent | None = None) -> Quote:
    """The next version as a draft; the old one stays in force until the new one is approved.

    Raises `not_revisable`, `not_latest`.
    """
    with transaction():
        demand(by, Permission.QUOTE_EDIT)
        old = lock(Quote, quote_id)
        newest = _newest(old.number)
        if newest.version > old.version:
            raise Refusal(
                "not_latest",
                "%(quote)s is not the latest; version %(version)s is.",
                quote=name(old),
                version=newest.version,
            )
        if old.status_on(selling_day()) not in REVISABLE:
            raise Refusal(
                "not_revisable",
                "%(quote)s is %(state)s; change this version itself.",
                quote=name(old),
                state=said("quote", old.status),
            )
        kept = content or quote_content.read(old)
        if kept.expires_on < selling_day():
            kept = replace(kept, expires_on=selling_day() + timedelta(days=VALID_DAYS))
        quote = create(kept, by=by, owner_id=old.owner_id, number=old.number, version=old.version + 1)
        old.record("revised", by=Actor.of(by), version=quote.version)
    return quote


def discard(quote_id: int, *, by: User) -> Quote:
    """Drop a revision; answers with the version before it. Raises `not_draft`, `first_version`."""
    with transaction() as session:
        demand(by, Permission.QUOTE_EDIT)
        quote = lock(Quote, quote_id)
        if quote.status is not QuoteStatus.DRAFT:
            raise Refusal("not_draft", "%(quote)s is %(state)s; only a draft can be discarded.", **_where(quote))
        before = session.scalar(
            select(Quote)
            .where(Quote.number == quote.number, Quote.version < quote.version)
            .order_by(Quote.version.desc())
            .limit(1)
        )
        if before is None:
            raise Refusal(
                "first_version", "%(quote)s is the first version; there is none to go back to.", quote=name(quote)
            )
        before.record("revision_discarded", by=Actor.of(by), version=quote.version)
        session.delete(quote)
    return before


@jobs.tick("quotes.expire_due", every=timedelta(minutes=5))
def expire_due() -> int:
    """Give every quote whose last day is over the status that every read already shows. Returns how many."""
    due = select(Quote.id).where(Quote.status.in_(LAPSING), Quote.expires_on < selling_day()).order_by(Quote.id)
    return jobs.each("quotes.expire_due", db.session.scalars(due).all(), _expire)


def _expire(quote_id: int) -> bool:
    with transaction():
        quote = lock(Quote, quote_id)
        if quote.status_on(selling_day()) is quote.status:
            return False
        quote.transition(QuoteEvent.EXPIRE, by=SYSTEM, expires_on=quote.expires_on.isoformat())
        return True


def name(quote: Quote) -> str:
    return gettext("%(number)s version %(version)s", number=quote.number, version=quote.version)


def own_submission(submitted_by_id: int | None, person: User) -> Refusal | None:
    """Nobody approves what they submitted."""
    if submitted_by_id != person.id:
        return None
    return Refusal(
        "own_submission",
        "You submitted this quote, so somebody else has to approve it.",
        who_can(Permission.QUOTE_APPROVE),
    )


def refuse_unready(quote: Quote) -> None:
    """Raises `not_ready` with everything that blocks."""
    blocking = readiness.of(quote).blocking
    if blocking:
        reasons = " ".join(item.reason for item in blocking)
        raise Refusal("not_ready", "%(quote)s is not ready yet. %(reasons)s", quote=name(quote), reasons=reasons)


def _expired(quote: Quote) -> bool:
    return selling_day() > quote.expires_on


def _where(quote: Quote) -> dict[str, Any]:
    """What the sentences of a refusal tell of it."""
    return {"quote": name(quote), "state": said("quote", quote.status), "date": day(quote.expires_on)}


def _expect_edition(quote: Quote, edition: int | None) -> None:
    if edition is not None and edition != quote.edition:
        raise StaleVersion("%(quote)s was changed since you opened it.", quote.edition, quote=name(quote))


def _newest(number: str) -> Quote:
    query = select(Quote).where(Quote.number == number).order_by(Quote.version.desc()).limit(1)
    return db.session.scalars(query).one()


def _supersede_older(quote: Quote, by: User) -> None:
    older = select(Quote.id).where(Quote.number == quote.number, Quote.version < quote.version).order_by(Quote.id)
    for older_id in db.session.scalars(older).all():
        old = lock(Quote, older_id)
        if old.can(QuoteEvent.SUPERSEDE):
            old.transition(QuoteEvent.SUPERSEDE, by=Actor.of(by), version=quote.version)


def _free_number() -> str:
    """Ours are taken in turn; numbers that an import brought along are passed over."""
    while True:
        number = numbering.take("quote")
        if not db.session.scalar(select(exists().where(Quote.number == number))):
            return number
