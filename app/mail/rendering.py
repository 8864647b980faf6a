"""From a content to the two bodies of its mail. Bodies are stored, so they hold a placeholder where the link goes."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from .. import links
from ..models.company import Company
from ..models.people import User
from .kinds import Content


@dataclass(frozen=True, slots=True)
class Bodies:
    text: str
    html: str


def render(content: Content, *, company: Company, owner: User | None, link: str) -> Bodies:
    """`link` is the placeholder of a customer's link, or the address of a page for staff. Works without a request."""
    facts = {"mail": content, "company": company, "owner": owner, "link": link}
    env = current_app.jinja_env
    text, html = (env.get_template(f"emails/{content.kind}.{part}").render(facts) for part in ("txt", "html"))
    return Bodies(text.strip() + "\n", html)


def with_link(body: str, url: str) -> str:
    """The body as it goes out. Addresses of ours have no character that HTML would escape."""
    return body.replace(links.PLACEHOLDER, url) if url else body
