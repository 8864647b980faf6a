"""Flask-Migrate, bound where the schema is changed and nowhere else: Alembic takes 11 MiB that no web process needs."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import ScriptInfo

from .config import ROOT
from .db import db


def is_possible() -> bool:
    """Whether this is the `flask` command, which may be about to run `flask db`."""
    command = click.get_current_context(silent=True)
    return command is not None and command.find_object(ScriptInfo) is not None


def bind(app: Flask) -> None:
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(ROOT / "migrations"), render_as_batch=True)
