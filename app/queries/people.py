"""Everybody who works here, for the admin's list."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from ..db import db
from ..models.people import User
from ..passwords import UNUSABLE


@dataclass(frozen=True, slots=True)
class PersonRow:
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
