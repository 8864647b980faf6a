"""Named places where a test may kill the process for real (COUNTERSIGN_FAILPOINT=name); never in production."""

import os
import signal

from flask import current_app

POINTS = frozenset(
    {
        "agreement.before_claim_commits",
        "agreement.claimed",
        "agreement.taken",
        "charge.before_attempt_commits",
        "charge.attempt_committed",
        "charge.in_call",
        "dunning.before_claim_commits",
        "dunning.claimed",
        "dunning.taken",
        "movement.before_row_commits",
        "movement.committed",
        "movement.in_call",
        "movement.answered",
        "movement.outcome_committed",
        "charge.answered",
        "charge.outcome_committed",
        "post_processing.before_commit",
        "post_processing.step_committed",
        "job.staged",
        "job.handed_over",
        "mail.claimed",
        "notice.stored",
        "mail.delivered",
    }
)


def failpoint(name: str) -> None:
    if name not in POINTS:
        raise ValueError(f"unknown failpoint {name}")
    if current_app.config.get("FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
