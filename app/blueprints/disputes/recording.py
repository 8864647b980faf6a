"""A dispute that a letter tells of."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import Row

from ...access import Permission, me, requires
from ...commands.payments import disputes as commands
from ...commands.payments.disputes import Letter
from ...errors import NotFound, Refusal
from ...formatting import money
from ...hypermedia import see_other
from ...money import Money
from ...queries.payments.facts import Collection, load
from ..payments import answers
from . import bp
from .forms import RecordForm, end_of

ADDRESS = "/payments/<number>/transactions/<int:transaction_id>/dispute"


@bp.get(ADDRESS)
@requires(Permission.DISPUTE_RECORD)
def record_form(number: str, transaction_id: int) -> Response:
    collection, row = _owning(number, transaction_id)
    return _dialog(collection, row, RecordForm(formdata=None, amount=_captured(row).major))


@bp.post(ADDRESS)
@requires(Permission.DISPUTE_RECORD)
def record(number: str, transaction_id: int) -> Response:
    collection, row = _owning(number, transaction_id)
    form = RecordForm()
    wanted = form.money(row.currency) if form.validate() else None
    if wanted is None:
        return _dialog(collection, row, form, status=422)
    letter = Letter(
        amount=wanted,
        reason=form.reason.data or "",
        due_by=end_of(form.due_date.data),
        inquiry=bool(form.inquiry.data),
        provider_id=(form.provider_id.data or "").strip() or None,
    )
    try:
        made = commands.record(transaction_id, letter, form_key=form.key, by=me())
    except Refusal as refusal:
        return _dialog(*_owning(number, transaction_id), form, refusal, refusal.status)
    return see_other(url_for("disputes.show", number=made.number))


def _owning(number: str, transaction_id: int) -> tuple[Collection, Row[Any]]:
    collection = load(number, me())
    for row in collection.reversals.captures:
        if row.transaction_id == transaction_id:
            return collection, row
    raise NotFound(f"capture {transaction_id} of {number}")


def _captured(row: Row[Any]) -> Money:
    return Money(row.transaction_amount, row.currency)


def _dialog(
    collection: Collection, row: Row[Any], form: RecordForm, refusal: Refusal | None = None, status: int = 200
) -> Response:
    where = {"number": collection.number, "transaction_id": row.transaction_id}
    html = render_template(
        "payments/confirm.html",
        collection=collection,
        target=answers.target(collection),
        back=url_for("payments.show", number=collection.number),
        form=form,
        refusal=refusal,
        title=_("Record a dispute of %(number)s", number=collection.number),
        consequence=_(
            "Of %(amount)s charged to %(card)s. Unless it is only an inquiry, the amount counts as taken by the bank.",
            amount=money(_captured(row)),
            card=row.card_label or _("the card"),
        ),
        submit=_("Record the dispute"),
        action=url_for("disputes.record", **where),
        danger=False,
    )
    return make_response(html, status)
