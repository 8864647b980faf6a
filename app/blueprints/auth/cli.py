"""`flask users …`: the first admin, and a way back in for whoever is locked out."""

from __future__ import annotations

import click
from sqlalchemy import select

from ... import passwords
from ...commands.office import people
from ...db import db
from ...errors import Refusal
from ...models.people import User
from . import bp, password_link


@bp.cli.command("create-admin")
@click.argument("email")
@click.option("--name", default="", help="Full name; the part before the @ if left out.")
@click.option("--ask", is_flag=True, help="Ask for the password here instead of printing a one-time link.")
def create_admin(email: str, name: str, ask: bool) -> None:
    """Make an admin, and print the link by which they choose their password (or ask for it here)."""
    if "@" not in email:
        raise click.UsageError(f"{email!r} is no email address.")
    try:
        user = people.create_admin(email, name or email.partition("@")[0])
    except Refusal as refusal:
        raise click.ClickException(
            f"{refusal.sentence} «flask users password-link {email}» lets them in again."
        ) from refusal
    if ask:
        people.set_password(user.id, user.session_epoch, _asked_password(user))
        click.echo(f"{user.email} can sign in.")
    else:
        _print_link(user)


@bp.cli.command("password-link")
@click.argument("email")
def make_password_link(email: str) -> None:
    """Print a link by which somebody chooses a new password; ends their sign-ins and earlier links."""
    user = db.session.scalars(select(User).where(User.email == email.strip().lower())).one_or_none()
    if user is None:
        raise click.ClickException(f"Nobody with the address {email} works here.")
    try:
        _print_link(people.make_password_link(user.id, by=None))
    except Refusal as refusal:
        raise click.ClickException(refusal.sentence) from refusal


def _print_link(user: User) -> None:
    click.echo(f"{user.name} chooses a password here, once, within three days:\n{password_link.url(user)}")


def _asked_password(user: User) -> str:
    while True:
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        weakness = passwords.weakness(password, user.name, user.email, "Countersign")
        if weakness is None:
            return password
        click.echo(weakness)
