"""Signing in and out."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from ...access import public
from ...db import db
from ...extensions import login
from ...hypermedia import see_other
from ...models.people import User

bp = Blueprint("auth", __name__)


@login.user_loader
def load_user(identity: str) -> User | None:
    """The signed-in person, unless their sign-ins were ended since (`session_epoch`)."""
    user_id, _, epoch = identity.partition(".")
    user = db.session.get(User, int(user_id)) if user_id.isdigit() else None
    return user if user and user.active and str(user.session_epoch) == epoch else None


@login.unauthorized_handler
def send_to_sign_in() -> BaseResponse:
    """Back to where they were once they have signed in: the page itself, or the page behind a fragment or a post."""
    return see_other(url_for("auth.sign_in", next=_page_behind()))


def _page_behind() -> str | None:
    if request.method == "GET" and "HX-Request" not in request.headers:
        return request.full_path.rstrip("?")
    return None


@bp.get("/sign-in")
@public
def sign_in() -> Response:
    return Response("Sign in")
