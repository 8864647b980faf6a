"""One run over what is due of agreements, for a process of its own that is killed in it (see test_agreement_kills)."""

from __future__ import annotations

from app.commands.agreements import charging


def run() -> None:
    charging.run()
