"""Whose records a person sees: salespeople their own (or their team's, by a switch), everybody else all."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import InstrumentedAttribute

from .. import settings
from ..access import Role
from ..models import User


def sees_all(user: User) -> bool:
    """Any role beside salesperson opens the whole house; what may be done there is for permissions to say."""
    return any(role != Role.SALESPERSON for role in user.roles)


def visible(user: User, owner: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """The condition for a WHERE clause over `owner`, the column with the owning user's id."""
    if sees_all(user):
        return true()
    if user.team and settings.get(settings.TEAM_ORDERS):
        return owner.in_(select(User.id).where(User.team == user.team))
    return owner == user.id
