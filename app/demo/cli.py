"""`flask demo …`: the company that bin/run shows."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from .people import PASSWORD, PEOPLE

group = AppGroup("demo", help="The demo company.")


@group.command("load")
def load() -> None:
    """Load the demo company, unless the database has another company already. Running it again changes nothing.

    With COUNTERSIGN_DEMO_HISTORY=off the company has products and people, and nothing was ever sold.
    """
    if current_app.config["PRODUCTION"]:
        raise click.ClickException("the demo company stays out of production (COUNTERSIGN_ENV)")
    from . import company

    if not company.exists():
        company.found()
    if company.is_ours() and current_app.config["DEMO_HISTORY"]:
        company.trade()


@group.command("sign-ins")
def sign_ins() -> None:
    """Print who can sign in, and the password they share."""
    width = max(len(person.email) for person in PEOPLE)
    click.echo(f"Sign in with the password {PASSWORD} as")
    for person in PEOPLE:
        click.echo(f"  {person.email:{width}}  {person.name}, {person.title.lower()}")


def register(app: Flask) -> None:
    app.cli.add_command(group)
