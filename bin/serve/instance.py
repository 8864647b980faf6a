"""The folder that holds a run's data: its database, uploads, logs and Redis dump."""

import fcntl
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from processes import Stop

DATABASE = "countersign.sqlite3"


def reserve(folder: Path) -> int:
    """Returns a descriptor that keeps every other bin/run out of the folder as long as it is open."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Stop(f"another bin/run is at work in {folder}; stop it, or set COUNTERSIGN_INSTANCE") from None
    return descriptor


def start_over(folder: Path) -> None:
    """Moves the data into a neighbouring folder, where they replace the ones of the time before."""
    if "COUNTERSIGN_DATABASE_URL" in os.environ:
        raise Stop("--fresh only clears the demo's own folder; empty the database of COUNTERSIGN_DATABASE_URL yourself")
    entries = list(folder.iterdir())
    if entries and folder / DATABASE not in entries:
        raise Stop(f"{folder} holds no {DATABASE}, so --fresh leaves it alone")
    previous = folder.with_name(f"{folder.name}.previous")
    shutil.rmtree(previous, ignore_errors=True)
    previous.mkdir()
    for entry in entries:
        entry.rename(previous / entry.name)


def check_database(folder: Path) -> None:
    """Raises Stop when the default database is damaged, before anything has opened it."""
    path = folder / DATABASE
    if not path.exists() or "COUNTERSIGN_DATABASE_URL" in os.environ:
        return
    try:
        with closing(sqlite3.connect(path)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict != "ok":
        raise Stop(f"the database {path} cannot be read ({verdict}); bin/run --fresh starts over with a new one")
