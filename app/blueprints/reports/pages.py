"""What the pages of reports share: the filter on top, and the choices in it."""

from __future__ import annotations

from typing import Any

from flask import render_template, request

from ...queries.reports import asked
from ...queries.reports.asked import Asked


def wanted() -> Asked:
    return Asked.read(request.args)


def page(template: str, wanted: Asked, **facts: Any) -> str:
    return render_template(
        template,
        asked=wanted,
        currencies=asked.currencies(wanted),
        gateways=asked.gateways(),
        month_name=asked.month_name,
        here=request.endpoint,
        **facts,
    )
