"""Everybody who works here, for the admin's list, and whoever asks now."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from .. import navigation
from ..db import adopt, db, read_columns
from ..models.company import Company
from ..models.people import User
from ..passwords import UNUSABLE
from ..values import Value


class PersonRow(Value):
    id: int
    name: str
    email: str
    title: str
    team: str
    roles: list[str]
    grants: list[str]
    active: bool
    has_password: bool


def everybody() -> list[PersonRow]:
    """By name, those who left at the end."""
    columns = (User.id, User.name, User.email, User.title, User.team, User.roles, User.grants, User.active)
    query = select(*columns, User.password_hash != UNUSABLE).order_by(User.active.desc(), User.name, User.id)
    return [PersonRow(*row) for row in db.session.execute(query)]


ASKING = (
    select(*User.__table__.columns, *Company.__table__.columns)
    .outerjoin_from(User, Company, Company.id == 1)
    .where(User.id == bindparam("user_id"))
)


def asking(user_id: int) -> User | None:
    """Who sent this request. The company that every page shows comes along; one statement."""
    row = read_columns(ASKING, user_id=user_id).one_or_none()
    if row is None:
        return None
    own = len(User.__table__.columns)
    navigation.remember(row[own:] if row[own] else None)
    return adopt(User, row[:own])
