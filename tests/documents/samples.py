"""Contents of every kind of document, as they are frozen: so many lines, whoever the customer is, in any currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app import canonical
from app.documents.views import drawn_url
from app.money import Money, PricedLine, Totals, line_amount, totals

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
HEBREW = 'מרפאות הצפון (חיפה) בע"מ'
ARABIC = "عيادات الشمال"
# A PNG of one dark pixel.
STROKE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c6310"
    "97d2060000a8005d2016e29c0000000049454e44ae426082"
)
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
AT = "2026-12-01T09:30:00+00:00"
SELLER = {
    "name": "Brightwater Health Systems",
    "tax_id": "DE123456789",
    "email": "sales@brightwater.test",
    "phone": "+49 40 1234",
}
STREET = ["Harbour Road 1", "20457 Hamburg, DE"]
KINDS = (
    "quote",
    "order",
    "signed_order",
    "agreement",
    "payment_order",
    "invoice",
    "credit_note",
    "receipt",
    "statement",
    "evidence_index",
)


@dataclass(frozen=True)
class Sample:
    lines: int = 2
    customer: str = "Northfield Clinics"
    product: str = "Bedside terminal"
    currency: str = "EUR"
    unit_price: str = "1250"

    def content(self, kind: str) -> dict[str, Any]:
        made: dict[str, Any] = getattr(self, f"_{kind}")()
        return made

    @property
    def _whole(self) -> Totals:
        return totals([_priced(x) for x in self._lines()], self.currency, prices_include_tax=False)

    def _money(self, parts: str) -> int:
        return self._whole.gross.percent(Decimal(parts)).minor

    def _lines(self) -> list[dict[str, Any]]:
        """Every third one is discounted, every fourth one recurs."""
        return [self._line(n) for n in range(1, self.lines + 1)]

    def _line(self, n: int) -> dict[str, Any]:
        line = {
            "sku": f"BT-{n}",
            "description": f"{self.product} {n}",
            "quantity": "2.000",
            "unit_price": self.unit_price,
            "discount_percent": "12.500" if n % 3 == 0 else "0.000",
            "tax_rate": "19.000" if n % 5 else "7.000",
        }
        return line | {"amount": line_amount(_priced(line), self.currency).minor}

    def _recurring_lines(self) -> list[dict[str, Any]]:
        return [
            x | {"frequency": None if n % 4 else "monthly", "activation_date": None if n % 7 else "2027-01-01"}
            for n, x in enumerate(self._lines(), 1)
        ]

    def _sums(self) -> dict[str, Any]:
        whole = self._whole
        return {"net": whole.net.minor, "gross": whole.gross.minor, "tax_by_rate": self._taxes()}

    def _taxes(self) -> list[dict[str, Any]]:
        return [{"rate": str(x.rate), "base": x.base.minor, "tax": x.tax.minor} for x in self._whole.by_rate]

    def _parties(self) -> dict[str, Any]:
        place = ["Lindenweg 14", "80331 Munich, DE"]
        customer = {"name": self.customer, "lines": [self.customer, *place], "tax_id": "DE987654321"}
        return {"seller": SELLER | {"lines": STREET}, "customer": customer}

    def _plan(self) -> list[dict[str, Any]]:
        step = {"percent": None, "due_date": None, "collection": "payment_link"}
        return [
            step | {"amount": self._money("30"), "percent": "30", "due": "signature"},
            step | {"amount": self._money("70"), "due": "date", "due_date": "2027-02-01", "collection": "offline"},
        ]

    def _quote(self) -> dict[str, Any]:
        return {
            "number": "Q-1001",
            "version": 2,
            "status": "approved",
            "order": "",
            "prepared_by": "Dana Reyes",
            "email": "dana@brightwater.test",
            **self._parties(),
            "deliver_to": [self.customer, "Lindenweg 14", "80331 Munich, DE"],
            "contact": ["Maria Keller", "Head of operations", "maria@northfield.test"],
            "written_on": "2026-12-01",
            "expires_on": "2026-12-31",
            "start_date": None,
            "term_months": 24,
            "renewal": "auto",
            "payment_terms_days": 30,
            "currency": self.currency,
            "prices_include_tax": False,
            "lines": self._recurring_lines(),
            **self._sums(),
            "recurring": [{"frequency": "monthly", "gross": self._money("25")}],
            "term_value": self._money("700"),
            "plan": self._plan(),
            "tax_status": "standard",
        }

    def _order(self) -> dict[str, Any]:
        whole, parties = self._whole, self._parties()
        address = parties["customer"]["lines"]
        return {
            "snapshot": canonical.dumps(
                {
                    "format": 2,
                    "order": {
                        "number": "SO-1001",
                        "edition": 1,
                        "currency": self.currency,
                        "prices_include_tax": False,
                        "rounding_rule": "half-up-1",
                        "quote_number": "Q-1001",
                        "quote_version": 2,
                    },
                    "seller": SELLER | {"address": STREET},
                    "customer": {
                        "number": "AC-1001",
                        "name": self.customer,
                        "tax_id": "DE987654321",
                        "tax_status": "standard",
                        "billing_address": address,
                        "shipping_address": address,
                    },
                    "contact": {"name": "Maria Keller", "title": "", "email": "maria@northfield.test"},
                    "prepared_by": {"name": "Dana Reyes", "title": "", "email": "dana@brightwater.test"},
                    "lines": [x | {"position": n} for n, x in enumerate(self._recurring_lines(), 1)],
                    "totals": {
                        "net": whole.net.minor,
                        "tax": whole.tax.minor,
                        "gross": whole.gross.minor,
                        "by_rate": self._taxes(),
                        "recurring": [{"frequency": "monthly", "gross": self._money("25"), "starts_on": None}],
                        "term_value": None,
                    },
                    "terms": {
                        "start_date": "2027-01-01",
                        "term_months": 24,
                        "billing_frequency": "monthly",
                        "renewal": "none",
                        "payment_terms_days": 30,
                    },
                    "payment": {"due_now": self._money("30"), "plan": self._plan()},
                    "conditions": {
                        "version": 3,
                        "body": "1. What is delivered is paid.\n2. What is paid is delivered.",
                    },
                    "shared": {
                        "notes": [{"id": 1, "author": "Dana Reyes", "written_at": AT, "body": "Mind the stairs."}],
                        "files": [{"id": 1, "filename": "plan.pdf", "size": 1200, "sha256": HASH}],
                    },
                }
            )
        }

    def _signed_order(self) -> dict[str, Any]:
        signature = {
            "name": "Maria Keller",
            "title": "Head of operations",
            "email": "maria@northfield.test",
            "sent_to": "office@northfield.test",
            "typed": None,
            "drawn": drawn_url(STROKE),
            "consent": f"I sign for {self.customer}.",
            "terms_version": 3,
            "ip": "192.0.2.7",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "sent_at": AT,
            "viewed_at": AT,
            "signed_at": AT,
        }
        return self._order() | {"signature": signature, "seal": "none"}

    def _agreement(self) -> dict[str, Any]:
        terms = {
            "number": "AG-1001",
            "version": 1,
            "currency": self.currency,
            "prices_include_tax": False,
            "frequency": "monthly",
            "every": 1,
            "zone": "Europe/Berlin",
            "renewal": "auto",
            "proration": "daily",
            "collection": "saved_method",
            "contact": "maria@northfield.test",
            "order": "SO-1001",
            "method": "Visa ending 4242",
            "anchor": "2027-01-01",
            "ends_on": "2027-12-31",
            "cancels_on": None,
            "trial_ends_on": None,
            "lines": self._lines(),
            "consent_text": f"I agree that {self.customer} is charged each month.",
            "consent_by": "Maria Keller",
            "consent_how": "signed",
            "consent_at": AT,
            "consent_version": 3,
        }
        return {"agreement": terms, "sha256": HASH, "made_by": "Dana Reyes", "made_at": AT, **self._parties()}

    def _payment_order(self) -> dict[str, Any]:
        lines = self._lines()
        return {
            "number": "PO-1001",
            "order_number": "SO-1001",
            "purpose": "Deposit for order SO-1001",
            "status": "part_paid",
            "cancelled": False,
            **self._parties(),
            "contact": "Maria Keller",
            "asked_on": "2026-12-01",
            "due_date": "2026-12-15",
            "collection": "payment_link",
            "currency": self.currency,
            "lines": [{"description": x["description"], "amount": x["amount"]} for x in lines],
            "amount": sum(x["amount"] for x in lines),
            "authorized": 0,
            "paid": lines[0]["amount"],
            "refunded": 0,
            "disputed": 0,
            "due": sum(x["amount"] for x in lines[1:]),
        }

    def _invoice(self) -> dict[str, Any]:
        return {
            "number": "INV-00001",
            "kind": "regular",
            "order_number": "SO-1001",
            **self._parties(),
            "currency": self.currency,
            "issued_on": "2026-12-01",
            "supply_date": "2026-12-01",
            "due_date": "2026-12-31",
            "lines": self._lines(),
            **self._sums(),
            "tax": self._whole.tax.minor,
            "paid": self._money("30"),
            "credited": self._money("10"),
            "prices_include_tax": False,
            "note": "",
        }

    def _credit_note(self) -> dict[str, Any]:
        lines = [{n: x[n] for n in ("sku", "description", "tax_rate", "amount")} for x in self._lines()]
        return {
            "number": "CN-00001",
            "invoice": "INV-00001",
            "invoiced_on": "2026-12-01",
            "order_number": "SO-1001",
            "reason": "Return",
            "text": "They came back unopened.",
            **self._parties(),
            "currency": self.currency,
            "issued_on": "2026-12-20",
            "lines": lines,
            **self._sums(),
            "tax": self._whole.tax.minor,
            "received": self._money("30"),
            "prices_include_tax": False,
            "note": "",
        }

    def _receipt(self) -> dict[str, Any]:
        return {
            "number": "R-00001",
            **self._parties(),
            "amount": self._whole.gross.minor,
            "currency": self.currency,
            "paid_with": "Visa ending 4242",
            "paid_at": AT,
            "purpose": f"Deposit for {self.product}",
            "payment_order": "PO-1001",
            "order_number": "SO-1001",
            "reference": "sbx_ch_" + HASH[:24],
        }

    def _statement(self) -> dict[str, Any]:
        step, balance, lines = self._line(1)["amount"], 0, []
        for n in range(self.lines):
            balance += step
            lines.append(
                {
                    "on": "2026-12-01",
                    "what": "Invoice",
                    "number": f"INV-{n + 1:05}",
                    "charge": step,
                    "credit": 0,
                    "balance": balance,
                }
            )
        days = {"first": "2026-12-01", "last": "2026-12-31"}
        head = {"account": "AC-1001", "currency": self.currency, "opening": 0, "closing": balance}
        return self._parties() | head | days | {"lines": lines}

    def _evidence_index(self) -> dict[str, Any]:
        file = {"what": "The invoice", "size": 48210, "sha256": HASH}
        return {
            "seller": SELLER | {"lines": STREET},
            "order_number": "SO-1001",
            "customer": self.customer,
            "payment_order": "PO-1001",
            "dispute": "DP-1001",
            "reason": "product_not_received",
            "made_at": AT,
            "made_by": "Dana Reyes",
            "files": [file | {"name": f"3-invoices/INV-{n:05}.pdf"} for n in range(1, self.lines + 1)],
        }

    @property
    def amount(self) -> Money:
        """What the first line comes to."""
        return Money(self._line(1)["amount"], self.currency)


def _priced(line: dict[str, Any]) -> PricedLine:
    return PricedLine(*(Decimal(line[n]) for n in ("quantity", "unit_price", "discount_percent", "tax_rate")))
