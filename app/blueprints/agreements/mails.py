"""The mails of an agreement: listed, read, sent again."""

from __future__ import annotations

from flask import Response, render_template, request, url_for
from flask_babel import gettext as _

from ... import typed
from ...access import Permission, me, requires
from ...commands.post import resending
from ...errors import Refusal
from ...queries import order_mail
from ...queries.agreements import mails as queries
from ...queries.agreements import page
from ...queries.order_mail import MailPage
from ..forms import KeyForm
from ..post.mails import framed
from . import answers, bp


@bp.get("/<number>/mails")
@requires(Permission.AGREEMENT_VIEW)
def mails(number: str) -> str:
    before = request.args.get("before", type=typed.whole)
    found = queries.listing(page.entity_id(number, me()), number, before)
    return render_template("agreements/mails.html", number=number, mails=found)


@bp.get("/<number>/mails/<int:mail_id>")
@requires(Permission.AGREEMENT_VIEW)
def mail(number: str, mail_id: int) -> str:
    """One mail as it is kept, its link withheld."""
    found, body = _mail(number, mail_id), url_for("agreements.mail_body", number=number, mail_id=mail_id)
    return render_template("agreements/mail.html", number=number, mail=found, body=body)


@bp.get("/<number>/mails/<int:mail_id>/body")
@requires(Permission.AGREEMENT_VIEW)
def mail_body(number: str, mail_id: int) -> Response:
    return framed(_mail(number, mail_id).html)


@bp.get("/<number>/mails/<int:mail_id>/resend")
@requires(Permission.MAIL_RESEND)
def resend_form(number: str, mail_id: int) -> Response:
    return _dialog(number, _mail(number, mail_id), KeyForm(formdata=None))


@bp.post("/<number>/mails/<int:mail_id>/resend")
@requires(Permission.MAIL_RESEND)
def resend(number: str, mail_id: int) -> Response:
    found, form = _mail(number, mail_id), KeyForm()
    try:
        resending.resend(mail_id, form_key=form.key, by=me())
    except Refusal as refusal:
        return _dialog(number, found, form, refusal)
    return answers.done(number, _("Mail sent again"))


def _mail(number: str, mail_id: int) -> MailPage:
    return order_mail.page(mail_id, agreement_id=page.entity_id(number, me()))


def _dialog(number: str, mail: MailPage, form: KeyForm, refusal: Refusal | None = None) -> Response:
    to = "; ".join(f"{r['address']} ({r['reason']})" for r in mail.recipients)
    title = _("Send “%(subject)s” again", subject=mail.subject)
    lead = _("It goes to %(to)s once more, as a mail of its own.", to=to)
    refusal = refusal or resending.why_not_again(mail.id)
    return answers.form(number, form, title, _("Send again"), lead=lead, refusal=refusal)
