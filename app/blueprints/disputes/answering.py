"""Answering a dispute, giving in to it, and writing down how one by letter ended."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import Row

from ...access import Permission, me, requires
from ...commands.payments import disputes as commands
from ...errors import Refusal
from ...formatting import money
from ...gateways.disputes import Evidence
from ...hypermedia import see_other
from ...money import Money
from ...queries import disputes as queries
from ...queries import evidence
from ..forms import Form
from . import bp
from .forms import AcceptForm, AnswerForm, DecideForm, ReopenForm, end_of

FIELDS = {"receipt": "receipt", "signed_order": "customer_signature", "invoice": "service_documentation"}
"""Where the bank's form wants each of our documents."""


@bp.get("/disputes/<number>/answer")
@requires(Permission.DISPUTE_RECORD)
def answer_form(number: str) -> Response:
    row = queries.load(number, me())
    return _answer(row, AnswerForm(formdata=None, data=evidence.suggested(row.id) | row.evidence))


@bp.post("/disputes/<number>/answer")
@requires(Permission.DISPUTE_RECORD)
def answer(number: str) -> Response:
    row = queries.load(number, me())
    form, papers = AnswerForm(), queries.papers(row)
    form.files.choices = [(x.kind, x.name) for x in papers]
    if not form.validate():
        return _answer(row, form, status=422)
    chosen = {FIELDS[kind]: kind for kind in form.files.data or ()}
    files = evidence.files_of(row, chosen)
    try:
        commands.answer(row.id, Evidence(form.words, files), by=me())
    except Refusal as refusal:
        return _answer(queries.load(number, me()), form, refusal, refusal.status)
    flash(_("The answer to %(number)s is handed in.", number=number), "ok")
    return see_other(url_for("disputes.show", number=number))


def _answer(row: Row[Any], form: AnswerForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    papers = queries.papers(row)
    form.files.choices = [(x.kind, x.name) for x in papers]
    if not form.is_submitted():
        form.files.data = [x.kind for x in papers]
    html = render_template(
        "disputes/answer.html", dispute=queries.view(row, me()), form=form, papers=papers, refusal=refusal
    )
    return make_response(html, status)


@bp.get("/disputes/<number>/acceptance")
@requires(Permission.DISPUTE_RECORD)
def accept_form(number: str) -> Response:
    return _accept(queries.load(number, me()), AcceptForm(formdata=None))


@bp.post("/disputes/<number>/acceptance")
@requires(Permission.DISPUTE_RECORD)
def accept(number: str) -> Response:
    row, form = queries.load(number, me()), AcceptForm()
    if not form.validate():
        return _accept(row, form, status=422)
    try:
        commands.accept(row.id, because=form.reason.data or "", by=me())
    except Refusal as refusal:
        return _accept(queries.load(number, me()), form, refusal, refusal.status)
    flash(_("%(number)s is accepted.", number=number), "ok")
    return see_other(url_for("disputes.show", number=number))


def _accept(row: Row[Any], form: AcceptForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    amount = money(Money(row.amount, row.currency))
    return _dialog(
        row,
        form,
        refusal,
        status,
        title=_("Accept dispute %(number)s over %(amount)s", number=row.number, amount=amount),
        consequence=_("The cardholder keeps the money, and what it had paid is owed again. It cannot be undone."),
        submit=_("Accept the dispute"),
        action=url_for("disputes.accept", number=row.number),
        danger=True,
    )


@bp.get("/disputes/<number>/decision")
@requires(Permission.DISPUTE_RECORD)
def decide_form(number: str) -> Response:
    return _decide(queries.load(number, me()), DecideForm(formdata=None))


@bp.post("/disputes/<number>/decision")
@requires(Permission.DISPUTE_RECORD)
def decide(number: str) -> Response:
    row, form = queries.load(number, me()), DecideForm()
    if not form.validate():
        return _decide(row, form, status=422)
    try:
        commands.decide(row.id, won=form.end.data == "won", by=me())
    except Refusal as refusal:
        return _decide(queries.load(number, me()), form, refusal, refusal.status)
    return see_other(url_for("disputes.show", number=number))


def _decide(row: Row[Any], form: DecideForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    return _dialog(
        row,
        form,
        refusal,
        status,
        title=_("How did dispute %(number)s end?", number=row.number),
        consequence=_("As the bank's letter says. It cannot be undone."),
        submit=_("Write it down"),
        action=url_for("disputes.decide", number=row.number),
        danger=False,
    )


@bp.get("/disputes/<number>/appeal")
@requires(Permission.DISPUTE_RECORD)
def reopen_form(number: str) -> Response:
    return _reopen(queries.load(number, me()), ReopenForm(formdata=None))


@bp.post("/disputes/<number>/appeal")
@requires(Permission.DISPUTE_RECORD)
def reopen(number: str) -> Response:
    row, form = queries.load(number, me()), ReopenForm()
    if not form.validate():
        return _reopen(row, form, status=422)
    try:
        commands.reopen(row.id, because=form.reason.data or "", due_by=end_of(form.due_date.data), by=me())
    except Refusal as refusal:
        return _reopen(queries.load(number, me()), form, refusal, refusal.status)
    flash(_("%(number)s is open again.", number=number), "ok")
    return see_other(url_for("disputes.show", number=number))


def _reopen(row: Row[Any], form: ReopenForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    return _dialog(
        row,
        form,
        refusal,
        status,
        title=_("Is dispute %(number)s open again?", number=row.number),
        consequence=_(
            "As the bank's letter says: the decision is contested, and nothing of it is lost until the next."
        ),
        submit=_("Open it again"),
        action=url_for("disputes.reopen", number=row.number),
        danger=False,
    )


def _dialog(row: Row[Any], form: Form, refusal: Refusal | None, status: int, **words: Any) -> Response:
    here = url_for("disputes.show", number=row.number)
    html = render_template(
        "payments/confirm.html", form=form, refusal=refusal, target="#dispute", back=here, collection=None, **words
    )
    return make_response(html, status)
