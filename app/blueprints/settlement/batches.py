"""The list of payouts and the page of one, each as a file, too."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext as _

from ...access import Permission, requires
from ...hypermedia import wants_fragment
from ...models import BatchState
from ...queries.settlement import batch as one
from ...queries.settlement import batches, syncing, words
from ...spreadsheet import download
from . import bp


@bp.get("/")
@requires(Permission.SETTLEMENT_VIEW)
def index() -> str:
    return _index()


@bp.get("/gateways")
@requires(Permission.SETTLEMENT_VIEW)
def gateways() -> str:
    """How far each gateway's payouts are known; asks for itself again while one is being fetched."""
    return _index()


def _index() -> str:
    syncs = syncing.every()
    if wants_fragment() and request.endpoint == "settlement.gateways":
        return render_template("settlement/panels/gateways.html", syncs=syncs)
    wanted = batches.Filter.read(request.args)
    found = batches.view(wanted, **_keys())
    states = list(BatchState)
    return render_template("settlement/index.html", found=found, wanted=wanted, syncs=syncs, states=states)


def _keys() -> dict[str, str]:
    return {name: request.args.get(name, "")[:40] for name in ("before", "after")}


@bp.get("/batches.csv")
@requires(Permission.SETTLEMENT_VIEW)
def batches_file() -> Response:
    head = [
        _("Payout"),
        _("Gateway"),
        _("State"),
        _("Created"),
        _("Arrives"),
        _("Currency"),
        _("Charges"),
        _("Refunds"),
        _("Disputes"),
        _("Others"),
        _("Fees"),
        _("Net"),
        _("Difference"),
    ]
    return download("payouts.csv", head, map(_cells, batches.every(batches.Filter.read(request.args))))


def _cells(row: batches.BatchRow) -> list[Any]:
    sums = row.sums
    facts = [row.reference, row.gateway, row.state, row.created_on, row.arrives_on, sums.net.currency]
    return [*facts, sums.charges, sums.refunds, sums.disputes, sums.others, sums.fees, sums.net, sums.apart]


@bp.get("/batches/<int:batch_id>")
@requires(Permission.SETTLEMENT_VIEW)
def batch(batch_id: int) -> str:
    keys = {name: request.args.get(name, type=int) for name in ("before", "after")}
    return render_template("settlement/batch.html", batch=one.view(batch_id, **keys), line_word=words.line)


@bp.get("/batches/<int:batch_id>/lines.csv")
@requires(Permission.SETTLEMENT_VIEW)
def lines_file(batch_id: int) -> Response:
    head = [
        _("Entry"),
        _("Kind"),
        _("When"),
        _("Processor's id"),
        _("Payment order"),
        _("Order"),
        _("Currency"),
        _("Amount"),
        _("Fee"),
        _("Net"),
        _("Customer's currency"),
        _("Customer's amount"),
        _("Exchange rate"),
        _("Exception"),
    ]
    page, lines = one.every(batch_id)
    return download(f"{page.reference}.csv", head, map(_line_cells, lines))


def _line_cells(line: one.LineRow) -> list[Any]:
    links = [link.text if link else None for link in (line.payment_order, line.order)]
    shown = [line.presented.currency if line.presented else None, line.presented, line.rate, line.exception]
    facts = [line.reference, line.kind, line.at, line.source, *links, line.net.currency]
    return [*facts, line.gross, line.fee, line.net, *shown]
