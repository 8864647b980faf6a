"""People and settings when two admins act at once, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from app import settings
from app.access import Role
from app.commands.office import people
from app.commands.office import settings as turning
from app.commands.office.people import Profile
from app.db import db, end_read
from app.models import Audit, User
from tests import factories
from tests.racing import race, refused


def as_user(user_id: int, act: Callable[[User], Any]) -> Callable[[], Any]:
    """`act` by a user loaded in the thread that runs it."""
    return lambda: act(db.session.get_one(User, user_id))


def test_two_admins_cannot_unmake_each_other(any_app: Flask) -> None:
    one, two = factories.user(Role.ADMIN).id, factories.user(Role.ADMIN).id
    end_read()
    clerk = Profile("Clerk", "", "", frozenset({Role.AR}), frozenset())
    results = race(
        any_app,
        [
            as_user(one, lambda by: people.change(two, clerk, by=by)),
            as_user(two, lambda by: people.change(one, clerk, by=by)),
        ],
    )
    assert refused(results) == ["not_permitted"], results
    db.session.expire_all()
    assert [Role.ADMIN in user.roles for user in db.session.query(User)].count(True) == 1


def test_the_first_change_of_a_setting_is_one_change_however_many_make_it(any_app: Flask) -> None:
    boss = factories.user(Role.ADMIN).id
    end_read()
    key = settings.APPROVAL_LINK_DAYS.key
    results = race(any_app, [as_user(boss, lambda by: turning.turn(key, 7, by=by))] * 5)
    assert sorted(results) == [False] * 4 + [True], results
    assert settings.fresh(settings.APPROVAL_LINK_DAYS) == 7
    assert [(row.before, row.after) for row in db.session.query(Audit)] == [(14, 7)]
