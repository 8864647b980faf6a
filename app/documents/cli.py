"""`flask seal check`: whether signed orders are sealed, in words."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

from . import sealing

seal = AppGroup("seal", help="The seal on signed orders.")

STANDING = {
    sealing.CERTIFICATE: "Signed orders are sealed with the company's certificate.",
    sealing.SELF_SIGNED: "Signed orders are sealed with a self-signed certificate, which nobody vouches for.",
}


@seal.command("check")
def check() -> None:
    """Say what signed orders are sealed with, and what is wrong with it; ends with 1 if there is anything."""
    found = sealing.faults()
    if not found:
        click.echo(STANDING[sealing.kind()])
        return
    for sentence in found:
        click.echo(sentence)
    raise SystemExit(1)


def register(app: Flask) -> None:
    app.cli.add_command(seal)
