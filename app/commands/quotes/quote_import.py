"""Quotes from a file, all or nothing, and safe to import again: what is there already with the same content stays.

A number that is new becomes a draft. A draft of that number is changed to what the file says. A version that was
decided on (approved, converted, rejected, expired) is never touched: other content makes the next version, a draft.
One that waits for approval has to be withdrawn first.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import select

from ...access import Permission, demand
from ...db import db, transaction
from ...models import Actor, Quote, User
from ...queries.calendar import selling_day
from ...states.quote import REVISABLE, QuoteStatus
from ...values import Value
from . import quote_content, quotes
from .quote_content import QuoteContent
from .quote_entries import Translated, translate
from .quote_files import Entry, FileProblem, Refused


class Effect(StrEnum):
    CREATED = "new"
    CHANGED = "changed"
    REVISED = "new version"
    UNCHANGED = "unchanged"


class Imported(Value):
    """What the file makes of one quote; `version` is the one that says it now."""

    number: str
    version: int
    effect: Effect


class _Plan(Value):
    effect: Effect
    version: int
    content: QuoteContent
    target: Quote | None = None


def import_quotes(entries: Sequence[Entry], *, by: User, source: str, dry_run: bool = False) -> list[Imported]:
    """Write every entry, or raise Refused with everything that is wrong; new quotes belong to `by`."""
    with transaction():
        demand(by, Permission.QUOTE_EDIT)
        plans = _plans(entries)
        for number, plan in plans if not dry_run else ():
            _write(number, plan, by, source)
    return [Imported(number, plan.version, plan.effect) for number, plan in plans]


def _plans(entries: Sequence[Entry]) -> list[tuple[str, _Plan]]:
    problems: list[FileProblem] = []
    plans: list[tuple[str, _Plan]] = []
    seen: set[str] = set()
    for entry in entries:
        translated = translate(entry)
        problems += translated.problems
        if translated.number in seen:
            problems.append(FileProblem(entry.head.place, "number", "This quote stands in the file twice."))
        seen.add(translated.number)
        if translated.content is None or translated.problems:
            continue
        plan = _plan(translated, translated.content)
        if isinstance(plan, FileProblem):
            problems.append(plan)
        else:
            plans.append((translated.number, plan))
    if problems:
        raise Refused(problems)
    return plans


def _plan(entry: Translated, content: QuoteContent) -> _Plan | FileProblem:
    versions = db.session.scalars(select(Quote).where(Quote.number == entry.number).order_by(Quote.version)).all()
    if not versions:
        return _Plan(Effect.CREATED, entry.version or 1, content)
    latest, version = versions[-1], entry.version or versions[-1].version
    if latest.account_id != content.account_id:
        return FileProblem(entry.place, "account", f"{entry.number} belongs to account {latest.account.number}.")
    if version > latest.version + 1:
        return FileProblem(entry.place, "version", f"The latest version of {entry.number} is {latest.version}.")
    same = [v for v in versions if v.version >= version and quote_content.read(v) == content]
    if same:
        return _Plan(Effect.UNCHANGED, same[-1].version, content)
    if version > latest.version and latest.status is QuoteStatus.DRAFT:
        return FileProblem(entry.place, "version", f"Version {latest.version} of {entry.number} is still a draft.")
    return _change(entry, content, latest)


def _change(entry: Translated, content: QuoteContent, latest: Quote) -> _Plan | FileProblem:
    if latest.status is QuoteStatus.DRAFT:
        return _Plan(Effect.CHANGED, latest.version, content, latest)
    if latest.status_on(selling_day()) in REVISABLE:
        return _Plan(Effect.REVISED, latest.version + 1, content, latest)
    sentence = f"{quotes.name(latest)} waits for approval; have it decided or withdrawn first."
    return FileProblem(entry.place, "number", sentence)


def _write(number: str, plan: _Plan, by: User, source: str) -> None:
    if plan.effect is Effect.CREATED:
        quote = quotes.create(plan.content, by=by, number=number, version=plan.version)
    elif plan.effect is Effect.CHANGED and plan.target is not None:
        quote = quotes.edit(plan.target.id, plan.content, edition=plan.target.edition, by=by)
    elif plan.effect is Effect.REVISED and plan.target is not None:
        quote = quotes.revise(plan.target.id, content=plan.content, by=by)
    else:
        return
    quote.record("imported", by=Actor.of(by), file=source)
