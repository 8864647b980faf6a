"""Whose records a person sees: salespeople their own (or their team's, by a switch), everybody else all."""

from __future__ import annotations

from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import InstrumentedAttribute

from .. import settings
from ..access import Role
from ..models import User


def sees_all(user: User) -> bool:
    """Any role beside salesperson opens the whole house; what may be done there is for permissions to say."""
    return any(role != Role.SALESPERSON for role in user.roles)


class Reach(Enum):
    """How far a reader sees."""

    HOUSE = "everybody's"
    TEAM = "their team's"
    OWN = "their own"


def reach(user: User) -> Reach:
    if sees_all(user):
        return Reach.HOUSE
    return Reach.TEAM if user.team and settings.get(settings.TEAM_ORDERS) else Reach.OWN


Owner = ColumnElement[int] | InstrumentedAttribute[int]


def within(far: Reach, owner: Owner, *, reader_id: Any, team: Any) -> ColumnElement[bool]:
    """The condition for a WHERE clause over `owner`, the column with the owning user's id. Who reads may be values, or
    bound parameters in a statement that is built once."""
    if far is Reach.HOUSE:
        return true()
    if far is Reach.TEAM:
        return owner.in_(select(User.id).where(User.team == team))
    return owner == reader_id


def visible(user: User, owner: Owner) -> ColumnElement[bool]:
    """The same for one reader."""
    return within(reach(user), owner, reader_id=user.id, team=user.team)
