"""Work to be done after the fact that caused it. The database is the truth; Redis only carries the nudge.

    with transaction():
        ...
        jobs.stage("mails.deliver", email_id=email.id)

    @jobs.handler("mails.deliver")
    def deliver(email_id: int) -> None: ...

A handler runs in an application context with no transaction open, and may run twice. A module that registers handlers
or ticks is named in `registry.MODULES`.
"""

from .execution import run_due
from .registry import Later, handler, tick
from .staging import stage
from .sweeping import each, together

__all__ = ["Later", "each", "handler", "run_due", "stage", "tick", "together"]
