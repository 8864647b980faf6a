"""`flask worker` and `flask clock`: the processes beside the web server; run as many of each as you like. And
`flask check-invariants`, which the clock has done each night as well."""

from __future__ import annotations

import signal
import threading

import click
from flask import Flask, current_app


@click.command("worker")
@click.option("--burst", is_flag=True, help="Stop when the queue is empty.")
def worker(burst: bool) -> None:
    """Do staged jobs: mails, documents, charges."""
    from .worker import work

    if not current_app.config["REDIS_URL"]:
        raise click.ClickException("COUNTERSIGN_REDIS_URL is empty; without Redis the clock does the jobs itself.")
    work(burst=burst)


@click.command("clock")
def clock() -> None:
    """Fire what is due by time, and find jobs that were left behind."""
    from .ticks import Clock

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    Clock().run(stop)


@click.command("check-invariants")
def check_invariants() -> None:
    """Ask whether the books contradict themselves; names every place and exits 1 if they do."""
    from ..commands.office import invariants

    complaints = invariants.check()
    for complaint in complaints:
        click.echo(complaint)
    if complaints:
        raise click.exceptions.Exit(1)
    click.echo("All invariants hold.")


def register(app: Flask) -> None:
    app.cli.add_command(check_invariants)
    app.cli.add_command(worker)
    app.cli.add_command(clock)
