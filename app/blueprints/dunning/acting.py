"""Charging a declined period out of turn, asking for another card, and stopping its story."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from ...access import Permission, me, requires
from ...commands.dunning import acting
from ...errors import Refusal
from ...queries.dunning import listing
from ...states.attempt import OPEN, AttemptStatus
from ..agreements import answers
from ..forms import Form, KeyForm
from . import bp


class StopForm(Form):
    because = TextAreaField(lazy_gettext("Reason"), [DataRequired(lazy_gettext("Say why.")), Length(max=500)])


@bp.get("/<int:case_id>/retry")
@requires(Permission.PAYMENT_COLLECT)
def retry_form(case_id: int) -> Response:
    return _retry(case_id, KeyForm(formdata=None))


@bp.post("/<int:case_id>/retry")
@requires(Permission.PAYMENT_COLLECT)
def retry(case_id: int) -> Response:
    number, form = listing.identify(case_id, me())[0], KeyForm()
    try:
        attempt = acting.retry_now(case_id, form_key=form.key, by=me())
    except Refusal as refusal:
        return _retry(case_id, form, refusal)
    if attempt is None:
        return answers.done(number, _("There is no card to charge; the customer is asked for one"), "warn")
    if attempt.status is AttemptStatus.SUCCEEDED:
        return answers.done(number, _("Paid"))
    if attempt.status in OPEN:
        return answers.done(number, _("Its outcome is not known yet"), "info")
    return answers.done(number, _("Not paid; the story says why"), "warn")


def _retry(case_id: int, form: KeyForm, refusal: Refusal | None = None) -> Response:
    number, card = listing.identify(case_id, me())
    lead = _("%(card)s is charged now. The customer is not asked again.", card=card or _("The card on file"))
    title = _("Charge %(number)s again now", number=number)
    return answers.form(number, form, title, _("Charge"), lead=lead, refusal=refusal)


@bp.get("/<int:case_id>/card")
@requires(Permission.METHOD_ADD)
def ask_form(case_id: int) -> Response:
    return _ask(case_id, KeyForm(formdata=None))


@bp.post("/<int:case_id>/card")
@requires(Permission.METHOD_ADD)
def ask(case_id: int) -> Response:
    number, form = listing.identify(case_id, me())[0], KeyForm()
    try:
        acting.ask_for_card(case_id, form_key=form.key, by=me())
    except Refusal as refusal:
        return _ask(case_id, form, refusal)
    return answers.done(number, _("The link to add a card is on its way"))


def _ask(case_id: int, form: KeyForm, refusal: Refusal | None = None) -> Response:
    number, _card = listing.identify(case_id, me())
    title = _("Ask for another card for %(number)s", number=number)
    lead = _("The customer is mailed a link to add a card. It is charged as soon as it is given.")
    return answers.form(number, form, title, _("Send link"), lead=lead, refusal=refusal)


@bp.get("/<int:case_id>/stop")
@requires(Permission.AGREEMENT_MANAGE)
def stop_form(case_id: int) -> Response:
    return _stop(case_id, StopForm(formdata=None))


@bp.post("/<int:case_id>/stop")
@requires(Permission.AGREEMENT_MANAGE)
def stop(case_id: int) -> Response:
    number, form = listing.identify(case_id, me())[0], StopForm()
    if not form.validate():
        return _stop(case_id, form, status=422)
    try:
        acting.stop(case_id, because=form.because.data or "", by=me())
    except Refusal as refusal:
        return _stop(case_id, form, refusal)
    return answers.done(number, _("Dunning is stopped; the period stays unpaid"), "warn")


def _stop(case_id: int, form: StopForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    number, _card = listing.identify(case_id, me())
    title = _("Stop dunning for %(number)s", number=number)
    lead = _("Nothing more is tried by itself. The period stays unpaid, and the agreement as it is.")
    words = _("Stop dunning")
    return answers.form(number, form, title, words, lead=lead, danger=True, refusal=refusal, status=status)
