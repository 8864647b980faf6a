"""The lists: open invoices by age, money that pays nothing yet, all receipts, one receipt."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext as _

from ...access import Permission, requires
from ...models import ReceiptKind
from ...navigation import company
from ...queries.receivables import ageing, money
from ...queries.receivables.ageing import BUCKETS, Asked
from ...queries.receivables.money import Filter
from ...spreadsheet import download
from . import bp
from .words import bucket, kind


@bp.get("/")
@requires(Permission.RECEIVABLES_VIEW)
def index() -> str:
    asked = _asked()
    found = ageing.by_account(asked, **_keys())
    facts = {"totals": ageing.totals(asked), "unapplied": ageing.unapplied(asked), "buckets": BUCKETS, "bucket": bucket}
    return render_template("receivables/index.html", asked=asked, found=found, **facts)


@bp.get("/invoices")
@requires(Permission.RECEIVABLES_VIEW)
def invoices() -> str:
    asked = _asked()
    found = ageing.invoices(asked, **_keys())
    return render_template("receivables/invoices.html", asked=asked, found=found, buckets=BUCKETS, bucket=bucket)


@bp.get("/ageing.csv")
@requires(Permission.RECEIVABLES_VIEW)
def ageing_file() -> Response:
    asked = _asked()
    head = [
        _("Account"),
        _("Customer"),
        _("Invoice"),
        _("Issued"),
        _("Due"),
        _("Days overdue"),
        _("Bucket"),
        _("Currency"),
        _("Total"),
        _("Open"),
    ]
    rows: Any = (
        [r.account, r.name, r.number, r.issued_on, r.due_date, r.days, r.bucket, r.gross.currency, r.gross, r.open]
        for r in ageing.every(asked)
    )
    return download(f"ageing-{asked.as_of}.csv", head, rows)


@bp.get("/unapplied")
@requires(Permission.RECEIVABLES_VIEW)
def unapplied() -> str:
    wanted = Filter.read(request.args)
    found = money.unapplied(wanted, company().time_zone, **_ids())
    return _money("receivables/unapplied.html", wanted, found)


@bp.get("/receipts")
@requires(Permission.RECEIVABLES_VIEW)
def receipts() -> str:
    wanted = Filter.read(request.args)
    found = money.receipts(wanted, company().time_zone, **_ids())
    return _money("receivables/receipts.html", wanted, found)


@bp.get("/receipts/<receipt>")
@requires(Permission.RECEIVABLES_VIEW)
def receipt(receipt: str) -> str:
    return render_template("receivables/receipt.html", page=money.one(receipt, company().time_zone), kind=kind)


def _money(template: str, wanted: Filter, found: money.MoneyList) -> str:
    return render_template(template, wanted=wanted, found=found, kinds=list(ReceiptKind), kind=kind)


def _asked() -> Asked:
    return Asked.read(request.args, company().time_zone)


def _keys() -> dict[str, str]:
    return {name: request.args.get(name, "")[:40] for name in ("before", "after")}


def _ids() -> dict[str, int | None]:
    return {name: request.args.get(name, type=int) for name in ("before", "after")}
