"""The PDF preview: the very document the customer would get."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ....values import Value
from .action import Action


class DocumentTab(Value):
    key: str
    label: str
    href: str
    current: bool


class PdfView(Value):
    """`state`: "ready" has a `preview`; "rendering" asks again by itself; "failed" says so; "none" has no document."""

    tabs: tuple[DocumentTab, ...]
    state: Literal["ready", "rendering", "failed", "none"]
    title: str
    preview: str | None = None
    download: str | None = None
    pages: int | None = None
    size: int | None = None
    rendered_at: datetime | None = None
    retry: Action | None = None
