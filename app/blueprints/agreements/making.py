"""An agreement by hand, for an account."""

from __future__ import annotations

from decimal import Decimal

from flask import Response, flash, make_response, render_template, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.agreements import agreements
from ...commands.agreements.agreements import Terms
from ...errors import Refusal
from ...hypermedia import see_other
from ...models import Account, Frequency, Proration
from ...queries import accounts
from ...queries.calendar import selling_day
from . import bp
from .forms import LineForm, NewForm


@bp.get("/new/<account>")
@requires(Permission.AGREEMENT_MANAGE)
def new(account: str) -> Response:
    found = accounts.entity(account)
    given = {"lines": [{"quantity": Decimal(1)}, {}, {}, {}], "every": Decimal(1), "starts_on": selling_day()}
    return _form(found, NewForm(formdata=None, data=given))


@bp.post("/new/<account>")
@requires(Permission.AGREEMENT_MANAGE)
def create(account: str) -> Response:
    found, form = accounts.entity(account), NewForm()
    form.offer_all(found)
    if not form.validate():
        return _form(found, form, status=422)
    try:
        row = agreements.create(found.id, _terms(form), form_key=form.key, by=me())
    except Refusal as refusal:
        return _form(found, form, refusal)
    flash(_("A draft; nothing is charged before it is activated."), "info")
    return see_other(url_for("agreements.show", number=row.number))


def _terms(form: NewForm) -> Terms:
    collection, method_id = form.collected
    return Terms(
        frequency=Frequency(form.frequency.data),
        every=int(form.every.data or 1),
        starts_on=form.starts_on.data or selling_day(),
        lines=tuple(row.facts for row in form.used),
        collection=collection,
        contact_id=form.contact_id.data,
        policy_id=form.policy_id.data,
        method_id=method_id,
        ends_on=form.ends_on.data,
        trial_ends_on=form.trial_ends_on.data,
        proration=Proration(form.proration.data),
        consent_text=form.consent_text.data or "",
        consent_by=form.consent_by.data or "",
        consent_how=form.consent_how.data or "",
    )


def _form(account: Account, form: NewForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    form.offer_all(account)
    blank = LineForm(formdata=None, prefix="lines-__index__-")
    html = render_template("agreements/new.html", account=account, form=form, blank_line=blank, refusal=refusal)
    return make_response(html, refusal.status if refusal else status)
