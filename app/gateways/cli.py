"""`flask gateways check`: whether each gateway can be used, in words."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy import select

from ..db import db, end_read
from ..errors import Refusal
from ..models import Gateway
from ..models.method import GatewayState
from . import registry
from .base import GatewayAccount

gateways = AppGroup("gateways", help="The accounts at payment processors.")


@gateways.command("check")
def check() -> None:
    """Say what is missing or wrong, gateway by gateway; ends with 1 if there is anything."""
    rows = db.session.scalars(select(Gateway).where(Gateway.state != GatewayState.REMOVED).order_by(Gateway.id)).all()
    accounts = [(row.name, registry.account_of(row)) for row in rows]
    end_read()
    if not accounts:
        raise click.ClickException("There is no gateway yet: nothing can be charged.")
    found = [(name, account, faults(account)) for name, account in accounts]
    for name, account, sentences in found:
        click.echo(f"{name} ({account.key}, {account.mode}): {'can be used' if not sentences else ''}".rstrip())
        for sentence in sentences:
            click.echo(f"  - {sentence}")
    if any(sentences for *_, sentences in found):
        raise SystemExit(1)


def faults(account: GatewayAccount) -> list[str]:
    try:
        return registry.for_account(account).check()
    except Refusal as refusal:
        return [refusal.sentence]


def register(app: Flask) -> None:
    app.cli.add_command(gateways)
