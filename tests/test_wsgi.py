"""What a web process loads: pages and nothing that only jobs, or whoever changes the schema, have a use for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.engines import ROOT

ANSWER = """
import sys, wsgi
HEAVY = {"weasyprint", "pyhanko", "facturx", "lxml", "alembic", "mako", "flask_migrate"}
answer = wsgi.app.test_client().get("/sign-in")
loaded = {name.partition(".")[0] for name in sys.modules}
print(answer.status_code, *sorted(loaded & HEAVY))
"""


def test_a_web_process_loads_neither_the_makers_of_pdfs_nor_alembic(sqlite_template: Path, tmp_path: Path) -> None:
    settings = {
        "COUNTERSIGN_ENV": "production",
        "COUNTERSIGN_DATABASE_URL": f"sqlite:///{sqlite_template}",
        "COUNTERSIGN_INSTANCE": str(tmp_path),
        "COUNTERSIGN_REDIS_URL": "redis://127.0.0.1:1/0",
        "COUNTERSIGN_RATE_LIMITS": "off",
        "COUNTERSIGN_SECRET_KEY": "wsgi-key-wsgi-key-wsgi-key-wsgi-key-wsgi",
        "COUNTERSIGN_BASE_URL": "http://localhost",
        "COUNTERSIGN_SMTP_URL": "smtp://127.0.0.1:1",
    }
    command = [sys.executable, "-c", ANSWER]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    assert done.stdout.split() == ["200"], done.stderr
