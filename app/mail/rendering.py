"""From a content to its mail: subject and two bodies in the house's frame, worded by Order Email Settings if they do.
Bodies are stored, so they hold a placeholder where the link goes."""

from __future__ import annotations

from typing import Any

from flask import current_app

from .. import links
from ..logs import log
from ..models.company import Company
from ..models.people import User
from ..values import Value
from . import policy, wording
from .kinds import Content
from .policy import Setting


class Bodies(Value):
    """`edition` of the settings that worded it; 0 for the house's own words."""

    text: str
    html: str
    subject: str = ""
    edition: int = 0


def render(
    content: Content, *, company: Company, owner: User | None, link: str, setting: Setting | None = None
) -> Bodies:
    """`link` is the placeholder of a customer's link, or the address of a page for staff; `setting` is one that is not
    in force yet. Works without a request."""
    setting = setting or policy.of(content.kind)
    subject, words, edition = _worded(content, company, owner, setting)
    answers = None if setting.reply_to else owner  # the footer says who reads a reply
    facts = {"mail": content, "company": company, "owner": answers, "link": link, "words": words, "subject": subject}
    env = current_app.jinja_env
    text, html = (env.get_template(f"emails/{content.kind}.{part}").render(facts) for part in ("txt", "html"))
    return Bodies(text.strip() + "\n", html, subject, edition)


def subject_of(content: Content, *, company: Company, owner: User | None) -> str:
    return _worded(content, company, owner, policy.of(content.kind))[0]


def _worded(
    content: Content, company: Company, owner: User | None, setting: Setting
) -> tuple[str, tuple[str, ...], int]:
    house = wording.one_line(content.subject)[:300]
    if not setting.subject and not setting.body:
        return house, (), setting.edition
    facts: dict[str, Any] = wording.facts_of(content, company, owner)
    try:
        subject = wording.one_line(wording.filled(setting.subject, facts))[:300] if setting.subject else house
        return subject or house, wording.paragraphs(wording.filled(setting.body, facts)), setting.edition
    except wording.Unusable as unusable:
        log.error("mail.words_unusable", kind=content.kind, edition=setting.edition, because=str(unusable))
        return house, (), 0


def with_link(body: str, url: str) -> str:
    """The body as it goes out. Addresses of ours have no character that HTML would escape."""
    return body.replace(links.PLACEHOLDER, url) if url else body
