"""What does not fit: the queue, accepting a difference with a reason, and taking that back."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from ...access import Permission, me, requires
from ...commands.settlement import settlement
from ...errors import Refusal
from ...hypermedia import see_other
from ...models import ExceptionKind
from ...queries.settlement import batches, exceptions, words
from ...queries.settlement.exceptions import ExceptionRow, Filter
from ...spreadsheet import download
from ...states.settlement_exception import ExceptionStatus
from ..forms import Form
from . import bp


class ReasonForm(Form):
    reason = TextAreaField(
        lazy_gettext("Reason"),
        [DataRequired(lazy_gettext("Say why; it stays with the exception's history.")), Length(max=500)],
    )


@bp.get("/exceptions", endpoint="exceptions")
@requires(Permission.SETTLEMENT_VIEW)
def queue() -> str:
    wanted = Filter.read(request.args)
    keys = {name: request.args.get(name, type=int) for name in ("before", "after")}
    return render_template(
        "settlement/exceptions.html",
        found=exceptions.view(wanted, **keys),
        wanted=wanted,
        statuses=list(ExceptionStatus),
        kinds=[(kind.value, words.exception(kind)) for kind in ExceptionKind],
        gateways=batches.gateways(),
    )


@bp.get("/exceptions.csv")
@requires(Permission.SETTLEMENT_VIEW)
def exceptions_file() -> Response:
    head = [
        _("Kind"),
        _("Status"),
        _("Processor's id"),
        _("Gateway"),
        _("Payout"),
        _("Payment order"),
        _("Order"),
        _("Currency"),
        _("Expected"),
        _("Found"),
        _("Since"),
        _("Reason"),
    ]
    return download("settlement-exceptions.csv", head, map(_cells, exceptions.every(Filter.read(request.args))))


def _cells(row: ExceptionRow) -> list[Any]:
    links = [link.text if link else None for link in (row.batch, row.payment_order, row.order)]
    amount = row.expected or row.found
    facts = [row.word, row.status, row.reference, row.gateway, *links, amount.currency if amount else None]
    return [*facts, row.expected, row.found, row.since, row.last.because if row.last else None]


@bp.get("/exceptions/<int:exception_id>/acceptance")
@requires(Permission.SETTLEMENT_SYNC)
def accept_form(exception_id: int) -> Response:
    return _accepting(exception_id, ReasonForm(formdata=None))


@bp.post("/exceptions/<int:exception_id>/acceptance")
@requires(Permission.SETTLEMENT_SYNC)
def accept(exception_id: int) -> Response:
    exceptions.one(exception_id)
    form = ReasonForm()
    if not form.validate():
        return _accepting(exception_id, form, status=422)
    try:
        settlement.accept(exception_id, because=form.reason.data or "", by=me())
    except Refusal as refusal:
        return _accepting(exception_id, form, refusal, refusal.status)
    flash(_("Accepted as it is; it can be opened again."), "ok")
    return see_other(url_for("settlement.exceptions"))


@bp.get("/exceptions/<int:exception_id>/reopening")
@requires(Permission.SETTLEMENT_SYNC)
def reopen_form(exception_id: int) -> Response:
    return _reopening(exception_id, ReasonForm(formdata=None))


@bp.post("/exceptions/<int:exception_id>/reopening")
@requires(Permission.SETTLEMENT_SYNC)
def reopen(exception_id: int) -> Response:
    exceptions.one(exception_id)
    form = ReasonForm()
    if not form.validate():
        return _reopening(exception_id, form, status=422)
    try:
        settlement.reopen(exception_id, because=form.reason.data or "", by=me())
    except Refusal as refusal:
        return _reopening(exception_id, form, refusal, refusal.status)
    flash(_("Open again."), "ok")
    return see_other(url_for("settlement.exceptions"))


def _accepting(exception_id: int, form: Form, refusal: Refusal | None = None, status: int = 200) -> Response:
    row = exceptions.one(exception_id)
    title = _("Accept %(reference)s as it is", reference=row.reference)
    consequence = _("It leaves the queue, and stays as you accept it however often payouts are fetched.")
    submit, action = _("Accept the difference"), url_for("settlement.accept", exception_id=exception_id)
    return _dialog(row, form, refusal, status, title=title, consequence=consequence, submit=submit, action=action)


def _reopening(exception_id: int, form: Form, refusal: Refusal | None = None, status: int = 200) -> Response:
    row = exceptions.one(exception_id)
    title = _("Open %(reference)s again", reference=row.reference)
    consequence = _("It is back in the queue, and finance is asked to look at it.")
    submit, action = _("Open it again"), url_for("settlement.reopen", exception_id=exception_id)
    return _dialog(row, form, refusal, status, title=title, consequence=consequence, submit=submit, action=action)


def _dialog(row: ExceptionRow, form: Form, refusal: Refusal | None, status: int, **said: str) -> Response:
    html = render_template("settlement/decide.html", row=row, form=form, refusal=refusal, **said)
    return make_response(html, status)
