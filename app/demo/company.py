"""The demo company itself: its facts, its people, how it takes money, and what it has been doing lately."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from .. import clock, passwords
from ..commands.office import accounts, logos
from ..db import db, end_read, transaction
from ..models import Account, Company, Logo, TermsText, User
from . import agreements, catalog, customers, deals, dunning, gateways, receivables, story
from .people import PASSWORD, PEOPLE

TERMS = Path(__file__).parent / "terms.txt"
LOGO = Path(__file__).parent / "logo.svg"
DAYS = 60
ON_HOLD = "Bluegrass Physicians"


def exists() -> bool:
    """True if some company works in this database already, the demo's or a real one."""
    return db.session.get(Company, 1) is not None


def is_ours() -> bool:
    company = db.session.get(Company, 1)
    return company is not None and company.email == _company().email


def found() -> None:
    """The company, what it sells, who works there and how it takes money: all of it or nothing."""
    with transaction() as session:
        session.add(_logo())
        session.flush()
        session.add(_company())
        session.add(TermsText(version=1, body=TERMS.read_text()))
        europe, usa = gateways.gateways()
        codes = catalog.tax_codes()
        session.add_all([europe, usa, *codes])
        session.flush()
        session.add_all(gateways.routes(europe, usa))
        session.add_all(catalog.products({code.code: code.id for code in codes}))
        session.add_all(_people())


def trade() -> None:
    """Customers, quotes, orders and payments of the last two months. What is there already is left as it is."""
    people = {user.email.partition("@")[0]: user for user in db.session.scalars(select(User))}
    if db.session.scalar(select(Account.id).where(Account.name == ON_HOLD, Account.hold_reason.is_not(None))):
        return
    manager, accountant = people["tom.okafor"], people["ines.laurent"]
    with clock.turned_back(timedelta(days=140)):
        account_ids = {c.key: _account(c, manager) for c in customers.CUSTOMERS}
    story.tell(deals.DEALS, account_ids, people, manager)
    agreements.begin(account_ids, by=accountant)
    dunning.begin(account_ids, by=accountant)
    story.live_through(DAYS)
    end_read()
    agreements.tell(by=accountant)
    dunning.tell(account_ids, by=accountant)
    gateways.pay_out_weekly(DAYS)
    receivables.tell(account_ids, by=accountant)
    with clock.turned_back(timedelta(days=3)):
        account_id = account_ids["bluegrass"]
        gateways.card_of_former_years(account_ids["northfield"])
        gateways.keep(account_ids["northfield"], gateways.EUROPE, "visa")
        gateways.last_payouts_of_former_years()
        gateways.card_of_the_other_side(account_ids["lakeview"])
        accounts.hold(account_id, reason="Two invoices overdue since September", by=accountant)
    gateways.ask_for_a_card(account_ids["lakeview"], by=accountant)


def _account(customer: customers.Customer, by: User) -> int:
    known = db.session.scalar(select(Account.id).where(Account.name == customer.name))
    return known or customers.write(customer, by=by).id


def _company() -> Company:
    return Company(
        name="Brightwater Health Systems",
        street="Harbour Road 1",
        postcode="20457",
        city="Hamburg",
        country="DE",
        tax_id="DE811234567",
        email="orders@brightwater.example",
        phone="+49 40 5550100",
        time_zone="Europe/Berlin",
        currency="EUR",
        logo=_logo().sha256,
    )


def _logo() -> Logo:
    body = LOGO.read_bytes()
    return Logo(sha256=hashlib.sha256(body).hexdigest(), mimetype=logos.SVG, body=body)


def _people() -> list[User]:
    password_hash = passwords.hashed(PASSWORD)  # once: it is slow on purpose
    return [
        User(
            email=person.email,
            name=person.name,
            title=person.title,
            team=person.team,
            roles=[role.value for role in person.roles],
            password_hash=password_hash,
        )
        for person in PEOPLE
    ]
