"""One run over the due steps of dunning, for a process of its own that is killed in it (see test_dunning_kills)."""

from __future__ import annotations

from app.commands.dunning import steps


def run() -> None:
    steps.run()
