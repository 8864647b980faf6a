"""Parts of the order page, each from the very template that the page includes, for answers to actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, make_response, render_template, url_for

from ...access import Permission, can, me
from ...hypermedia import fragments, partial, see_other, wants_fragment
from ...queries.orders import next_step, page, rail, summary
from ...queries.orders.facts import Facts, load

LIFE = ("next", "head", "summary", "lines", "payment", "recurring", "pdf", "timeline", "links", "dates")
"""What a change of status shows in."""

TERMS = ("head", "next", "payment", "pdf", "timeline", "dates")
"""What a change of lines or terms shows in, beside its own panel."""

NEEDS: dict[str, Permission] = {
    "payment": Permission.PAYMENT_VIEW,
    "methods": Permission.METHOD_VIEW,
    "recurring": Permission.AGREEMENT_VIEW,
}

VIEWS: dict[str, tuple[str, str, str, Callable[[Facts], Any]]] = {
    "head": ("order-head", "orders/_head.html", "order", summary.head),
    "next": ("order-next", "orders/_next_step.html", "next_step", next_step.view),
    **{name: (f"rail-{name}", f"orders/rail/{name}.html", "rail", rail.view) for name in ("links", "methods", "dates")},
    **{name: (f"panel-{name}", f"orders/panels/{name}.html", name, view) for name, view in page.PANELS.items()},
}


HEADED = frozenset({"head", "next"})
"""The regions that show the order's head itself; the others only say where they belong."""


def load_order(number: str) -> Facts:
    """The order as the signed-in person may see it. Raises NotFound."""
    return load(number, me())


def render(facts: Facts, name: str, **more: Any) -> str:
    _, template, variable, view = VIEWS[name]
    context = {"order": summary.head(facts) if name in HEADED else summary.ref(facts)} | more
    if variable not in context:
        context[variable] = view(facts)
    return render_template(template, **context)


def panel(facts: Facts, name: str, *, status: int = 200, **more: Any) -> Response:
    """One panel: alone for htmx, on a page of its own for everybody else."""
    if wants_fragment():
        return make_response(render(facts, name, **more), status)
    context = {"order": summary.head(facts), "panel": name} | more
    if name not in context:
        context[name] = page.PANELS[name](facts)
    return make_response(render_template("orders/panel.html", **context), status)


def beside(answer: Response, facts: Facts, *names: str) -> Response:
    """`answer`, and for htmx these regions of the page it was asked from."""
    if wants_fragment():
        seen = [name for name in names if name not in NEEDS or can(NEEDS[name])]
        answer.set_data(answer.get_data(as_text=True) + "".join(partial(VIEWS[n][0], render(facts, n)) for n in seen))
    return answer


def changed(number: str, first: str, *others: str, toast: str) -> Response:
    """After an action: the panel it was taken in and what it affects; a browser goes back to the page."""
    if not wants_fragment():
        return see_other(url_for("orders.show", number=number) + f"#{VIEWS[first][0]}")
    facts = load_order(number)
    seen = [name for name in others if name not in NEEDS or can(NEEDS[name])]
    parts = [partial(VIEWS[name][0], render(facts, name)) for name in seen]
    return fragments(render(facts, first), *parts, toast=toast)
