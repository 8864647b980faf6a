"""Who stands on a paper: the company as it prints itself, the customer as they are addressed now."""

from __future__ import annotations

from typing import Any

from ..db import get
from ..models import Account, Company


def customer(account: Account) -> dict[str, Any]:
    """The account as it is addressed now."""
    address = account.billing_address
    return {"name": account.name, "lines": address.lines if address else [account.name], "tax_id": account.tax_id}


def seller() -> dict[str, Any]:
    """The company as it prints itself."""
    company = get(Company, 1)
    logo = {"logo": company.logo} if company.logo else {}
    return logo | {
        "name": company.name,
        "lines": [company.street, f"{company.postcode} {company.city}, {company.country}"],
        "tax_id": company.tax_id,
        "email": company.email,
        "phone": company.phone,
    }
