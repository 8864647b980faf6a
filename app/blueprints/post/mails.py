"""The queue of mails that did not arrive, and one mail as it is kept."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, g, make_response, render_template, request, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.post import resending
from ...db import get
from ...hypermedia import fragments, panel, see_other, wants_fragment
from ...models import OrderEmail
from ...queries import order_mail as queries
from ...queries.operations.views import PAGE, Keys
from ...security import MAIL_PREVIEW
from . import bp

PART = "post/panels/amiss.html"


@bp.get("/")
@requires(Permission.MAIL_OPERATE)
def amiss() -> Response:
    return panel("post/index.html", PART, **_amiss())


@bp.get("/<int:mail_id>")
@requires(Permission.MAIL_OPERATE)
def mail(mail_id: int) -> str:
    return render_template("post/mail.html", mail=queries.page(mail_id), body=url_for("post.body", mail_id=mail_id))


@bp.get("/<int:mail_id>/body")
@requires(Permission.MAIL_OPERATE)
def body(mail_id: int) -> Response:
    return framed(queries.page(mail_id).html)


@bp.post("/<int:mail_id>/resend")
@requires(Permission.MAIL_OPERATE)
def resend(mail_id: int) -> Response:
    """Once for each mail that did not arrive, whoever presses and however often. Only for those who see the queue:
    it holds everybody's mail."""
    get(OrderEmail, mail_id)
    resending.resend(mail_id, form_key=f"queue-{mail_id}", by=me())
    if wants_fragment():
        return fragments(render_template(PART, **_amiss()), toast=_("It is sent again."))
    flash(_("It is sent again."), "ok")
    return see_other(url_for("post.amiss"))


def framed(html: str) -> Response:
    """A mail for the frame of the page around it."""
    g.csp_frame_ancestors = "'self'"
    response = make_response(html)
    response.headers["Content-Security-Policy"] = MAIL_PREVIEW
    return response


def _amiss() -> dict[str, Any]:
    found, rows = queries.amiss_rows(keys())
    return {
        "rows": rows,
        "count": queries.count_amiss(),
        "trouble": queries.trouble(),
        "previous": url_for("post.amiss", before=found.before) if found.before else None,
        "next": url_for("post.amiss", after=found.after) if found.after else None,
    }


def keys() -> Keys:
    given = {name: request.args.get(name, type=int) for name in ("before", "after")}
    return Keys(PAGE, **{name: key for name, key in given.items() if key is not None and abs(key) < 2**62})
