"""What the buttons of the board do; each answers with the board as it is then."""

from __future__ import annotations

from flask import Response, flash, render_template, request
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...badges import said
from ...commands.payments import collection, movements, notices, repairs
from ...commands.post import resending
from ...commands.routing import gateways
from ...db import get
from ...hypermedia import fragments, see_other, wants_fragment
from ...models import Attempt, Movement, OrderEmail, ProcessorEvent
from ...queries import gateways as known_gateways
from ...queries.operations import board
from ...states.attempt import OPEN
from . import bp
from .board import PART, asked


@bp.post("/charges/<int:attempt_id>/question")
@requires(Permission.PAYMENT_ASK_GATEWAY)
def ask(attempt_id: int) -> Response:
    get(Attempt, attempt_id)
    attempt = collection.ask_gateway(attempt_id, by=me())
    if attempt.status in OPEN:
        return _done(_("The gateway does not know yet; it is asked again by itself."), "info")
    return _done(_("The gateway has answered: %(status)s.", status=said("attempt", attempt.status)))


@bp.post("/reversals/<int:movement_id>/question")
@requires(Permission.PAYMENT_ASK_GATEWAY)
def ask_movement(movement_id: int) -> Response:
    get(Movement, movement_id)
    row = movements.ask_gateway(movement_id, by=me())
    if row.is_asked:
        return _done(_("The gateway does not know yet; it is asked again by itself."), "info")
    return _done(_("The gateway has answered: %(status)s.", status=said("movement", row.status)))


@bp.post("/post-processing/<int:processing_id>/retry")
@requires(Permission.PAYMENT_OPERATE)
def retry(processing_id: int) -> Response:
    if repairs.retry(processing_id, by=me()):
        return _done(_("Done: everything that follows this payment is in place."))
    return _done(_("It failed again; the row says why, and it is tried again by itself."), "warn")


@bp.post("/link-mails/<int:mail_id>/resend")
@requires(Permission.MAIL_RESEND)
def resend(mail_id: int) -> Response:
    """Once for each mail that failed, whoever presses and however often."""
    get(OrderEmail, mail_id)
    resending.resend(mail_id, form_key=f"queue-{mail_id}", by=me())
    return _done(_("It is sent again."))


@bp.post("/events/<int:event_id>/replay")
@requires(Permission.EVENT_REPLAY)
def replay(event_id: int) -> Response:
    get(ProcessorEvent, event_id)
    notices.replay(event_id, by=me())
    return _done(_("The event is worked on once more."))


@bp.post("/gateways/<gateway>/check")
@requires(Permission.PAYMENT_OPERATE)
def check(gateway: str) -> Response:
    complaints = gateways.check(known_gateways.identify(gateway), by=me())
    if complaints:
        return _done(" ".join(complaints), "bad")
    return _done(_("It answers, and its account can be used."))


def _done(words: str, tone: str = "ok") -> Response:
    """The same part of the board as was looked at."""
    queue = request.args.get("queue", "")
    fresh = asked(queue) if queue else board.view()
    if wants_fragment():
        return fragments(render_template(PART, board=fresh), toast=words, tone=tone)
    flash(words, tone)
    return see_other(fresh.url)
