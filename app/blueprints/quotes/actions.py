"""Moving a quote along: submitted, approved, rejected, revised, converted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from ...access import Permission, me, requires
from ...commands.quotes import conversion, quote_sync, quotes
from ...errors import Refusal
from ...hypermedia import see_other
from ...models import Quote
from ...queries.quotes import page
from ..forms import Form
from . import bp


class ConfirmForm(Form):
    pass


class RejectForm(Form):
    reason = TextAreaField(
        lazy_gettext("Reason"),
        [InputRequired(lazy_gettext("Say why, so that the quote can be mended.")), Length(max=2000)],
    )


def _id(number: str, version: int) -> int:
    return page.locate(me(), number, version)


def _seen() -> int | None:
    """The edition that the page with the button showed."""
    return request.args.get("edition", type=int)


def _to(quote: Quote, words: str) -> Response:
    flash(words, "ok")
    return see_other(url_for("quotes.show_version", number=quote.number, version=quote.version))


@bp.post("/<number>/<int:version>/submit")
@requires(Permission.QUOTE_EDIT)
def submit(number: str, version: int) -> Response:
    quote = quotes.submit(_id(number, version), edition=_seen(), by=me())
    return _to(quote, _("Submitted for approval"))


@bp.post("/<number>/<int:version>/approve")
@requires(Permission.QUOTE_APPROVE)
def approve(number: str, version: int) -> Response:
    quote = quotes.approve(_id(number, version), edition=_seen(), by=me())
    return _to(quote, _("Approved"))


@bp.post("/<number>/<int:version>/revise")
@requires(Permission.QUOTE_EDIT)
def revise(number: str, version: int) -> Response:
    quote = quotes.revise(_id(number, version), by=me())
    return _to(quote, _("Version %(version)s is a draft now", version=quote.version))


@bp.post("/<number>/<int:version>/convert")
@requires(Permission.QUOTE_CONVERT)
def convert(number: str, version: int) -> Response:
    order = conversion.convert(_id(number, version), by=me())
    flash(_("Order %(number)s stands", number=order.number), "ok")
    return see_other(url_for("orders.show", number=order.number))


@bp.post("/<number>/<int:version>/sync")
@requires(Permission.QUOTE_CONVERT)
def sync(number: str, version: int) -> Response:
    order = quote_sync.sync(_id(number, version), by=me())
    flash(_("Order %(order)s says what version %(version)s says", order=order.number, version=version), "ok")
    return see_other(url_for("orders.show", number=order.number))


@bp.get("/<number>/<int:version>/withdraw")
@requires(Permission.QUOTE_EDIT)
def withdraw(number: str, version: int) -> Response:
    return _ask("withdraw", number, version, ConfirmForm())


@bp.post("/<number>/<int:version>/withdraw")
@requires(Permission.QUOTE_EDIT)
def do_withdraw(number: str, version: int) -> Response:
    return _answer("withdraw", number, version, ConfirmForm(), lambda _form, id: quotes.withdraw(id, by=me()))


@bp.get("/<number>/<int:version>/discard")
@requires(Permission.QUOTE_EDIT)
def discard(number: str, version: int) -> Response:
    return _ask("discard", number, version, ConfirmForm())


@bp.post("/<number>/<int:version>/discard")
@requires(Permission.QUOTE_EDIT)
def do_discard(number: str, version: int) -> Response:
    return _answer("discard", number, version, ConfirmForm(), lambda _form, id: quotes.discard(id, by=me()))


@bp.get("/<number>/<int:version>/reject")
@requires(Permission.QUOTE_APPROVE)
def reject(number: str, version: int) -> Response:
    return _ask("reject", number, version, RejectForm())


@bp.post("/<number>/<int:version>/reject")
@requires(Permission.QUOTE_APPROVE)
def do_reject(number: str, version: int) -> Response:
    return _answer(
        "reject",
        number,
        version,
        RejectForm(),
        lambda form, id: quotes.reject(id, reason=form.reason.data or "", by=me()),
    )


# Question, consequence, button, whether it destroys, and the words afterwards.
QUESTIONS: dict[str, tuple[Any, Any, Any, bool, Any]] = {
    "withdraw": (
        lazy_gettext("Withdraw %(name)s"),
        lazy_gettext("It becomes a draft again and nobody is asked to approve it."),
        lazy_gettext("Withdraw"),
        False,
        lazy_gettext("Withdrawn"),
    ),
    "discard": (
        lazy_gettext("Discard %(name)s"),
        lazy_gettext("This version is deleted with everything typed into it. The one before it stays in force."),
        lazy_gettext("Discard this version"),
        True,
        lazy_gettext("Discarded"),
    ),
    "reject": (
        lazy_gettext("Reject %(name)s"),
        lazy_gettext("Whoever submitted it sees the reason and can mend it in a new version."),
        lazy_gettext("Reject"),
        True,
        lazy_gettext("Rejected"),
    ),
}


def _ask(
    key: str, number: str, version: int, form: Form, refusal: Refusal | None = None, status: int = 200
) -> Response:
    _id(number, version)
    title, consequence, button, danger, _done = QUESTIONS[key]
    body = render_template(
        "quotes/confirm.html",
        title=str(title) % {"name": f"{number} version {version}"},
        consequence=consequence,
        submit=button,
        danger=danger,
        form=form,
        refusal=refusal,
        action=url_for(f"quotes.{key}", number=number, version=version),
        back=url_for("quotes.show_version", number=number, version=version),
    )
    return make_response(body, status)


def _answer(key: str, number: str, version: int, form: Form, act: Callable[[Any, int], Quote]) -> Response:
    quote_id = _id(number, version)
    if not form.validate():
        return _ask(key, number, version, form, status=422)
    try:
        quote = act(form, quote_id)
    except Refusal as refusal:
        return _ask(key, number, version, form, refusal, refusal.status)
    return _to(quote, str(QUESTIONS[key][-1]))
