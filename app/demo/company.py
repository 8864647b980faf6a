"""The demo company itself: its facts, its people, and a sandbox gateway with one route."""

from __future__ import annotations

from .. import passwords
from ..db import db, transaction
from ..models import Company, Gateway, Route, User
from .people import PASSWORD, PEOPLE


def exists() -> bool:
    """True if some company works in this database already, the demo's or a real one."""
    return db.session.get(Company, 1) is not None


def found() -> None:
    """Written in one transaction: there is a whole company or none."""
    with transaction() as session:
        session.add(_company())
        gateway = Gateway(key="sandbox", kind="sandbox", name="Sandbox", currencies=["EUR", "USD", "JPY", "KWD"])
        session.add(gateway)
        session.flush()
        session.add(Route(key="cards", name="Cards", position=1, gateway_id=gateway.id, descriptor="BRIGHTWATER"))
        session.add_all(_people())


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
    )


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
