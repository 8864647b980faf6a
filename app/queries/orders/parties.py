"""Customer, quote and addresses as the header names them, linked where they have a page."""

from __future__ import annotations

from typing import Any

from flask import current_app, url_for
from sqlalchemy import Row

from .views import Link


def account_link(row: Row[Any]) -> Link:
    return Link(row.account_name, _url("accounts.show", number=row.account_number))


def coverage_url(row: Row[Any]) -> str | None:
    """Where to see which card can be charged by which route."""
    return _url("accounts.coverage", number=row.account_number)


def quote_link(row: Row[Any]) -> Link | None:
    if row.quote_number is None:
        return None
    name = f"{row.quote_number} v{row.quote_version}"
    return Link(name, _url("quotes.show", number=row.quote_number) if row.quote_id else None)


def _url(endpoint: str, **values: Any) -> str | None:
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else None


def address(row: Row[Any], which: str) -> tuple[str, ...]:
    """The lines of the `billing` or `shipping` address, none if there is no address."""
    name, street, postcode, city, country = (
        getattr(row, f"{which}_{part}") for part in ("name", "street", "postcode", "city", "country")
    )
    return (name, street, f"{postcode} {city}, {country}") if street is not None else ()
