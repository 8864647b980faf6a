"""One event taken in by a process of its own, to be killed at a failpoint (see test_notice_kills)."""

from __future__ import annotations

import sys
from pathlib import Path

from app.commands.payments import notices
from tests.conftest import make_app


def main(database: str, instance: str, failpoint: str, body: str, name: str, signature: str) -> None:
    app = make_app(database, Path(instance), FAILPOINT=failpoint)
    with app.app_context():
        notices.take_in("sandbox", body.encode(), {name: signature})


if __name__ == "__main__":
    main(*sys.argv[1:])
