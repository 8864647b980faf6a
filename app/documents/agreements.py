"""What a payment agreement prints: one version of it, with the consent it rests on."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ..money import Money, PricedLine, TaxTotal, line_amount, totals
from ..values import Value
from .lines import Line
from .views import Party, party

AS_KEPT = (
    "number",
    "version",
    "currency",
    "prices_include_tax",
    "frequency",
    "every",
    "zone",
    "renewal",
    "proration",
    "collection",
)


class Consent(Value):
    text: str
    by: str
    how: str
    at: datetime
    terms_version: int | None


class AgreementPaper(Value):
    """Amounts are of a whole period; `sha256` is that of the version's content as it is kept."""

    number: str
    version: int
    made_by: str
    made_at: datetime
    sha256: str
    seller: Party
    customer: Party
    contact: str
    order: str
    currency: str
    frequency: str
    every: int
    counted_from: date
    zone: str
    ends_on: date | None
    cancels_on: date | None
    renewal: str
    trial_ends_on: date | None
    proration: str
    collection: str
    method: str
    prices_include_tax: bool
    status: str
    paused_until: date | None
    lines: tuple[Line, ...]
    net: Money
    tax_by_rate: tuple[TaxTotal, ...]
    gross: Money
    consent: Consent

    @property
    def last_day(self) -> date | None:
        days = (self.cancels_on,) if self.renewal == "auto" and self.cancels_on else (self.ends_on, self.cancels_on)
        return min((day for day in days if day), default=None)


def agreement(content: dict[str, Any]) -> AgreementPaper:
    terms = content["agreement"]
    priced = [_priced(x) for x in terms["lines"]]
    whole = totals(priced, terms["currency"], prices_include_tax=terms["prices_include_tax"])
    return AgreementPaper(
        **{name: terms[name] for name in AS_KEPT},
        **{name: content[name] for name in ("made_by", "sha256")},
        made_at=datetime.fromisoformat(content["made_at"]),
        seller=party(content["seller"]),
        customer=party(content["customer"]),
        contact=terms["contact"] or "",
        order=terms["order"] or "",
        method=terms["method"] or "",
        status=terms.get("status") or "",
        paused_until=_day(terms.get("paused_until")),
        counted_from=date.fromisoformat(terms["anchor"]),
        ends_on=_day(terms["ends_on"]),
        cancels_on=_day(terms["cancels_on"]),
        trial_ends_on=_day(terms["trial_ends_on"]),
        lines=tuple(_line(x, p, terms["currency"]) for x, p in zip(terms["lines"], priced, strict=True)),
        net=whole.net,
        tax_by_rate=whole.by_rate,
        gross=whole.gross,
        consent=Consent(
            text=terms["consent_text"],
            by=terms["consent_by"],
            how=terms["consent_how"],
            at=datetime.fromisoformat(terms["consent_at"]),
            terms_version=terms["consent_version"],
        ),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _priced(line: dict[str, Any]) -> PricedLine:
    return PricedLine(*(Decimal(line[n]) for n in ("quantity", "unit_price", "discount_percent", "tax_rate")))


def _line(line: dict[str, Any], priced: PricedLine, currency: str) -> Line:
    return Line(
        line["sku"],
        line["description"],
        priced.quantity,
        priced.unit_price,
        priced.discount_percent,
        priced.tax_rate,
        line_amount(priced, currency),
    )
