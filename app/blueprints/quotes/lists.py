"""The list of quotes."""

from __future__ import annotations

from flask import render_template, request, url_for

from ...access import Permission, me, requires
from ...queries.quotes import lists
from ...queries.quotes.lists import Filters
from ...states.quote import QuoteStatus
from . import bp


@bp.get("/")
@requires(Permission.QUOTE_VIEW)
def index() -> str:
    filters = _filters()
    found = lists.find(me(), filters, before=_key("before"), after=_key("after"))
    here = {"status": filters.status, "owner": filters.owner_id, "q": filters.search or None}
    return render_template(
        "quotes/index.html",
        found=found,
        filters=filters,
        owners=lists.owners(me()),
        statuses=list(QuoteStatus),
        address=lambda **changes: url_for("quotes.index", **{k: v for k, v in (here | changes).items() if v}),
    )


def _filters() -> Filters:
    """From the query string; what makes no sense there is ignored."""
    status = request.args.get("status", "")
    return Filters(
        status=QuoteStatus(status) if status in set(QuoteStatus) else None,
        owner_id=request.args.get("owner", type=int),
        search=request.args.get("q", "").strip(),
    )


def _key(name: str) -> int | None:
    return request.args.get(name, type=int)
