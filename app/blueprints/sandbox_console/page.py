"""One sandbox gateway on one page."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ...access import Permission, requires
from ...gateways.sandbox.cards import GROUPS
from ...queries import sandbox as queries
from . import bp
from .forms import FAULTS, NextCallForm


@bp.get("/")
@requires(Permission.SANDBOX_OPERATE)
def index() -> ResponseReturnValue:
    """To the first of them."""
    known = queries.sandboxes()
    if not known:
        return render_template("sandbox_console/none.html")
    return redirect(url_for("sandbox_console.show", gateway=known[0].key))


@bp.get("/<gateway>")
@requires(Permission.SANDBOX_OPERATE)
def show(gateway: str) -> ResponseReturnValue:
    return page(gateway, NextCallForm(formdata=None))


def page(gateway: str, form: NextCallForm, status: int = 200) -> ResponseReturnValue:
    console = queries.console(gateway)
    shown = render_template("sandbox_console/show.html", console=console, form=form, cards=GROUPS, faults=FAULTS)
    return shown, status
