"""Attempts whose end is not known: asked about, given up, and looked at once the bank's question is answered."""

from __future__ import annotations

from flask import flash, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...badges import badge_of
from ...commands.payments import challenge
from ...commands.payments import collection as commands
from ...errors import NotFound, Refusal
from ...queries.payments.facts import Collection, load
from ...states.attempt import OPEN, AttemptStatus
from .. import bank as to_bank
from . import answers, bp


@bp.post("/payments/<number>/attempts/<int:attempt_id>/question")
@requires(Permission.PAYMENT_ASK_GATEWAY)
def ask(number: str, attempt_id: int) -> ResponseReturnValue:
    """Ask the gateway now, instead of waiting for the clock to."""
    collection = _owning(number, attempt_id)
    attempt = commands.ask_gateway(attempt_id, by=me())
    if attempt.status in OPEN:
        said = _("The gateway does not know yet; it is asked again by itself.")
    else:
        said = _("The gateway has answered: %(status)s.", status=badge_of("attempt", attempt.status).word.lower())
    return _back(collection, said)


@bp.post("/payments/<number>/attempts/<int:attempt_id>/end")
@requires(Permission.PAYMENT_COLLECT)
def give_up(number: str, attempt_id: int) -> ResponseReturnValue:
    """End a try that waits for the cardholder, at the gateway too, so that another way can be taken."""
    collection = _owning(number, attempt_id)
    try:
        attempt = commands.give_up(attempt_id, by=me())
    except Refusal as refusal:
        return _back(collection, refusal.sentence, "warn")
    if attempt.status is AttemptStatus.SUCCEEDED:
        return _back(collection, _("The cardholder had confirmed in time: it is paid."))
    return _back(collection, _("Given up; nothing was charged."))


@bp.get("/payments/<number>/bank")
@requires(Permission.PAYMENT_COLLECT)
def bank(number: str) -> ResponseReturnValue:
    """To the bank's page, where the cardholder answers; whoever sent them there comes back here."""
    collection = load(number, me())
    home = url_for("payments.collect_order", number=number)
    question = challenge.open_question(collection.row.id) if collection.challenged is not None else None
    if question is not None:
        session["checkout"] = [question.about, "staff", number, 0]
    return to_bank.go(question, home)


@bp.get("/payments/<number>/outcome")
@requires(Permission.PAYMENT_VIEW)
def outcome(number: str) -> ResponseReturnValue:
    """Back from the bank: to its home if it is paid or still open, to the card form if another try is needed."""
    collection = load(number, me())
    home = answers.home(collection)
    if not collection.is_open:
        flash(_("Paid: %(number)s.", number=number), "ok")
        return redirect(home)
    if collection.last_attempt is not None and collection.last_attempt.status in OPEN:
        return redirect(home)
    return redirect(url_for("payments.collect_order", number=number))


def _owning(number: str, attempt_id: int) -> Collection:
    collection = load(number, me())
    if all(x.id != attempt_id for x in collection.attempts):
        raise NotFound(f"attempt {attempt_id} of {number}")
    return collection


def _back(collection: Collection, said: str, tone: str = "ok") -> ResponseReturnValue:
    flash(said, tone)
    return redirect(answers.back(url_for("payments.show", number=collection.number)), 303)
