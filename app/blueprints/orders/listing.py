"""The list of orders. What it shows is in the address."""

from __future__ import annotations

from flask import render_template, request

from ...access import Permission, me, requires
from ...models.order import TAG_CHANGE, TAG_CUSTOMER_DECLINED, TAG_DECLINED, TAG_EXPIRED
from ...queries.orders import listing
from ...queries.orders.listing import Filter
from ...states.order import OrderStatus
from . import bp

TAGS = (TAG_DECLINED, TAG_CUSTOMER_DECLINED, TAG_CHANGE, TAG_EXPIRED)


@bp.get("/")
@requires(Permission.ORDER_VIEW)
def index() -> str:
    wanted = Filter.read(request.args)
    before = request.args.get("before")
    found = listing.view(wanted, me(), before or request.args.get("after"), backwards=bool(before))
    return render_template(
        "orders/index.html",
        found=found,
        wanted=wanted,
        statuses=list(OrderStatus),
        owners=listing.owners(me()),
        tags=TAGS,
        sorts=listing.SORTS,
    )
