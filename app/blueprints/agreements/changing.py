"""Changing what is paid, how, or on which day."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.agreements import changes
from ...commands.agreements.changes import Change
from ...errors import Refusal
from ...models import Proration
from ...queries import accounts
from ...queries.agreements import foresight, page
from ...queries.agreements.views import AgreementPage
from . import answers, bp
from .forms import BY_INVOICE, ChangeForm, change_form, sent_version, typed_lines


@bp.get("/<number>/change")
@requires(Permission.AGREEMENT_MANAGE)
def change_form_page(number: str) -> Response:
    view = page.view(number, me())
    account_id = accounts.entity(view.account_number).id
    agreed = {f"quantity_{x.id}": x.quantity for x in view.lines} | {f"price_{x.id}": x.unit_price for x in view.lines}
    how = f"card-{view.method_id}" if view.method_id else BY_INVOICE
    given = {"collection": how, "next_on": foresight.coming(view.id), "version": view.version, **agreed}
    given["proration"] = view.proration
    return _form(view, change_form(view, account_id, formdata=None, data=given))


@bp.post("/<number>/change")
@requires(Permission.AGREEMENT_MANAGE)
def change(number: str) -> Response:
    view = page.view(number, me())
    form = change_form(view, accounts.entity(view.account_number).id)
    if not form.validate():
        return _form(view, form, status=422)
    collection, method_id = form.collected
    cut = Proration(form.proration.data) if "proration" in form else None
    wanted = Change(collection, method_id, typed_lines(form, view.lines), form.next_on.data, cut)
    try:
        changes.change(view.id, wanted, version=sent_version(form.version), because=form.because.data or "", by=me())
    except Refusal as refusal:
        return _form(page.view(number, me()), form, refusal)
    return answers.done(number, _("Changed from the next period on"))


def _form(view: AgreementPage, form: ChangeForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    title = _("Change %(number)s", number=view.number)
    lead = _("It takes effect with the next payment that is not due yet; what is due stays as it is.")
    return answers.form(
        view.number, form, title, _("Change"), lead=lead, refusal=refusal, status=status, currency=view.amount.currency
    )
