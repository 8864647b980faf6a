"""The PDF preview: the very document the customer would get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .action import Action


@dataclass(frozen=True, slots=True)
class DocumentTab:
    key: str
    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class PdfView:
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
