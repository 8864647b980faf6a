"""The second person's word about pay-outs above the limit."""

from __future__ import annotations

from flask import Response, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.receivables import pay_outs
from ...errors import Refusal
from ...formatting import money
from ...queries.receivables import waiting_pay_outs as queue
from ...queries.receivables.waiting_pay_outs import WaitingPayOut
from ..payments.forms import DecisionForm
from . import answers, bp
from .forms import RefusalForm


@bp.get("/pay-outs/<int:pay_out>/approval")
@requires(Permission.REFUND_APPROVE)
def approve_pay_out_form(pay_out: int) -> Response:
    return _approve(queue.one(pay_out), DecisionForm(formdata=None))


@bp.post("/pay-outs/<int:pay_out>/approval")
@requires(Permission.REFUND_APPROVE)
def approve_pay_out(pay_out: int) -> Response:
    row, form = queue.one(pay_out), DecisionForm()
    if not form.validate():
        return _approve(row, form, status=422)
    try:
        pay_outs.approve(pay_out, by=me())
    except Refusal as refusal:
        return _approve(queue.one(pay_out), form, refusal, refusal.status)
    return answers.done(_home(row), _("The pay-out is recorded. Let the payment go at your bank now."))


def _approve(row: WaitingPayOut, form: DecisionForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    return answers.dialog(
        _home(row),
        status,
        form=form,
        refusal=refusal,
        title=_("Approve the pay-out of %(amount)s of %(number)s", amount=money(row.amount), number=row.receipt),
        consequence=_("%(who)s asked for it: %(why)s. It counts as paid out today.", who=row.by, why=row.reason),
        submit=_("Approve"),
        action=url_for("receivables.approve_pay_out", pay_out=row.id),
    )


@bp.get("/pay-outs/<int:pay_out>/refusal")
@requires(Permission.REFUND_APPROVE, Permission.PAYMENT_REFUND)
def refuse_pay_out_form(pay_out: int) -> Response:
    return _refuse(queue.one(pay_out), RefusalForm(formdata=None))


@bp.post("/pay-outs/<int:pay_out>/refusal")
@requires(Permission.REFUND_APPROVE, Permission.PAYMENT_REFUND)
def refuse_pay_out(pay_out: int) -> Response:
    row, form = queue.one(pay_out), RefusalForm()
    if not form.validate():
        return _refuse(row, form, status=422)
    try:
        pay_outs.refuse(pay_out, because=form.reason.data or "", by=me())
    except Refusal as refusal:
        return _refuse(queue.one(pay_out), form, refusal, refusal.status)
    return answers.done(_home(row), _("The pay-out is refused; nothing is paid out."))


def _refuse(row: WaitingPayOut, form: RefusalForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    return answers.dialog(
        _home(row),
        status,
        form=form,
        refusal=refusal,
        title=_("Refuse the pay-out of %(amount)s of %(number)s", amount=money(row.amount), number=row.receipt),
        consequence=_("Nothing is paid out, and the money is unapplied cash as before."),
        submit=_("Refuse it"),
        action=url_for("receivables.refuse_pay_out", pay_out=row.id),
        danger=True,
    )


def _home(row: WaitingPayOut) -> str:
    return url_for("receivables.receipt", receipt=row.receipt)
