"""Signing in and out."""

from __future__ import annotations

from flask import Blueprint

from ...db import db
from ...extensions import login
from ...models.people import User

bp = Blueprint("auth", __name__)


@login.user_loader
def load_user(identity: str) -> User | None:
    """The signed-in person, unless their sign-ins were ended since (`session_epoch`)."""
    user_id, _, epoch = identity.partition(".")
    user = db.session.get(User, int(user_id)) if user_id.isdigit() else None
    return user if user and user.active and str(user.session_epoch) == epoch else None
