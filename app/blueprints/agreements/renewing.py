"""Renewing a term that does not renew itself."""

from __future__ import annotations

from decimal import Decimal

from flask import Response
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.agreements import renewing
from ...errors import Refusal
from ...formatting import day
from ...queries.agreements import page
from ...queries.agreements.views import AgreementPage
from . import answers, bp
from .forms import RenewForm, sent_version


@bp.get("/<number>/renewal")
@requires(Permission.AGREEMENT_MANAGE)
def renew_form(number: str) -> Response:
    view = page.view(number, me())
    return _form(
        view, RenewForm(formdata=None, data={"months": Decimal(view.term_months or 12), "version": view.version})
    )


@bp.post("/<number>/renewal")
@requires(Permission.AGREEMENT_MANAGE)
def renew(number: str) -> Response:
    view, form = page.view(number, me()), RenewForm()
    if not form.validate():
        return _form(view, form, status=422)
    months, version = int(form.months.data or 0), sent_version(form.version)
    try:
        renewing.renew(view.id, months, version=version, because=form.because.data or "", by=me())
    except Refusal as refusal:
        return _form(view, form, refusal)
    return answers.done(number, _("Renewed"))


def _form(view: AgreementPage, form: RenewForm, refusal: Refusal | None = None, status: int = 200) -> Response:
    title = _("Renew %(number)s", number=view.number)
    lead = _(
        "It goes on for as many months more as you enter, and the customer is mailed the agreement as it then stands."
    )
    if view.ends_on is not None:
        lead = f"{_('It ends on %(day)s.', day=day(view.ends_on))} {lead}"
    return answers.form(view.number, form, title, _("Renew"), lead=lead, refusal=refusal, status=status)
