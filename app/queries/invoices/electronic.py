"""Electronic invoices (Factur-X, the EN 16931 profile): what the standard asks for that is not there, in words."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from babel import Locale
from flask_babel import gettext as _

from ... import settings
from ...models.company import Company
from ...money import exponent
from ...navigation import company

# BR-CO-09: a tax id begins with a country's letters; EL stands for Greece, XI for Northern Ireland.
TAX_ID = re.compile(r"[A-Z]{2}[A-Z0-9]{2,}$")
MOST_DECIMALS = 2  # BR-DEC-01 to 28
NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})


def why_not(billing: dict[str, Any], currency: str) -> tuple[str, ...]:
    """What an invoice lacks; nothing while electronic invoices are off."""
    return tuple(lacks(company(), billing, currency)) if settings.get(settings.FACTUR_X) else ()


def lacks(seller: Company, billing: dict[str, Any], currency: str) -> list[str]:
    """`billing` is what an invoice keeps of its customer."""
    found = company_lacks(seller)
    if exponent(currency) > MOST_DECIMALS:
        found.append(_("Amounts in %(currency)s have more than two decimals.", currency=currency))
    place = billing.get("place")
    if not place:
        found.append(_("The invoice has no billing address of the customer in its parts."))
    elif place["country"] not in countries():
        found.append(_("The country in the customer's billing address is no known code."))
    if billing.get("tax_status") == "reverse_charge" and not is_tax_id(billing.get("tax_id", "")):
        found.append(_("Reverse charge needs the customer's tax id, with its country's two letters in front."))
    return found


def company_lacks(seller: Company) -> list[str]:
    found = []
    if not is_tax_id(seller.tax_id):
        found.append(_("The company's tax id is missing, or not one that begins with its country's two letters."))
    if seller.country not in countries():
        found.append(_("The company's country is no known code."))
    return found


def party(place: dict[str, str], tax_id: str) -> dict[str, str]:
    """Where a party is, and its tax id if it is one by which the standard knows it."""
    return place | {"tax_id": _compact(tax_id) if is_tax_id(tax_id) else ""}


def is_tax_id(text: str) -> bool:
    return TAX_ID.match(_compact(text)) is not None


def _compact(tax_id: str) -> str:
    return re.sub(r"[\s.\-/]", "", tax_id).upper()


@cache
def countries() -> frozenset[str]:
    """ISO 3166-1 alpha-2, as CLDR has them."""
    return frozenset(c for c in map(str, Locale("en").territories) if len(c) == 2 and c.isalpha()) - NO_COUNTRIES
