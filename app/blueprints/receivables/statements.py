"""The statement of one account: as a page, a PDF and a CSV."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext as _

from ...access import Permission, requires
from ...commands.receivables import statements as commands
from ...hypermedia import panel, see_other
from ...models import Account
from ...navigation import company
from ...queries import accounts
from ...queries.receivables import statement as found
from ...queries.receivables.statement import Statement
from ...spreadsheet import download
from . import bp


@bp.get("/accounts/<account>")
@requires(Permission.RECEIVABLES_VIEW)
def statement(account: str) -> str:
    return render_template("receivables/statement.html", **_facts(accounts.entity(account)))


@bp.get("/accounts/<account>/statement-paper")
@requires(Permission.RECEIVABLES_VIEW)
def statement_paper(account: str) -> Response:
    """The panel with the PDF; asks again by itself until a worker has rendered it."""
    part = "receivables/panels/statement_paper.html"
    return panel("receivables/statement.html", part, **_facts(accounts.entity(account)))


def _facts(account: Account) -> dict[str, Any]:
    return {"statement": _view(account), "paper": found.paper(account), "account": account}


def _view(account: Account) -> Statement:
    return found.view(account, request.args, company().time_zone)


@bp.get("/accounts/<account>/statement.csv")
@requires(Permission.RECEIVABLES_VIEW)
def statement_file(account: str) -> Response:
    view = _view(accounts.entity(account))
    head = [_("Date"), _("What"), _("Number"), _("Currency"), _("Charged"), _("Credited"), _("Balance")]
    opening = [view.first, _("Opening balance"), "", view.currency, None, None, view.opening]
    rows = ([e.on, e.what, e.number, view.currency, e.charge, e.credit, e.balance] for e in view.entries)
    return download(f"statement-{view.account}-{view.first}-{view.last}.csv", head, [opening, *rows])


@bp.post("/accounts/<account>/statement")
@requires(Permission.RECEIVABLES_VIEW)
def make_statement(account: str) -> Response:
    """The PDF of exactly these days; made once for the same content."""
    entity = accounts.entity(account)
    view = _view(entity)
    commands.request(entity.id, view)
    return see_other(view.url("receivables.statement") + "#panel-statement-paper")
