"""`flask quotes import FILE`: quotes from JSON or CSV; commands/quote_files.py says what the files look like."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
from sqlalchemy import select

from ...commands.quotes import quote_files
from ...commands.quotes.quote_files import Refused
from ...commands.quotes.quote_import import Imported, import_quotes
from ...db import db
from ...errors import Refusal
from ...models import User
from . import bp


@bp.cli.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--owner", required=True, metavar="EMAIL", help="Who owns the new quotes and is named in the history.")
@click.option("--dry-run", is_flag=True, help="Say what would happen and what is wrong, and write nothing.")
def import_command(file: Path, owner: str, dry_run: bool) -> None:
    """Import quotes from FILE (JSON or CSV), all or none of them. Importing the same file again changes nothing."""
    person = db.session.scalars(select(User).where(User.email == owner, User.active)).one_or_none()
    if person is None:
        raise click.ClickException(f"Nobody with the address {owner} works here.")
    try:
        done = import_quotes(quote_files.read(file.read_bytes()), by=person, source=file.name, dry_run=dry_run)
    except Refused as refused:
        raise click.ClickException(f"Nothing was imported.\n{refused}") from None
    except Refusal as refusal:
        raise click.ClickException(f"{refusal.sentence} {refusal.help}".strip()) from None
    _report(done, dry_run)


def _report(done: list[Imported], dry_run: bool) -> None:
    for quote in done:
        click.echo(f"{quote.number} version {quote.version}: {quote.effect}")
    count = Counter(quote.effect for quote in done)
    click.echo(", ".join(f"{n} {effect}" for effect, n in count.items()) or "No quotes in the file")
    if dry_run:
        click.echo("Dry run: nothing was written.")
