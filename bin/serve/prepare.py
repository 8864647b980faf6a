"""Migrates, loads the demo company if it is not there yet, and prints its sign-ins.

The same as three `flask` commands, in one process: importing the product takes longer than any of them.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path

from click import ClickException
from flask.cli import ScriptInfo

sys.path.insert(0, str(Path.cwd()))

from app import migrating  # noqa: E402
from wsgi import app  # noqa: E402

migrating.bind(app)


def call(*arguments: str) -> None:
    app.cli.main(arguments, "flask", standalone_mode=False, obj=ScriptInfo(create_app=lambda: app))


try:
    with redirect_stdout(sys.stderr):
        call("db", "upgrade")
        call("demo", "load")
    call("demo", "sign-ins")
except ClickException as refusal:
    sys.exit(refusal.format_message())
