"""Payment links: everything on one screen before one is mailed, then sent, sent again, revoked."""

from __future__ import annotations

from flask import Response, flash, g, make_response, render_template, url_for
from flask_babel import gettext as _

from ...access import Permission, me, requires
from ...commands.payments import payment_links
from ...db import get
from ...errors import NotFound, Refusal
from ...formatting import money
from ...forms import mint_form_key
from ...hypermedia import see_other
from ...models import OrderEmail, PaymentOrder
from ...queries.payments import preflight as queries
from ...queries.payments.facts import Collection, load
from ...security import MAIL_PREVIEW
from ..forms import KeyForm
from . import answers, bp
from .forms import ReasonForm


@bp.get("/payments/<number>/send-link")
@requires(Permission.PAYMENT_LINK_SEND)
def preflight(number: str) -> Response:
    return _preflight(load(number, me()))


@bp.post("/payments/<number>/send-link")
@requires(Permission.PAYMENT_LINK_SEND)
def send_link(number: str) -> Response:
    """Confirmed: sends once, however often it is pressed."""
    collection, form = load(number, me()), KeyForm()
    try:
        mail = payment_links.send(collection.row.id, form_key=form.key, by=me())
    except Refusal as refusal:
        return _preflight(load(number, me()), refusal)
    flash(_sent(mail), "ok")
    return see_other(answers.back(answers.home(collection)))


@bp.get("/payments/<number>/send-link/preview")
@requires(Permission.PAYMENT_LINK_SEND)
def preview(number: str) -> Response:
    """The mail as it would go out, its link withheld."""
    collection = load(number, me())
    row = get(PaymentOrder, collection.row.id)
    mail = queries.preview(collection, row, payment_links.usable_link(row.id))
    if mail is None:
        raise NotFound(f"recipient of {number}")
    g.csp_frame_ancestors = "'self'"
    response = make_response(mail.html)
    response.headers["Content-Security-Policy"] = MAIL_PREVIEW
    return response


def _preflight(collection: Collection, refusal: Refusal | None = None) -> Response:
    row = get(PaymentOrder, collection.row.id)
    usable, refusals = payment_links.usable_link(row.id), payment_links.blocks(row)
    view = queries.view(collection, row, usable=usable, refusals=refusals)
    html = render_template(
        "payments/send_link.html",
        preflight=view,
        refusal=refusal,
        key=mint_form_key(),
        next=answers.back("") or None,
        back=answers.back(answers.home(collection)),
    )
    return make_response(html, refusal.status if refusal else 200)


def _sent(mail: OrderEmail) -> str:
    return _("Payment link on its way to %(to)s", to=", ".join(r["address"] for r in mail.recipients))


@bp.get("/payments/<number>/link/mail")
@requires(Permission.PAYMENT_LINK_SEND)
def resend_form(number: str) -> Response:
    return _resend_dialog(load(number, me()), KeyForm(formdata=None))


@bp.post("/payments/<number>/link/mail")
@requires(Permission.PAYMENT_LINK_SEND)
def resend(number: str) -> Response:
    """The same link once more, to whoever gets it today."""
    collection, form = load(number, me()), KeyForm()
    try:
        mail = payment_links.resend(collection.row.id, form_key=form.key, by=me())
    except Refusal as refusal:
        return _resend_dialog(load(number, me()), form, refusal)
    return answers.changed(collection, _sent(mail))


def _resend_dialog(collection: Collection, form: KeyForm, refusal: Refusal | None = None) -> Response:
    view = queries.view(collection, get(PaymentOrder, collection.row.id), usable=None, refusals=())
    to = ", ".join(person.address for person in view.to)
    return answers.dialog(
        collection,
        refusal.status if refusal else 200,
        form=form,
        refusal=refusal,
        title=_("Send the link for %(amount)s again", amount=money(collection.balance)),
        consequence=_("The same link goes to %(to)s once more; the mail they have still works.", to=to),
        submit=_("Send again"),
        action=url_for("payments.resend", number=collection.number, next=answers.back("") or None),
    )


@bp.get("/payments/<number>/link/revocation")
@requires(Permission.PAYMENT_LINK_SEND)
def revoke_form(number: str) -> Response:
    return _revoke_dialog(load(number, me()), ReasonForm(formdata=None))


@bp.post("/payments/<number>/link/revocation")
@requires(Permission.PAYMENT_LINK_SEND)
def revoke(number: str) -> Response:
    collection, form = load(number, me()), ReasonForm()
    if not form.validate():
        return _revoke_dialog(collection, form, status=422)
    try:
        if collection.row.intent_id is None:
            raise Refusal("not_live", "There is no live link.")
        payment_links.revoke(collection.row.intent_id, because=form.reason.data or "", by=me())
    except Refusal as refusal:
        return _revoke_dialog(load(number, me()), form, refusal, refusal.status)
    return answers.changed(collection, _("The link is revoked"))


def _revoke_dialog(
    collection: Collection, form: ReasonForm, refusal: Refusal | None = None, status: int = 200
) -> Response:
    return answers.dialog(
        collection,
        status,
        form=form,
        refusal=refusal,
        title=_("Revoke the link for %(amount)s", amount=money(collection.balance)),
        consequence=_("Whoever opens it reads that it was withdrawn, and can ask for a new one. It cannot be undone."),
        submit=_("Revoke the link"),
        action=url_for("payments.revoke", number=collection.number, next=answers.back("") or None),
        danger=True,
    )
