"""The recurring runs: how far today's is, the ones before, and the button that stops it."""

from __future__ import annotations

from datetime import date

from flask import Response, flash, render_template, request
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.agreements import runs as commands
from ...errors import NotFound
from ...hypermedia import panel, see_other
from ...queries.agreements import runs as queries
from . import bp


@bp.get("/runs/")
@requires(Permission.RUN_OPERATE)
def runs() -> str:
    return render_template("agreements/runs.html", found=queries.listing(_day(request.args.get("before", ""))))


@bp.get("/runs/<day>")
@requires(Permission.RUN_OPERATE)
def run(day: str) -> Response:
    return panel("agreements/run.html", "agreements/panels/run.html", run=_page(day))


@bp.post("/runs/<day>/stop")
@requires(Permission.RUN_OPERATE)
def stop_run(day: str) -> Response:
    view = _page(day)
    commands.stop(view.id, by=me())
    flash(_("Stopped; what was taken already is charged to its end."), "warn")
    return see_other(view.line.url)


@bp.post("/runs/<day>/resumption")
@requires(Permission.RUN_OPERATE)
def resume_run(day: str) -> Response:
    view = _page(day)
    commands.resume(view.id, by=me())
    flash(_("Resumed"), "ok")
    return see_other(view.line.url)


def _page(day: str) -> queries.RunPage:
    asked = _day(day)
    if asked is None:
        raise NotFound(f"run of {day}")
    return queries.page(asked)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
