"""Checks over the templates: forms, mails, and what the content security policy would refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .modules import ROOT, Sources

FOLDER = ROOT / "app" / "templates"

_COMMENT = re.compile(r"\{#.*?#\}", re.S)
_FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.S | re.I)
_POSTS = re.compile(r"""(method\s*=\s*["']?post)|hx-(post|put|patch|delete)""", re.I)
_TAG = re.compile(r"<[a-z][^<>]*>", re.S | re.I)
_SCRIPT = re.compile(r"<(script|style)\b([^>]*)>", re.I)


def sources() -> Sources:
    return {str(p.relative_to(FOLDER)): p.read_text() for p in sorted(FOLDER.rglob("*")) if p.is_file()}


def _lines(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, re.Match[str]]]:
    bare = _COMMENT.sub(lambda m: "\n" * m[0].count("\n"), text)
    for match in pattern.finditer(bare):
        yield bare.count("\n", 0, match.start()) + 1, match


def forms_without_csrf(files: Sources) -> list[str]:
    return [
        f"{path}:{line} posts without csrf()"
        for path, text in files.items()
        if path.endswith(".html")
        for line, form in _lines(text, _FORM)
        if _POSTS.search(form[1]) and "csrf" not in form[2]
    ]


def mails_without_text(files: Sources) -> list[str]:
    mails = [p for p in files if p.startswith("emails/") and p.endswith(".html") and not Path(p).name.startswith("_")]
    return [f"{path} has no text part" for path in mails if path.removesuffix("html") + "txt" not in files]


def refused_by_policy(files: Sources) -> list[str]:
    """Inline styles and handlers, scripts without a nonce. Mails and PDFs live under no such policy."""
    found = []
    for path, text in files.items():
        if path.startswith(("emails/", "documents/")) or not path.endswith(".html"):
            continue
        for line, tag in _lines(text, _TAG):
            if re.search(r"""\s(style|on[a-z]+)\s*=\s*["'{]""", tag[0]):
                found.append(f"{path}:{line} has an inline style or handler")
        for line, tag in _lines(text, _SCRIPT):
            if "csp_nonce()" not in tag[2]:
                found.append(f"{path}:{line} has a <{tag[1]}> without a nonce")
    return found


def unescaped(files: Sources) -> list[str]:
    return [
        f"{path}:{line} turns escaping off"
        for path, text in files.items()
        for line, _ in _lines(text, re.compile(r"\|\s*safe\b|autoescape\s+false"))
        if path.endswith(".html")
    ]
