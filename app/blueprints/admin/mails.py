"""Order Email Settings: each kind of mail with its recipients and words; previewed, tested, saved as an edition."""

from __future__ import annotations

from typing import Any

from flask import flash, g, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response
from wtforms import BooleanField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from ... import links
from ...access import Permission, me, requires
from ...commands.post import email_settings as commands
from ...db import end_read, get
from ...errors import NotFound, Refusal
from ...hypermedia import see_other
from ...language import gettext
from ...mail import examples, kinds, policy, wording
from ...mail.kinds import Content
from ...mail.policy import Rule, Setting
from ...mail.rendering import Bodies, render
from ...models import Company, SalesOrder
from ...queries import email_settings as queries
from ...queries import mail_facts
from ...queries.orders import facts
from ...queries.orders.facts import Facts
from ...security import MAIL_PREVIEW
from ..forms import CheckboxesField, KeyForm
from . import bp


def _sources(names: Any) -> list[tuple[str, str]]:
    return [(name, gettext(policy.SOURCES[name])) for name in names]


class MailForm(KeyForm):
    codes = frozenset({"subject", "body", "fixed"})
    edition = IntegerField()
    is_on = BooleanField(lazy_gettext("This mail goes out"))
    to = SelectField(
        lazy_gettext("For"),
        [InputRequired()],
        description=lazy_gettext("Where there is nobody, whoever comes next in this list gets it."),
    )
    copies = CheckboxesField(lazy_gettext("In copy"))
    fixed = TextAreaField(
        lazy_gettext("Always in hidden copy"),
        description=lazy_gettext("Addresses, one on each line; at most ten. Nobody else who gets the mail sees them."),
    )
    sender = StringField(
        lazy_gettext("From"), description=lazy_gettext("An address, or a name with it in angle brackets. Empty: ours.")
    )
    reply_to = StringField(lazy_gettext("Replies go to"))
    subject = StringField(lazy_gettext("Subject"))
    body = TextAreaField(lazy_gettext("Words"))
    order = StringField(lazy_gettext("Show it for order"))

    def ask(self, kind: str) -> None:
        """Only for what this kind lets anybody choose."""
        self.to.choices, self.copies.choices = _sources(policy.FIRST), _sources(policy.SOURCES)
        if kind not in policy.RULES:
            del self.to, self.copies, self.fixed
        if kind in policy.ON_PURPOSE:
            del self.is_on

    def setting(self, kind: str) -> Setting:
        texts = {name: (self[name].data or "").strip() for name in ("sender", "reply_to", "subject", "body")}
        rule = None
        if kind in policy.RULES:
            fixed = dict.fromkeys(line.strip() for line in (self.fixed.data or "").splitlines() if line.strip())
            rule = Rule(self.to.data, tuple(self.copies.data or ()), tuple(fixed))
        is_on = True if kind in policy.ON_PURPOSE else bool(self.is_on.data)
        return Setting(self.edition.data or 0, is_on, rule=rule, **texts)


@bp.get("/mails")
@requires(Permission.EMAIL_SETTINGS_EDIT)
def mails() -> str:
    return render_template("admin/mails.html", groups=queries.overview())


@bp.get("/mails/<kind>")
@requires(Permission.EMAIL_SETTINGS_EDIT)
def mail(kind: str) -> Response:
    return _page(kind, _form(kind, formdata=None))


@bp.post("/mails/<kind>")
@requires(Permission.EMAIL_SETTINGS_EDIT)
def save_mail(kind: str) -> Response:
    form = _form(kind)
    if not _sound(kind, form):
        return _page(kind, form, 422)
    try:
        before = form.edition.data or 0
        saved = commands.save(kind, form.setting(kind), by=me())
    except Refusal as refusal:
        form.form_errors.append(f"{refusal.sentence} {refusal.help}".strip())
        return _page(kind, form, refusal.status)
    changed = saved.edition != before
    flash(_("Saved; in force at once.") if changed else _("Nothing was different."), "ok" if changed else "info")
    return see_other(url_for("admin.mail", kind=kind))


@bp.post("/mails/<kind>/reset")
@requires(Permission.EMAIL_SETTINGS_EDIT)
def reset_mail(kind: str) -> Response:
    """Back to the house's rule and words; the editions before stay."""
    try:
        commands.reset(kind, edition=request.form.get("edition", 0, type=int), by=me())
    except Refusal as refusal:
        flash(refusal.sentence, "warn")
    else:
        flash(_("Back to our own rule and words."), "ok")
    return see_other(url_for("admin.mail", kind=kind))


@bp.post("/mails/<kind>/preview")
@requires(Permission.EMAIL_SETTINGS_EDIT)
def preview_mail(kind: str) -> Response:
    """What is typed, as a mail, for the frame beside the form; saved or not."""
    form = _form(kind)
    if not _sound(kind, form):
        wrong = [str(error) for errors in form.errors.values() for error in errors if error]
        return _framed(render_template("emails/_preview.html", wrong=wrong, bodies=None), 422)
    bodies = _bodies(kind, form)
    if "text" in request.form:
        return _framed(render_template("emails/_preview.html", wrong=[], bodies=bodies))
    return _framed(bodies.html)


@bp.post("/mails/<kind>/test")
@requires(Permission.EMAIL_SETTINGS_EDIT)
def test_mail(kind: str) -> Response:
    """What is typed, mailed to whoever asks; nothing is saved, and nothing typed is lost."""
    form = _form(kind)
    if not _sound(kind, form):
        return _page(kind, form, 422)
    content = _content(kind, form)
    end_read()
    try:
        commands.send_test(kind, form.setting(kind), content, form_key=form.key, by=me())
    except Refusal as refusal:
        form.form_errors.append(refusal.sentence)
        return _page(kind, form, refusal.status)
    form.form_key.data, form.form_key.raw_data = KeyForm(formdata=None).form_key.data, None
    return _page(kind, form, told=_("A test is on its way to %(to)s.", to=me().email))


def _form(kind: str, **how: Any) -> MailForm:
    kinds.named(kind)
    setting = policy.of(kind)
    rule = policy.rule_of(kind) if kind in policy.RULES else Rule("")
    known = {"to": rule.to, "copies": list(rule.copies), "fixed": "\n".join(rule.fixed)}
    texts = {n: getattr(setting, n) for n in ("edition", "is_on", "sender", "reply_to", "subject", "body")}
    form = MailForm(**how, data=known | texts | {"order": queries.latest_order() if how else ""})
    form.ask(kind)
    return form


def _sound(kind: str, form: MailForm) -> bool:
    """Whether it can be used; what is wrong stands beside its field."""
    if not form.validate():
        return False
    found = commands.faults(kinds.named(kind), form.setting(kind))
    for name, sentences in found.items():
        form[name].errors = [*form[name].errors, *sentences]
    if form.order.data and _order(form) is None:
        form.order.errors = [_("There is no order of this number.")]
    return not found and not form.order.errors


def _order(form: MailForm) -> Facts | None:
    try:
        return facts.load((form.order.data or "").strip(), me())
    except NotFound:
        return None


def _content(kind: str, form: MailForm) -> Content:
    found = _order(form)
    order = get(SalesOrder, found.row.id) if found else None
    known = mail_facts.of(kind, order, found.due_at_signature) if found and order else None
    return examples.of(kinds.named(kind), known)


def _bodies(kind: str, form: MailForm) -> Bodies:
    found = _order(form)
    owner = get(SalesOrder, found.row.id).owner if found else me()
    content = _content(kind, form)
    return render(content, company=get(Company, 1), owner=owner, link=links.PLACEHOLDER, setting=form.setting(kind))


def _framed(html: str, status: int = 200) -> Response:
    g.csp_frame_ancestors = "'self'"
    response = make_response(html, status)
    response.headers["Content-Security-Policy"] = MAIL_PREVIEW
    return response


def _page(kind: str, form: MailForm, status: int = 200, told: str = "") -> Response:
    content = kinds.named(kind)
    page = render_template(
        "admin/mail.html",
        kind=kind,
        name=gettext(kinds.NAMES[kind]),
        form=form,
        setting=policy.of(kind),
        names=wording.names_of(content),
        house=queries.house_words(content),
        why=queries.why_one(kind),
        editions=queries.editions(kind),
        told=told,
    )
    return make_response(page, status)
