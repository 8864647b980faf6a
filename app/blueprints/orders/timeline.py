"""Notes, files and mails: added, fetched, sent again."""

from __future__ import annotations

from flask import Response, flash, make_response, render_template
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField, FileRequired
from sqlalchemy import select
from wtforms import BooleanField, TextAreaField
from wtforms.validators import InputRequired, Length

from ...access import Permission, can, me, requires
from ...commands.orders import order_papers
from ...commands.post import resending, wrong_recipients
from ...db import db
from ...errors import NotFound, Refusal
from ...hypermedia import see_other
from ...models import OrderFile
from ...queries import order_mail
from ...queries.order_mail import MailPage
from ...queries.orders import summary
from ...queries.orders.facts import Facts
from ..documents import attachment
from ..forms import Form, KeyForm
from ..post.mails import framed
from . import bp, regions

VISIBLE = _("Internal otherwise.")


class NoteForm(KeyForm):
    body = TextAreaField(_("Note"), [InputRequired(_("Write the note first.")), Length(max=order_papers.LONGEST_NOTE)])
    visible = BooleanField(_("Visible to the customer"), description=VISIBLE)


class WrongForm(Form):
    because = TextAreaField(
        _("Who should get it, or should not"),
        [InputRequired(_("Say who is wrong, and who is right.")), Length(max=500)],
    )


class UploadForm(KeyForm):
    upload = FileField(
        _("File"),
        [FileRequired(_("Choose a file."))],
        description=_("PDF, image, office document or text, up to 10 MB."),
    )
    visible = BooleanField(_("Visible to the customer"), description=VISIBLE)


@bp.get("/<number>/notes/new")
@requires(Permission.ORDER_NOTE)
def new_note(number: str) -> Response:
    return _dialog(regions.load_order(number), "note", NoteForm(formdata=None))


@bp.post("/<number>/notes")
@requires(Permission.ORDER_NOTE)
def add_note(number: str) -> Response:
    facts, form = regions.load_order(number), NoteForm()
    if not form.validate():
        return _dialog(facts, "note", form, 422)
    try:
        order_papers.add_note(facts.row.id, form.body.data or "", visible=form.visible.data, form_key=form.key, by=me())
    except Refusal as refusal:
        return _refused(number, "note", form, refusal)
    return regions.changed(number, "timeline", toast="Note added")


@bp.get("/<number>/files/new")
@requires(Permission.ORDER_NOTE)
def new_file(number: str) -> Response:
    return _dialog(regions.load_order(number), "file", UploadForm(formdata=None))


@bp.post("/<number>/files")
@requires(Permission.ORDER_NOTE)
def add_file(number: str) -> Response:
    facts, form = regions.load_order(number), UploadForm()
    if not form.validate():
        return _dialog(facts, "file", form, 422)
    sent = form.upload.data
    content = sent.read(order_papers.LARGEST + 1)
    try:
        order_papers.add_file(
            facts.row.id, sent.filename or "", content, visible=form.visible.data, form_key=form.key, by=me()
        )
    except Refusal as refusal:
        return _refused(number, "file", form, refusal)
    return regions.changed(number, "timeline", toast="File added")


@bp.get("/<number>/files/<int:file_id>")
@requires(Permission.ORDER_VIEW)
def file(number: str, file_id: int) -> Response:
    facts = regions.load_order(number)
    found = db.session.execute(
        select(OrderFile.body, OrderFile.content_type, OrderFile.filename).where(
            OrderFile.id == file_id, OrderFile.order_id == facts.row.id
        )
    ).one_or_none()
    if found is None:
        raise NotFound(f"file {file_id}")
    return attachment(found.body, found.content_type, found.filename)


@bp.get("/<number>/mails/<int:mail_id>/resend")
@requires(Permission.MAIL_RESEND)
def resend_form(number: str, mail_id: int) -> Response:
    facts = regions.load_order(number)
    return _resend_dialog(facts, _mail(facts, mail_id), KeyForm(formdata=None))


@bp.post("/<number>/mails/<int:mail_id>/resend")
@requires(Permission.MAIL_RESEND)
def resend(number: str, mail_id: int) -> Response:
    facts, form = regions.load_order(number), KeyForm()
    mail = _mail(facts, mail_id)
    try:
        resending.resend(mail_id, form_key=form.key, by=me())
    except Refusal as refusal:
        return _resend_dialog(regions.load_order(number), mail, form, refusal)
    return regions.changed(number, "next", "timeline", "payment", toast="Mail sent again")


@bp.get("/<number>/mails/<int:mail_id>")
@requires(Permission.ORDER_VIEW)
def mail(number: str, mail_id: int) -> str:
    """One mail as it is kept, its link withheld."""
    facts = regions.load_order(number)
    order, found = summary.ref(facts), _mail(facts, mail_id)
    wrong = f"{order.url}/mails/{mail_id}/wrong-recipient" if can(Permission.MAIL_RESEND) else None
    body = f"{order.url}/mails/{mail_id}/body"
    return render_template("orders/mail.html", order=order, mail=found, body=body, wrong=wrong)


@bp.get("/<number>/mails/<int:mail_id>/body")
@requires(Permission.ORDER_VIEW)
def mail_body(number: str, mail_id: int) -> Response:
    return framed(_mail(regions.load_order(number), mail_id).html)


@bp.get("/<number>/mails/<int:mail_id>/wrong-recipient")
@requires(Permission.MAIL_RESEND)
def wrong_recipient_form(number: str, mail_id: int) -> Response:
    facts = regions.load_order(number)
    return _wrong_dialog(facts, _mail(facts, mail_id), WrongForm(formdata=None))


@bp.post("/<number>/mails/<int:mail_id>/wrong-recipient")
@requires(Permission.MAIL_RESEND)
def wrong_recipient(number: str, mail_id: int) -> Response:
    facts, form = regions.load_order(number), WrongForm()
    mail = _mail(facts, mail_id)
    if not form.validate():
        return _wrong_dialog(facts, mail, form, 422)
    wrong_recipients.report(mail_id, because=form.because.data or "", by=me())
    flash(gettext("An admin is told, and has the mail."), "ok")
    return see_other(f"{summary.ref(facts).url}/mails/{mail_id}")


def _wrong_dialog(facts: Facts, mail: MailPage, form: Form, status: int = 200) -> Response:
    page = render_template("orders/actions/wrong_recipient.html", order=summary.ref(facts), mail=mail, form=form)
    return make_response(page, status)


def _mail(facts: Facts, mail_id: int) -> MailPage:
    return order_mail.page(mail_id, facts.row.id)


def _resend_dialog(facts: Facts, mail: MailPage, form: KeyForm, refusal: Refusal | None = None) -> Response:
    to = "; ".join(f"{r['address']} ({r['reason']})" for r in mail.recipients)
    papers = ", ".join(paper.filename for paper in mail.attachments)
    with_it = gettext(" With it: %(papers)s.", papers=papers) if papers else ""
    refusal = refusal or resending.why_not_again(mail.id)
    page = render_template(
        "orders/actions/confirm.html",
        order=summary.ref(facts),
        form=form,
        title=str(_("Send “%(subject)s” again", subject=mail.subject)),
        consequence=str(_("It goes to %(to)s once more, as a mail of its own.", to=to)) + with_it,
        submit=str(_("Send again")),
        action=f"{summary.ref(facts).url}/mails/{mail.id}/resend",
        refusal=refusal,
    )
    return make_response(page, refusal.status if refusal else 200)


def _dialog(facts: Facts, kind: str, form: Form, status: int = 200) -> Response:
    page = render_template(f"orders/actions/{kind}.html", order=summary.ref(facts), form=form)
    return make_response(page, status)


def _refused(number: str, kind: str, form: Form, refusal: Refusal) -> Response:
    form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
    return _dialog(regions.load_order(number), kind, form, refusal.status)
