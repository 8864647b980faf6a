"""The selling company: its own facts, and the terms its customers accept."""

from __future__ import annotations

from sqlalchemy import func, select

from ... import access, audit
from ...access import Permission
from ...db import db, transaction
from ...errors import Refusal
from ...models.company import Company, TermsText
from ...models.machine import Actor
from ...models.people import User
from ...values import Value, as_dict


class Facts(Value):
    """As printed on documents; `time_zone` is an IANA name, `currency` ISO 4217, `accent` a colour like #0f6b5c."""

    name: str
    street: str
    postcode: str
    city: str
    country: str
    tax_id: str
    email: str
    phone: str
    time_zone: str
    currency: str
    prices_include_tax: bool
    accent: str


def write(facts: Facts, *, by: User) -> Company:
    """Found the company, or change it: documents already made keep what they say."""
    with transaction() as session:
        access.demand(by, Permission.SETTINGS_EDIT)
        company = session.get(Company, 1, with_for_update=True, populate_existing=True)
        after = as_dict(facts)
        if company is None:
            company = Company(id=1, **after)
            session.add(company)
            audit.note("company.founded", facts.name, by=Actor.of(by), after=after)
            return company
        changed = {name: value for name, value in after.items() if getattr(company, name) != value}
        before = {name: getattr(company, name) for name in changed}
        for name, value in changed.items():
            setattr(company, name, value)
        if changed:
            audit.note("company.changed", facts.name, by=Actor.of(by), before=before, after=changed)
    return company


def publish_terms(body: str, *, by: User) -> TermsText:
    """A new version; what was signed keeps its own. Raises Refusal `same_terms`, `no_terms`."""
    body = body.replace("\r\n", "\n").strip()
    if not body:
        raise Refusal("no_terms", "Write the terms first; a customer cannot accept nothing.")
    with transaction() as session:
        access.demand(by, Permission.SETTINGS_EDIT)
        last = session.scalar(select(func.max(TermsText.version))) or 0
        if last and session.get_one(TermsText, last).body == body:
            raise Refusal("same_terms", "This is word for word version %(n)s.", n=last)
        terms = TermsText(version=last + 1, body=body)
        session.add(terms)
        audit.note("terms.published", f"version {terms.version}", by=Actor.of(by))
    return terms


def terms_in_force() -> TermsText | None:
    return db.session.scalars(select(TermsText).order_by(TermsText.version.desc()).limit(1)).one_or_none()
