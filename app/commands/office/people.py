"""The people who work here: who they are, what they may do, how they get in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext
from sqlalchemy import select

from ... import access, audit, forms, passwords
from ...access import GRANTS, ROLE_NAMES, SENTENCES, Permission, Role
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...models.machine import SYSTEM, Actor
from ...models.people import User
from ...values import Value


class Profile(Value):
    """What an admin writes about a person."""

    name: str
    title: str
    team: str
    roles: frozenset[Role]
    grants: frozenset[Permission]
    active: bool = True


def create(email: str, profile: Profile, *, by: User, form_key: str | None = None) -> User:
    """A person without a password yet; hand them a password link. Raises Refusal `email_taken`, `not_yours_to_give`."""
    with transaction():
        access.demand(by, Permission.USER_MANAGE)
        lock(User, by.id)  # both tabs of a twin are theirs: the second one waits for the first one's answer
        asked = ["people.create", email, _columns(profile)]
        if known := forms.answered(form_key, asked):
            return get(User, known["id"])
        _may_give(by, profile.roles, profile.grants)
        user = _add(email, profile, by=Actor.of(by))
        forms.remember(form_key, asked, id=user.id)
        return user


def create_admin(email: str, name: str) -> User:
    """From the command line, where there may be nobody yet. Raises Refusal `email_taken`."""
    with transaction():
        return _add(email, Profile(name, "", "", frozenset({Role.ADMIN}), frozenset()), by=SYSTEM)


def _add(email: str, profile: Profile, *, by: Actor) -> User:
    email = email.strip().lower()
    if db.session.scalar(select(User.id).where(User.email == email)) is not None:
        raise Refusal("email_taken", "Somebody with this email address works here already.")
    user = User(email=email, password_hash=passwords.UNUSABLE, **_columns(profile))
    db.session.add(user)
    db.session.flush()
    audit.note("person.created", email, by=by, after=_columns(profile))
    return user


def change(user_id: int, profile: Profile, *, by: User) -> User:
    """Takes effect with their next click; deactivating signs them out everywhere.

    Raises Refusal `not_yours_to_give`, `last_admin`, `yourself`.
    """
    with transaction() as session:
        session.execute(
            select(User.id).order_by(User.id).with_for_update()
        )  # two admins cannot unmake each other at once
        access.demand(by, Permission.USER_MANAGE)
        user = lock(User, user_id)
        before, after = _written(user), _columns(profile)
        changed = {key for key in after if before[key] != after[key]}
        if not changed:
            return user
        _may_give(by, _difference(before["roles"], after["roles"]), _difference(before["grants"], after["grants"]))
        _keep_an_admin(user, after, by)
        for key in changed:
            setattr(user, key, after[key])
        if not profile.active:
            user.session_epoch += 1
        audit.note(
            "person.changed", user.email, by=Actor.of(by), before=_only(before, changed), after=_only(after, changed)
        )
    return user


def set_password(user_id: int, epoch: int, password: str) -> User:
    """By a link made for `epoch`; ends every sign-in and link from before. Raises Refusal `link_dead`, `weak`."""
    with transaction():
        user = lock(User, user_id)
        if not user.active or user.session_epoch != epoch:
            raise Refusal("link_dead", "This link was used or replaced.", "Ask whoever gave it to you for a new one.")
        _set(user, password)
    return user


def change_password(user_id: int, old: str, new: str) -> User:
    """By its owner; ends every other sign-in. Raises Refusal `wrong_password`, `weak`."""
    with transaction():
        user = lock(User, user_id)
        if not passwords.matches(user.password_hash, old):
            raise Refusal("wrong_password", "This is not your present password.")
        _set(user, new)
    return user


def _set(user: User, password: str) -> None:
    weakness = passwords.weakness(password, user.name, user.email, "Countersign")
    if weakness:
        raise Refusal("weak", weakness)
    user.password_hash = passwords.hashed(password)
    user.session_epoch += 1
    audit.note("password.set", user.email, by=Actor.of(user))


def make_password_link(user_id: int, *, by: User | None) -> User:
    """Ends links made before; the caller shows the new one, once. `by` is None on the command line."""
    with transaction():
        if by is not None:
            access.demand(by, Permission.USER_MANAGE)
        user = lock(User, user_id)
        if by is not None:
            _may_give(by, user.roles, user.grants)
        if not user.active:
            raise Refusal("inactive", "%(name)s is not active; nobody could sign in with it.", name=user.name)
        user.session_epoch += 1
        audit.note("password.link_made", user.email, by=Actor.of(by) if by else SYSTEM)
    return user


def sign_out_everywhere(user_id: int, *, by: User) -> User:
    """For oneself, or for somebody else by whoever manages people."""
    with transaction():
        if by.id != user_id:
            access.demand(by, Permission.USER_MANAGE)
        user = lock(User, user_id)
        user.session_epoch += 1
        audit.note("person.signed_out_everywhere", user.email, by=Actor.of(by))
    return user


def _may_give(by: User, roles: Iterable[str], grants: Iterable[str]) -> None:
    """Nobody gives or takes more than they hold themselves."""
    held = access.granted(by)
    for role in map(Role, roles):
        if not GRANTS[role] <= held:
            raise Refusal(
                "not_yours_to_give",
                "The role %(role)s may more than you.",
                "Ask an admin.",
                role=gettext(ROLE_NAMES[role]),
            )
    for permission in map(Permission, grants):
        if permission not in held:
            raise Refusal(
                "not_yours_to_give",
                "You may not %(act)s yourself.",
                "Ask an admin.",
                act=gettext(SENTENCES[permission]),
            )


def _keep_an_admin(user: User, after: dict[str, Any], by: User) -> None:
    stays = after["active"] and Role.ADMIN in after["roles"]
    if stays or Role.ADMIN not in user.roles:
        return
    if user.id == by.id:
        raise Refusal("yourself", "You cannot take the admin role or the sign-in from yourself.", "Ask another admin.")
    others = db.session.scalars(select(User.roles).where(User.active, User.id != user.id))
    if not any(Role.ADMIN in roles for roles in others):
        raise Refusal("last_admin", "Somebody has to stay admin; make another one first.")


def _columns(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "title": profile.title,
        "team": profile.team,
        "roles": sorted(profile.roles),
        "grants": sorted(profile.grants),
        "active": profile.active,
    }


def _written(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "title": user.title,
        "team": user.team,
        "roles": sorted(user.roles),
        "grants": sorted(user.grants),
        "active": user.active,
    }


def _difference(before: list[str], after: list[str]) -> set[str]:
    return set(before) ^ set(after)


def _only(columns: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: columns[key] for key in sorted(keys)}
