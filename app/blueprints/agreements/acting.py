"""Activating, pausing, resuming and cancelling an agreement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response
from flask_babel import gettext as _
from flask_babel import ngettext

from ...access import Permission, me, requires
from ...commands.agreements import agreements, ending, pausing
from ...errors import Refusal
from ...formatting import day, money
from ...models import Missed
from ...queries.agreements import foresight, page
from ...queries.agreements.views import AgreementPage
from ..forms import Form
from . import answers, bp
from .forms import ActivateForm, CancelForm, PauseForm, ResumeForm

Answer = Callable[..., Response]


@bp.get("/<number>/activation")
@requires(Permission.AGREEMENT_MANAGE)
def activate_form(number: str) -> Response:
    view = page.view(number, me())
    return _activate(view, _activation(view, formdata=None))


@bp.post("/<number>/activation")
@requires(Permission.AGREEMENT_MANAGE)
def activate(number: str) -> Response:
    view = page.view(number, me())
    form = _activation(view)
    if not form.validate():
        return _activate(view, form, status=422)
    try:
        agreements.activate(view.id, first_on=form.first_on.data if isinstance(form, ActivateForm) else None, by=me())
    except Refusal as refusal:
        return _activate(view, form, refusal)
    return answers.done(number, _("Activated"))


def _activation(view: AgreementPage, **given: Any) -> Form:
    return ActivateForm(data={"first_on": view.today}, **given) if view.first_on < view.today else Form(**given)


def _activate(view: AgreementPage, form: Form, refusal: Refusal | None = None, status: int = 200) -> Response:
    lead = _("Nothing is due yet.")
    if isinstance(form, ActivateForm):
        lead = _("Its first day, %(day)s, has gone by; nothing is charged for the days before.", day=day(view.first_on))
    elif view.next_on is not None:
        lead = _("The first payment is due on %(day)s, and from then on by itself.", day=day(view.next_on))
    title = _("Activate %(number)s", number=view.number)
    return answers.form(view.number, form, title, _("Activate"), lead=lead, refusal=refusal, status=status)


@bp.get("/<number>/pause")
@requires(Permission.AGREEMENT_MANAGE)
def pause_form(number: str) -> Response:
    page.entity_id(number, me())
    return _pause(number, PauseForm(formdata=None))


@bp.post("/<number>/pause")
@requires(Permission.AGREEMENT_MANAGE)
def pause(number: str) -> Response:
    id, form = page.entity_id(number, me()), PauseForm()
    if not form.validate():
        return _pause(number, form, status=422)
    try:
        missed = Missed(form.missed.data)
        pausing.pause(id, until=form.until.data, missed=missed, because=form.because.data or "", by=me())
    except Refusal as refusal:
        return _pause(number, form, refusal)
    return answers.done(number, _("Paused; nothing is charged"), "warn")


def _pause(number: str, form: PauseForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    title = _("Pause %(number)s", number=number)
    lead = _("From now on nothing is charged, and what the customer receives is paused as well.")
    return answers.form(number, form, title, _("Pause"), lead=lead, refusal=refusal, status=status)


@bp.get("/<number>/resumption")
@requires(Permission.AGREEMENT_MANAGE)
def resume_form(number: str) -> Response:
    id = page.entity_id(number, me())
    return _resume(number, id, _resumption(id, formdata=None, missed=foresight.said_when_paused(id)))


@bp.post("/<number>/resumption")
@requires(Permission.AGREEMENT_MANAGE)
def resume(number: str) -> Response:
    id = page.entity_id(number, me())
    form = _resumption(id)
    if not form.validate():
        return _resume(number, id, form, status=422)
    try:
        pausing.resume(id, missed=Missed(form.missed.data), give_up=form.gives_up, by=me())
    except Refusal as refusal:
        return _resume(number, id, form, refusal)
    return answers.done(number, _("Resumed"))


def _resumption(id: int, **given: Any) -> ResumeForm:
    form = ResumeForm(**given)
    if not foresight.owed(id):
        del form.owed
    return form


def _resume(number: str, id: int, form: ResumeForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    """The next date is shown before anybody confirms."""
    missed, coming = foresight.missed_and_next(id)
    lead = ngettext("%(num)s payment fell due meanwhile.", "%(num)s payments fell due meanwhile.", missed)
    if not missed:
        lead = _("No payment fell due meanwhile.")
    then = _("The next one is due on %(day)s.", day=day(coming)) if coming else _("No further one is scheduled.")
    failed = [_("Period %(n)s, %(amount)s, is not paid.", n=n, amount=money(x)) for n, x in foresight.owed(id)]
    title, words = _("Resume %(number)s", number=number), " ".join([*failed, lead, then])
    return answers.form(number, form, title, _("Resume"), lead=words, refusal=refusal, status=status)


@bp.get("/<number>/cancellation")
@requires(Permission.AGREEMENT_MANAGE)
def cancel_form(number: str) -> Response:
    id = page.entity_id(number, me())
    return _cancel(number, id, CancelForm(formdata=None))


@bp.post("/<number>/cancellation")
@requires(Permission.AGREEMENT_MANAGE)
def cancel(number: str) -> Response:
    id, form = page.entity_id(number, me()), CancelForm()
    if not form.validate():
        return _cancel(number, id, form, status=422)
    try:
        ending.cancel(id, at_period_end=form.when.data == "end", because=form.because.data or "", by=me())
    except Refusal as refusal:
        return _cancel(number, id, form, refusal)
    return answers.done(number, _("Cancelled"), "warn")


def _cancel(number: str, id: int, form: CancelForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    end = foresight.paid_until(id)
    lead = _("Nothing more is charged. What was invoiced stays due.")
    if end is not None:
        lead = f"{lead} {_('The period that is paid ends on %(day)s.', day=day(end))}"
    title = _("Cancel %(number)s", number=number)
    words = _("Cancel agreement")
    return answers.form(number, form, title, words, lead=lead, danger=True, refusal=refusal, status=status)
