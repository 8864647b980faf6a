"""What the demo company sells, and the taxes on it (German rates, with the lower ones of late 2020)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ..models import Frequency, Product, Routing, TaxCode, TaxRate

RATES: dict[str, tuple[str, tuple[tuple[date, str], ...]]] = {
    "standard": ("VAT", ((date(2007, 1, 1), "19"), (date(2020, 7, 1), "16"), (date(2021, 1, 1), "19"))),
    "reduced": ("Reduced VAT", ((date(1983, 7, 1), "7"), (date(2020, 7, 1), "5"), (date(2021, 1, 1), "7"))),
}

W, T, D, S = Routing.WAREHOUSE, Routing.THIRD_PARTY, Routing.DIGITAL, Routing.SERVICE
MONTHLY, QUARTERLY, YEARLY = Frequency.MONTHLY, Frequency.QUARTERLY, Frequency.YEARLY

# SKU, name, list price in EUR, how often it is charged, where it comes from, tax code
PRODUCTS: tuple[tuple[str, str, str, Frequency | None, Routing, str], ...] = (
    ("CD-100", "Care desk licence", "24.50", MONTHLY, D, "standard"),
    ("CD-200", "Care desk licence, premium", "39", MONTHLY, D, "standard"),
    ("BT-10", 'Bedside terminal 10"', "612", None, T, "standard"),
    ("BT-15", 'Bedside terminal 15"', "845", None, T, "standard"),
    ("WM-02", "Wall mount for terminals", "57.90", None, W, "standard"),
    ("NC-20", "Nurse call button", "48.90", None, W, "standard"),
    ("WB-05", "Patient wristbands, roll of 500", "31.20", None, T, "standard"),
    ("GW-01", "Ward gateway", "390", None, W, "standard"),
    ("AP-API", "Interface to the hospital system", "180", MONTHLY, D, "standard"),
    ("ST-TB", "Archive storage, per terabyte", "22.125", MONTHLY, D, "standard"),
    ("SU-STD", "Support, standard", "310", QUARTERLY, S, "standard"),
    ("SU-PREM", "Support, around the clock", "4800", YEARLY, S, "standard"),
    ("SV-INST", "On-site installation, per day", "1150", None, S, "standard"),
    ("SV-TRAIN", "Staff training, half a day", "680", None, S, "standard"),
    ("BK-PRINT", "Handbook, printed", "18", None, W, "reduced"),
)


def tax_codes() -> list[TaxCode]:
    return [
        TaxCode(code=code, name=name, rates=[TaxRate(valid_from=day, rate=Decimal(rate)) for day, rate in rates])
        for code, (name, rates) in RATES.items()
    ]


def products(codes: dict[str, int]) -> list[Product]:
    """`codes`: ids of the tax codes."""
    return [
        Product(
            sku=sku,
            name=name,
            unit_price=Decimal(price),
            currency="EUR",
            frequency=frequency,
            routing=routing,
            tax_code_id=codes[code],
        )
        for sku, name, price, frequency, routing, code in PRODUCTS
    ]
