"""The link that a customer has: rotated, extended, given more tries."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, flash, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...clock import local_date
from ...commands.payments import live_links
from ...errors import Refusal
from ...formatting import money
from ...hypermedia import see_other
from ...navigation import company
from ...queries.payments.facts import Collection, load
from ..forms import Form
from . import answers, bp
from .forms import ExtendForm, ReasonForm, complain


@bp.get("/payments/<number>/link/rotation")
@requires(Permission.PAYMENT_LINK_SEND)
def rotate_form(number: str) -> Response:
    return _rotate_dialog(load(number, me()), ReasonForm(formdata=None))


@bp.post("/payments/<number>/link/rotation")
@requires(Permission.PAYMENT_LINK_SEND)
def rotate(number: str) -> Response:
    """Leads on to the preflight: nobody has the new link before it is sent."""
    collection, form = load(number, me()), ReasonForm()
    if not form.validate():
        return _rotate_dialog(collection, form, status=422)
    try:
        live_links.rotate(_live(collection), because=form.reason.data or "", by=me())
    except Refusal as refusal:
        return _rotate_dialog(load(number, me()), form, refusal, refusal.status)
    flash(_("The old link is dead. Send the new one."), "ok")
    return see_other(url_for("payments.preflight", number=number, next=answers.back("") or None))


def _rotate_dialog(
    collection: Collection, form: ReasonForm, refusal: Refusal | None = None, status: int = 200
) -> Response:
    return answers.dialog(
        collection,
        status,
        form=form,
        refusal=refusal,
        title=_("Rotate the link for %(amount)s", amount=money(collection.balance)),
        consequence=_(
            "The address that was mailed is dead at once and says that there is a newer one, which you send."
        ),
        submit=_("Rotate the link"),
        action=url_for("payments.rotate", number=collection.number, next=answers.back("") or None),
        danger=True,
    )


@bp.get("/payments/<number>/link/expiry")
@requires(Permission.PAYMENT_LINK_SEND)
def extend_form(number: str) -> Response:
    collection = load(number, me())
    until = (collection.row.expires_at or collection.source.now) + timedelta(days=7)
    return _extend_dialog(collection, ExtendForm(formdata=None, data={"until": local_date(until, company().time_zone)}))


@bp.post("/payments/<number>/link/expiry")
@requires(Permission.PAYMENT_LINK_SEND)
def extend(number: str) -> Response:
    collection, form = load(number, me()), ExtendForm()
    if not form.validate() or form.until.data is None:
        return _extend_dialog(collection, form, status=422)
    try:
        live_links.extend(_live(collection), until=form.until.data, by=me())
    except Refusal as refusal:
        if refusal.status == 422:
            complain(form.until, f"{refusal.sentence} {refusal.help}")
            return _extend_dialog(load(number, me()), form, status=422)
        return _extend_dialog(load(number, me()), form, refusal, refusal.status)
    return answers.changed(collection, _("The link lives longer now"))


def _extend_dialog(
    collection: Collection, form: ExtendForm, refusal: Refusal | None = None, status: int = 200
) -> Response:
    return answers.dialog(
        collection,
        status,
        form=form,
        refusal=refusal,
        title=_("Extend the link for %(amount)s", amount=money(collection.balance)),
        consequence=_("The link that the customer has stays the same and works until the end of the day you choose."),
        submit=_("Extend the link"),
        action=url_for("payments.extend", number=collection.number, next=answers.back("") or None),
    )


@bp.get("/payments/<number>/link/tries")
@requires(Permission.PAYMENT_LINK_SEND)
def grant_tries_form(number: str) -> Response:
    return _tries_dialog(load(number, me()))


@bp.post("/payments/<number>/link/tries")
@requires(Permission.PAYMENT_LINK_SEND)
def grant_tries(number: str) -> Response:
    collection = load(number, me())
    try:
        live_links.grant_tries(_live(collection), by=me())
    except Refusal as refusal:
        return _tries_dialog(load(number, me()), refusal, refusal.status)
    return answers.changed(collection, _("The customer can try again"))


def _tries_dialog(collection: Collection, refusal: Refusal | None = None, status: int = 200) -> Response:
    return answers.dialog(
        collection,
        status,
        form=Form(formdata=None),
        refusal=refusal,
        title=_("Grant more tries for %(amount)s", amount=money(collection.balance)),
        consequence=_("The same link takes as many tries again as it began with. Speak to the customer first."),
        submit=_("Grant more tries"),
        action=url_for("payments.grant_tries", number=collection.number, next=answers.back("") or None),
    )


def _live(collection: Collection) -> int:
    if collection.row.intent_id is None:
        raise Refusal("not_live", "There is no live link.", "Send a payment link.")
    return int(collection.row.intent_id)
