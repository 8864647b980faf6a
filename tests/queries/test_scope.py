"""Who sees whose orders."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from app.access import Role
from app.db import db, transaction
from app.models import SalesOrder, Setting, User
from app.queries.scope import visible
from tests import factories


def numbers(user: User) -> set[str]:
    return set(db.session.scalars(select(SalesOrder.number).where(visible(user, SalesOrder.owner_id))))


def test_salespeople_see_their_own_orders_and_everybody_else_all(app: Flask) -> None:
    ann, ben = factories.user(team="North"), factories.user(team="North")
    hers, his = factories.order(owner=ann).number, factories.order(owner=ben).number
    assert numbers(ann) == {hers}
    assert numbers(ben) == {his}
    assert numbers(factories.user(Role.AR)) == {hers, his}
    assert numbers(factories.user(roles=[Role.SALESPERSON, Role.SALES_MANAGER])) == {hers, his}


def test_a_switch_opens_the_team(app: Flask) -> None:
    ann, ben, eve = factories.user(team="North"), factories.user(team="North"), factories.user(team="South")
    hers, his = factories.order(owner=ann).number, factories.order(owner=ben).number
    with transaction() as session:
        session.add(Setting(key="salespeople.see_team_orders", value=True))
    assert numbers(ann) == {hers, his}
    assert numbers(eve) == set()
