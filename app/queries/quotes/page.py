"""One quote with everything its page shows.

Read through the models, since the page shows what they compute: totals, the plan's amounts, the hash of the content.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for
from sqlalchemy import BigInteger, func, literal, select
from sqlalchemy.orm import joinedload, selectinload

from ...access import Permission, can
from ...db import db
from ...errors import NotFound
from ...models import Address, History, Quote, SalesOrder, User
from ...models.payment_plan import amounts, planned
from ...money import Money
from ...states.quote import UNDER_WAY
from ..calendar import selling_day
from ..orders import plan
from ..orders.lines import over_term, recurring
from ..orders.views import EntryView, InstalmentView, RecurringView, TaxView
from ..papers import Paper
from ..scope import visible
from . import paper, readiness, words
from .actions import next_step
from .views import ApprovalEvidence, LinesView, Party, QuoteFacts, QuoteLineView, QuotePage, VersionView

PARTIES = (
    Quote.account,
    Quote.contact,
    Quote.opportunity,
    Quote.owner,
    Quote.billing_address,
    Quote.shipping_address,
)


def locate(person: User, number: str, version: int) -> int:
    """The id of a version that `person` may see. Raises NotFound."""
    asked = literal(version, BigInteger)  # an address may hold more than the column, which finds nothing
    query = select(Quote.id).where(Quote.number == number, Quote.version == asked, visible(person, Quote.owner_id))
    found = db.session.scalar(query)
    if found is None:
        raise NotFound(f"quote {number} version {version}")
    return found


def latest(person: User, number: str) -> int:
    """The newest version's number. Raises NotFound."""
    query = select(func.max(Quote.version)).where(Quote.number == number, visible(person, Quote.owner_id))
    found = db.session.scalar(query)
    if found is None:
        raise NotFound(f"quote {number}")
    return found


def load(person: User, number: str, version: int) -> QuotePage:
    """Raises NotFound, also for quotes that `person` may not see."""
    quote = _quote(locate(person, number, version))
    versions = _versions(number)
    facts = _facts(quote, versions)
    judged = readiness.of(quote)
    steps = amounts(quote.instalments, quote.totals().gross)
    return QuotePage(
        facts=facts,
        account=Party(quote.account.name, quote.account.number, url_for("accounts.show", number=quote.account.number)),
        hold_reason=quote.account.hold_reason,
        contact=Party(quote.contact.name, quote.contact.email) if quote.contact else None,
        opportunity=Party(quote.opportunity.name) if quote.opportunity else None,
        billing_address=_address(quote.billing_address or quote.account.billing_address),
        shipping_address=_address(quote.shipping_address),
        terms=plan.terms(quote),
        payment_terms=plan.payment_terms(quote.payment_terms_days),
        lines=_lines(quote),
        plan=_plan(quote, steps),
        plan_adds_up=steps is not None,
        readiness=judged,
        approval=_approval(quote),
        versions=tuple(_version(v, quote) for v in versions),
        timeline=_timeline(quote),
        next_step=next_step(facts, judged, person),
        can_open_routes=can(Permission.SETTINGS_EDIT, person),
        paper=paper.view(quote),
    )


def paper_of(person: User, number: str, version: int) -> Paper:
    """Raises NotFound, also for quotes that `person` may not see."""
    return paper.view(_quote(locate(person, number, version)))


def _quote(quote_id: int) -> Quote:
    to_one = [
        Quote.account,
        Quote.contact,
        Quote.opportunity,
        Quote.owner,
        Quote.billing_address,
        Quote.shipping_address,
    ]
    query = select(Quote).where(Quote.id == quote_id)
    query = query.options(*(joinedload(x) for x in to_one), selectinload(Quote.lines), selectinload(Quote.instalments))
    return db.session.scalars(query).one()


def _versions(number: str) -> Sequence[Quote]:
    query = select(Quote).where(Quote.number == number).order_by(Quote.version.desc())
    return db.session.scalars(query).all()


def _facts(quote: Quote, versions: Sequence[Quote]) -> QuoteFacts:
    query = select(SalesOrder.number, SalesOrder.status).where(SalesOrder.quote_number == quote.number)
    order = db.session.execute(query).one_or_none()
    newer = [v.version for v in versions if v.version > quote.version and v.status in UNDER_WAY]
    return QuoteFacts(
        id=quote.id,
        number=quote.number,
        version=quote.version,
        edition=quote.edition,
        status=quote.status_on(selling_day()),
        currency=quote.currency,
        expires_on=quote.expires_on,
        start_date=quote.start_date,
        notes=quote.notes,
        owner=quote.owner.name,
        submitted_by_id=quote.submitted_by_id,
        order_number=order.number if order else None,
        order_status=order.status if order else None,
        latest=versions[0].version,
        newer=newer[0] if newer else None,
    )


def _address(address: Address | None) -> tuple[str, ...]:
    return tuple(address.lines) if address else ()


def _lines(quote: Quote) -> LinesView:
    whole = quote.totals()
    periods = recurring(quote.lines, quote.currency, quote.prices_include_tax)
    return LinesView(
        lines=tuple(
            QuoteLineView(
                sku=x.sku,
                description=x.description,
                frequency=x.frequency,
                routing=x.routing,
                active_from=x.activation_date,
                quantity=x.quantity,
                unit_price=x.unit_price,
                discount_percent=x.discount_percent,
                tax_rate=x.tax_rate,
                amount=x.amount(quote.currency),
            )
            for x in quote.lines
        ),
        net=whole.net,
        taxes=tuple(TaxView(t.rate, t.tax) for t in whole.by_rate),
        total=whole.gross,
        prices_include_tax=quote.prices_include_tax,
        recurring=tuple(RecurringView(f, amount) for f, amount in periods.items()),
        over_term=over_term(whole.gross, periods, quote.term_months),
    )


def _plan(quote: Quote, steps: list[Money] | None) -> tuple[InstalmentView, ...]:
    """With each step's amount; where the plan does not add up, what each asks for by itself."""
    whole = quote.totals().gross
    parts = steps or [planned([x], whole) for x in quote.instalments]
    return tuple(
        InstalmentView(part, words.due(x), plan.collection_words(x.collection), None, words.share(x))
        for x, part in zip(quote.instalments, parts, strict=True)
    )


def _approval(quote: Quote) -> ApprovalEvidence | None:
    if quote.approved_by_id is None or quote.approved_at is None or quote.content_hash is None:
        return None
    approver = db.session.get_one(User, quote.approved_by_id)
    intact = quote.content_hash == quote.commercial_hash()
    return ApprovalEvidence(approver.name, quote.approved_at, quote.content_hash, intact)


def _version(version: Quote, here: Quote) -> VersionView:
    return VersionView(
        version.version, version.status_on(selling_day()), version.created_at, version.approved_at, version is here
    )


def _timeline(quote: Quote) -> tuple[EntryView, ...]:
    query = select(History).where(History.entity == "quote", History.entity_id == quote.id)
    return tuple(words.entry(row) for row in db.session.scalars(query.order_by(History.id.desc()).limit(50)))


def last_change(quote: Quote) -> dict[str, Any]:
    """Who changed it last, and when."""
    query = select(History.actor_name, History.at).where(History.entity == "quote", History.entity_id == quote.id)
    row = db.session.execute(query.order_by(History.id.desc()).limit(1)).one()
    return {"changed_by": row.actor_name, "changed_at": row.at}
