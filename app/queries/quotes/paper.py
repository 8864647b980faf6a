"""The quote on paper: what stands on it, and whether it is there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ...clock import local_date
from ...db import db, get
from ...documents import lines, parties
from ...models import Address, Company, Quote, SalesOrder
from ...models.payment_plan import amounts, planned
from ...money import Totals
from ...states.quote import QuoteStatus
from .. import papers
from ..calendar import selling_day
from ..orders.lines import over_term, recurring
from ..papers import Paper

KIND = "quote"


def view(quote: Quote) -> Paper:
    return papers.of_page(KIND, quote.id, filename(quote), lambda: content(quote))


def filename(quote: Quote) -> str:
    return f"{quote.number}-v{quote.version}.pdf"


def content(quote: Quote) -> dict[str, Any]:
    """Everything the customer may read; notes and the way it was approved stay in the house."""
    whole, status = quote.totals(), quote.status_on(selling_day())
    billed_to = quote.billing_address or quote.account.billing_address
    terms = ("currency", "prices_include_tax", "term_months", "payment_terms_days")
    return {
        "number": quote.number,
        "version": quote.version,
        "status": status.value,
        "order": _order(quote) if status is QuoteStatus.CONVERTED else "",
        "prepared_by": quote.owner.name,
        "email": quote.owner.email,
        "seller": parties.seller(),
        "customer": parties.customer(quote.account) | ({"lines": billed_to.lines} if billed_to else {}),
        "deliver_to": _lines(quote.shipping_address),
        "contact": _contact(quote),
        "written_on": local_date(quote.created_at, get(Company, 1).time_zone).isoformat(),
        "expires_on": quote.expires_on.isoformat(),
        "start_date": quote.start_date.isoformat() if quote.start_date else None,
        "renewal": quote.renewal.value,
        "tax_status": quote.account.tax_status.value,
        **{name: getattr(quote, name) for name in terms},
        "lines": [_line(x, quote.currency) for x in quote.lines],
        **_sums(quote, whole),
        "plan": _plan(quote, whole),
    }


def _order(quote: Quote) -> str:
    return db.session.scalar(select(SalesOrder.number).where(SalesOrder.quote_number == quote.number)) or ""


def _contact(quote: Quote) -> list[str]:
    person = quote.contact
    return [x for x in (person.name, person.title, person.email) if x] if person else []


def _lines(address: Address | None) -> list[str]:
    return address.lines if address else []


def _line(line: Any, currency: str) -> dict[str, Any]:
    starts = line.activation_date
    return lines.content(line, line.amount(currency).minor) | {
        "frequency": line.frequency.value if line.frequency else None,
        "activation_date": starts.isoformat() if starts else None,
    }


def _sums(quote: Quote, whole: Totals) -> dict[str, Any]:
    periods = recurring(quote.lines, quote.currency, quote.prices_include_tax)
    term = over_term(whole.gross, periods, quote.term_months)
    return {
        "net": whole.net.minor,
        "tax_by_rate": [
            {"rate": str(x.rate.quantize(lines.PLACES["tax_rate"])), "base": x.base.minor, "tax": x.tax.minor}
            for x in whole.by_rate
        ],
        "gross": whole.gross.minor,
        "recurring": [{"frequency": each.value, "gross": amount.minor} for each, amount in periods.items()],
        "term_value": term.minor if term else None,
    }


def _plan(quote: Quote, whole: Totals) -> list[dict[str, Any]]:
    steps = amounts(quote.instalments, whole.gross) or [planned([x], whole.gross) for x in quote.instalments]
    return [
        {
            "amount": amount.minor,
            "percent": str(step.percent.quantize(lines.PLACES["tax_rate"])) if step.percent is not None else None,
            "due": step.due.value,
            "due_date": step.due_date.isoformat() if step.due_date else None,
            "collection": step.collection.value,
        }
        for step, amount in zip(quote.instalments, steps, strict=True)
    ]
