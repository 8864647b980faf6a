"""Migrating and loading the demo company: left out when it was done before and nothing has changed since."""

import hashlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from instance import DATABASE
from processes import Stop, last_words

SOURCES = ("migrations/versions/*.py", "app/demo/*")
NOTE = "prepared"  # holds a fingerprint in its first line, the demo's sign-ins below


def prepared_before(folder: Path) -> str:
    """Returns the demo's sign-ins as text; nothing where the database has to be made ready first."""
    note = folder / NOTE
    known, _, sign_ins = note.read_text().partition("\n") if note.exists() else ("", "", "")
    return sign_ins if known and known == fingerprint(folder) else ""


def prepare(folder: Path) -> str:
    """Makes the database ready for use and returns the demo's sign-ins. Raises Stop."""
    command = (sys.executable, str(Path(__file__).with_name("prepare.py")))
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Stop(f"the data could not be prepared: {last_words(done.stderr)}")
    (folder / NOTE).write_text(f"{fingerprint(folder)}\n{done.stdout}")
    return done.stdout


def fingerprint(folder: Path) -> str:
    """Of all that preparing depends on, with the revision the database is at; empty if that is not ours to read."""
    if "COUNTERSIGN_DATABASE_URL" in os.environ or not (folder / DATABASE).exists():
        return ""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        try:
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        except sqlite3.DatabaseError:  # never migrated, or damaged
            return ""
    sources = [path.read_bytes() for pattern in SOURCES for path in sorted(Path().glob(pattern)) if path.is_file()]
    settings = os.environ.get("COUNTERSIGN_DEMO_HISTORY")
    return hashlib.sha256(repr((sources, settings, revision)).encode()).hexdigest()
