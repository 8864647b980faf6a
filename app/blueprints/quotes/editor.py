"""Writing a quote: choosing the account, the editor, and saving what it says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...badges import said
from ...commands.quotes import quote_content, quote_words, quotes
from ...commands.quotes.quote_content import InvalidContent, QuoteContent
from ...db import db, end_read
from ...errors import Refusal, StaleVersion
from ...hypermedia import see_other
from ...models import Account, Quote
from ...money import Money
from ...queries import accounts
from ...queries.calendar import selling_day
from ...queries.quotes import choices as choosing
from ...queries.quotes import page
from ...queries.quotes.choices import Choices
from ...states.quote import QuoteStatus
from ...values import as_dict
from . import bp
from .forms import SPARE_ROWS, InstalmentForm, LineForm, QuoteForm, offer_products


@bp.get("/new")
@requires(Permission.QUOTE_EDIT)
def new() -> Response:
    """First whose quote it is, then the editor."""
    number = request.args.get("account", "").strip()
    if not number:
        search = request.args.get("q", "").strip()
        return make_response(render_template("quotes/choose_account.html", q=search, found=choosing.accounts(search)))
    account = accounts.entity(number)
    form = QuoteForm(formdata=None, data=_blank(account))
    return _editor(form, account, None)


@bp.post("/new")
@requires(Permission.QUOTE_EDIT)
def create() -> Response:
    account = accounts.entity(request.args.get("account", ""))
    form, choices = _typed(account)
    content = form.content(account.id, choices)
    if content is None:
        return _editor(form, account, None, 422)
    try:
        quote = quotes.create(content, form_key=form.key, by=me())
    except InvalidContent as invalid:
        form.attach(invalid.problems)
        return _editor(form, account, None, 422)
    flash(_("Quote %(number)s is a draft now", number=quote.number), "ok")
    return see_other(url_for("quotes.show", number=quote.number))


@bp.get("/<number>/<int:version>/edit")
@requires(Permission.QUOTE_EDIT)
def edit(number: str, version: int) -> Response:
    quote = _draft(number, version)
    return _editor(QuoteForm(formdata=None, data=_stored(quote)), quote.account, quote)


@bp.post("/<number>/<int:version>/edit")
@requires(Permission.QUOTE_EDIT)
def save(number: str, version: int) -> Response:
    quote = db.session.get_one(Quote, page.locate(me(), number, version))
    form, choices = _typed(quote.account, quote)
    content = form.content(quote.account_id, choices)
    if content is None:
        return _editor(form, quote.account, quote, 422)
    quote_id = quote.id
    try:
        quotes.edit(quote_id, content, edition=form.edition.data or 0, by=me())
    except StaleVersion:
        return _stale(form, content, quote_id)
    except InvalidContent as invalid:
        form.attach(invalid.problems)
        return _editor(form, quote.account, quote, 422)
    flash(_("Saved"), "ok")
    return see_other(url_for("quotes.show_version", number=number, version=version))


def _draft(number: str, version: int) -> Quote:
    quote = db.session.get_one(Quote, page.locate(me(), number, version))
    if quote.status is not QuoteStatus.DRAFT:
        raise Refusal(
            "not_draft",
            "%(quote)s is %(state)s; only a draft can be edited.",
            "Revise it to write the next version.",
            quote=quotes.name(quote),
            state=said("quote", quote.status),
        )
    return quote


def _typed(account: Account, quote: Quote | None = None) -> tuple[QuoteForm, Choices]:
    choices = _choices(account, quote)
    form = QuoteForm()
    form.offer(choices)
    return form, choices


def _choices(account: Account, quote: Quote | None) -> Choices:
    return choosing.of(account, {x.product_id for x in quote.lines if x.product_id} if quote else set())


def _stale(form: QuoteForm, typed: QuoteContent, quote_id: int) -> Response:
    """Both versions side by side; the form now stands on the newer one, so saving again is a decision."""
    end_read()
    quote = db.session.get_one(Quote, quote_id, populate_existing=True)
    if quote.status is not QuoteStatus.DRAFT:
        return _editor(form, quote.account, quote, 409)
    rows = [
        (label, yours, stored) for label, stored, yours in quote_words.differences(quote_content.read(quote), typed)
    ]
    form.edition.data = quote.edition
    form.edition.raw_data = None
    return _editor(form, quote.account, quote, 409, conflict={"rows": rows} | page.last_change(quote))


def _editor(form: QuoteForm, account: Account, quote: Quote | None, status: int = 200, **more: Any) -> Response:
    choices = _choices(account, quote)
    form.offer(choices)
    blank = LineForm(formdata=None, prefix="lines-__index__-")
    offer_products(blank, choices)
    here = (
        url_for("quotes.edit", number=quote.number, version=quote.version)
        if quote
        else url_for("quotes.new", account=account.number)
    )
    body = render_template(
        "quotes/editor.html",
        form=form,
        account=account,
        quote=quote,
        here=here,
        back=url_for("quotes.show_version", number=quote.number, version=quote.version)
        if quote
        else url_for("accounts.show", number=account.number),
        blank_line=blank,
        blank_step=InstalmentForm(formdata=None, prefix="instalments-__index__-"),
        **({"conflict": None} | more),
    )
    return make_response(body, status)


def _blank(account: Account) -> dict[str, Any]:
    """A new quote as it usually begins: everything due at signature, valid for a while."""
    return {
        "contact_id": account.contacts[0].id if account.contacts else None,
        "billing_address_id": account.billing_address_id,
        "shipping_address_id": account.shipping_address_id,
        "currency": account.currency,
        "expires_on": selling_day() + timedelta(days=quotes.VALID_DAYS),
        "payment_terms_days": account.payment_terms_days,
        "lines": [{}] * SPARE_ROWS,
        "instalments": [{"percent": Decimal(100)}, *[{}] * (SPARE_ROWS - 1)],
    }


def _stored(quote: Quote) -> dict[str, Any]:
    content = as_dict(quote_content.read(quote))
    for step in content["instalments"]:
        step["amount"] = Money(step["amount"], quote.currency).major if step["amount"] is not None else None
    content["lines"] = [*content["lines"], *[{}] * SPARE_ROWS]
    content["instalments"] = [*content["instalments"], *[{}] * SPARE_ROWS]
    return content | {"edition": quote.edition}
