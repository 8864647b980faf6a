"""The signed-in session: who it is, how long it lasts, and where a stranger is sent.

It lives in a signed cookie. It ends after IDLE without a click, after ABSOLUTE in any case, with a password change, a
deactivation or "sign out everywhere" (`User.session_epoch`).
"""

from __future__ import annotations

from datetime import timedelta
from time import time
from urllib.parse import urlsplit

from flask import flash, request, session, url_for
from flask_babel import gettext as _
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response

from ...extensions import login
from ...hypermedia import safe_next, see_other
from ...models.people import User
from ...queries import people

IDLE = timedelta(hours=8)
ABSOLUTE = timedelta(hours=24)
NOTED_EVERY = timedelta(minutes=5)


def begin(user: User) -> None:
    """A new session with nothing of the old one in it, so that nobody can plant one beforehand."""
    session.clear()
    login_user(user)
    session["began"] = session["seen"] = int(time())


def end() -> None:
    logout_user()
    session.clear()


@login.user_loader
def load_user(identity: str) -> User | None:
    """The signed-in person, unless the session is over."""
    if not _is_alive():
        return None
    user_id, _dot, epoch = identity.partition(".")
    user = people.asking(int(user_id)) if user_id.isdigit() else None
    if user is None or not user.active or str(user.session_epoch) != epoch:
        return None
    _note_that_they_are_here()
    return user


def _is_alive() -> bool:
    now = time()
    began, seen = session.get("began", 0), session.get("seen", 0)
    return now - began < ABSOLUTE.total_seconds() and now - seen < IDLE.total_seconds()


def _note_that_they_are_here() -> None:
    """Now and then, so that not every answer carries a new cookie."""
    if time() - session["seen"] > NOTED_EVERY.total_seconds():
        session["seen"] = int(time())


@login.unauthorized_handler
def send_to_sign_in() -> Response:
    """And later back to where they were: the page itself, or the page behind a fragment or a post."""
    if "_user_id" in session:
        session.clear()
        flash(
            _("You were signed out. Sign in to go on where you were; what you typed is kept in this browser."), "info"
        )
    return see_other(url_for("auth.sign_in", next=_page_behind()))


def _page_behind() -> str | None:
    if request.method == "GET" and "HX-Request" not in request.headers:
        address = urlsplit(request.full_path.rstrip("?"))
    else:
        address = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
        if address.netloc != request.host:
            return None
    path = address.path + (f"?{address.query}" if address.query else "")
    return safe_next(path, "") or None if path != "/" else None
