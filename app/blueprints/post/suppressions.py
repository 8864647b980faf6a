"""Addresses that nothing is sent to, and lifting one with a reason."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from ...access import Permission, me, requires
from ...commands.post import suppressions as commands
from ...db import get
from ...errors import NotFound, Refusal
from ...hypermedia import see_other
from ...models import SuppressedAddress
from ...queries import order_mail as queries
from ..forms import Form
from . import bp
from .mails import keys


class LiftForm(Form):
    because = StringField(
        lazy_gettext("Why it works again"),
        [DataRequired(lazy_gettext("Say why; it stays with the address.")), Length(max=500)],
    )


@bp.get("/suppressed")
@requires(Permission.MAIL_OPERATE)
def suppressed() -> str:
    lifted, address = request.args.get("lifted") == "yes", request.args.get("q", "").strip()[:320]
    found, rows = queries.suppressed(keys(), lifted=lifted, address=address)
    kept: dict[str, Any] = {"lifted": "yes" if lifted else None, "q": address or None}
    previous = url_for("post.suppressed", before=found.before, **kept) if found.before else None
    following = url_for("post.suppressed", after=found.after, **kept) if found.after else None
    page = {"rows": rows, "lifted": lifted, "address": address, "previous": previous, "next": following}
    return render_template("post/suppressed.html", **page)


@bp.get("/suppressed/<int:suppressed_id>/lift")
@requires(Permission.MAIL_LIFT)
def lift_form(suppressed_id: int) -> Response:
    return _asking(suppressed_id, LiftForm(formdata=None))


@bp.post("/suppressed/<int:suppressed_id>/lift")
@requires(Permission.MAIL_LIFT)
def lift(suppressed_id: int) -> Response:
    form = LiftForm()
    if not form.validate():
        return _asking(suppressed_id, form, 422)
    try:
        row = commands.lift(suppressed_id, because=form.because.data or "", by=me())
    except Refusal as refusal:
        return _asking(suppressed_id, form, refusal.status, refusal)
    flash(_("Mail goes to %(address)s again.", address=row.address), "ok")
    return see_other(url_for("post.suppressed"))


def _asking(suppressed_id: int, form: LiftForm, status: int = 200, refusal: Refusal | None = None) -> Response:
    row = get(SuppressedAddress, suppressed_id)
    if row.lifted_at is not None and refusal is None:
        raise NotFound(f"suppressed address {suppressed_id}")
    return make_response(render_template("post/lift.html", row=row, form=form, refusal=refusal), status)
