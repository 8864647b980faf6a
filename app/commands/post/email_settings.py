"""Order Email Settings: a new edition of what is said about a kind of mail, and a test of it to oneself."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr

from flask_babel import gettext as _
from msgspec.structs import replace

from ... import access, audit, forms, jobs, links
from ...access import Permission
from ...db import db, get, insert_new, lock, transaction
from ...errors import Refusal, StaleVersion
from ...mail import examples, kinds, policy, recipients, wording
from ...mail.kinds import Content
from ...mail.policy import HOUSE, RULES, Setting
from ...mail.recipients import Recipient
from ...mail.rendering import render
from ...models import Actor, Company, MailEdition, OrderEmail, User
from . import senders

MOST_FIXED = 10
Faults = dict[str, list[str]]


def save(kind: str, wanted: Setting, *, by: User) -> Setting:
    """A new edition, unless nothing is different; `wanted.edition` is the one that it was made from.

    Raises Refusal: `not_permitted`, `wrong_words` (see `faults`); StaleVersion where somebody else was faster.
    """
    content = _kind(kind)
    if faults(content, wanted):
        raise Refusal("wrong_words", "Something in here cannot be used; see beside the fields.", status=422)
    with transaction():
        access.demand(by, Permission.EMAIL_SETTINGS_EDIT)
        lock(Company, 1)
        policy.forget()
        before = policy.of(kind)
        if before.edition != wanted.edition:
            raise StaleVersion("Somebody has saved another edition meanwhile.", before.edition)
        after = replace(_plain(kind, wanted), edition=before.edition + 1)
        if replace(after, edition=before.edition) == before:
            return before
        _add(kind, after, by)
        audit.note("email_settings.changed", kind, by=Actor.of(by), before=_said(before), after=_said(after))
    policy.forget()
    return after


def reset(kind: str, *, edition: int, by: User) -> Setting:
    """Back to the house's own; what was before stays readable. Raises as save() does."""
    return save(kind, replace(HOUSE, edition=edition), by=by)


def _kind(kind: str) -> type[Content]:
    return kinds.named(kind)


def _plain(kind: str, wanted: Setting) -> Setting:
    """What says no more than the house does is the house's."""
    rule = None if wanted.rule == RULES.get(kind) else wanted.rule
    return replace(wanted, rule=rule, is_on=wanted.is_on or kind in policy.ON_PURPOSE)


def _add(kind: str, setting: Setting, by: User) -> None:
    texts = {name: getattr(setting, name) for name in ("sender", "reply_to", "subject", "body")}
    rule = setting.rule.row() if setting.rule else None
    facts = {"edition": setting.edition, "is_on": setting.is_on, "rule": rule, "made_by_id": by.id, "made_by": by.name}
    db.session.add(MailEdition(kind=kind, **texts, **facts))


def _said(setting: Setting) -> Mapping[str, object]:
    rule = setting.rule.row() if setting.rule else None
    return {name: getattr(setting, name) for name in ("edition", "is_on", "sender", "reply_to", "subject", "body")} | {
        "rule": rule
    }


def faults(kind: type[Content], setting: Setting) -> Faults:
    """What is wrong, by the name of its field."""
    found: Faults = {}
    for name, longest in (("subject", wording.LONGEST_SUBJECT), ("body", wording.LONGEST_BODY)):
        if (fault := wording.fault(getattr(setting, name), kind, longest=longest)) is not None:
            found[name] = [str(fault)]
    if not found:
        found |= _trial(kind, setting)
    addresses = {"sender": [setting.sender], "reply_to": [setting.reply_to], "fixed": _fixed(setting)}
    for name, given in addresses.items():
        if wrong := [
            _("“%(address)s” is no address that mail can go to.", address=a) for a in given if not _sound(a, name)
        ]:
            found[name] = wrong
    if len(_fixed(setting)) > MOST_FIXED:
        found.setdefault("fixed", []).append(_("At most %(most)s addresses.", most=MOST_FIXED))
    return found


def _trial(kind: type[Content], setting: Setting) -> Faults:
    """Filled in with an example: what can be read can still come to nothing."""
    facts = wording.facts_of(examples.of(kind), get(Company, 1), None)
    found: Faults = {}
    for name in ("subject", "body"):
        source = getattr(setting, name)
        try:
            text = wording.filled(source, facts)
        except wording.Unusable as unusable:
            found[name] = [_("It cannot be filled in: %(why)s", why=unusable)]
        else:
            if source and not text.strip():
                found[name] = [_("Nothing comes out of this.")]
    return found


def _fixed(setting: Setting) -> tuple[str, ...]:
    return setting.rule.fixed if setting.rule else ()


def _sound(given: str, field: str) -> bool:
    """Empty is the house's own; `Name <address>` is fine for a sender, and nobody else."""
    try:
        return not given or bool(recipients.checked(parseaddr(given)[1] if field == "sender" else given))
    except Refusal:
        return False


def send_test(kind: str, setting: Setting, content: Content, *, form_key: str, by: User) -> OrderEmail:
    """The mail as it would be, to whoever asks and to nobody else; its link is withheld. The same form sends once.

    Raises Refusal: `not_permitted`, `wrong_words`.
    """
    if faults(_kind(kind), setting):
        raise Refusal("wrong_words", "Something in here cannot be used; see beside the fields.", status=422)
    asked = ["email_settings.test", kind]
    with transaction():
        access.demand(by, Permission.EMAIL_SETTINGS_EDIT)
        if (known := forms.answered(form_key, asked)) is not None:
            return get(OrderEmail, known["id"])
        company = get(Company, 1)
        bodies = render(content, company=company, owner=by, link=links.PLACEHOLDER, setting=setting)
        sender = senders.sender_of(company, setting.sender)
        me = Recipient(recipients.checked(by.email), by.name, "to", _("asked for this test"))
        email = insert_new(
            OrderEmail,
            kind=kind,
            subject_kind="user",
            subject_id=by.id,
            cause=f"test:{form_key}",
            message_id=senders.message_id(sender),
            sender=sender,
            reply_to=setting.reply_to or by.email,
            recipients=[me.row()],
            subject=f"[{_('Test')}] {bodies.subject}"[:300],
            text=bodies.text,
            html=bodies.html,
            asked_by=by.name,
        )
        assert email is not None
        jobs.stage("mails.deliver", email_id=email.id)
        forms.remember(form_key, asked, id=email.id)
    return email
