"""What a PDF costs: an invoice of forty lines, rendered by a worker that has rendered before, and asked for again
unchanged."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import process_time

from sqlalchemy import select

from app.commands.post import papers
from app.db import db, end_read, transaction
from app.documents import rendering
from app.models import Document, Invoice
from tests import factories

LINES = 40
MOST = {"Rendered warm": 150, "Unchanged, from the cache": 5}  # milliseconds of CPU


def measure(rounds: int) -> dict[str, float]:
    """Milliseconds of CPU, the median of so many."""
    invoice_id = factories.invoice(factories.order(), LINES).id
    document_id = _asked(invoice_id)
    rendering.render(document_id)
    data = db.session.get_one(Document, document_id).data
    end_read()

    def rendered() -> None:
        rendering.to_pdf(rendering.page("invoice", data), b"x" * 16)
        end_read()

    def unchanged() -> None:
        body = db.session.scalar(select(Document.body).where(Document.id == _asked(invoice_id)))
        assert body
        end_read()

    return {name: _cpu(what, rounds) for name, what in zip(MOST, (rendered, unchanged), strict=True)}


def _asked(invoice_id: int) -> int:
    with transaction() as session:
        return papers.invoice(session.get_one(Invoice, invoice_id)).id


def _cpu(what: Callable[[], None], rounds: int) -> float:
    what()
    spent = []
    for _ in range(rounds):
        before = process_time()
        what()
        spent.append(process_time() - before)
    return median(spent) * 1000


def table(found: dict[str, float]) -> str:
    lines = [f"{'Invoice PDF, 40 lines':30}{'CPU':>10}{'aim':>12}"]
    return "\n".join([*lines, *(f"{name:30}{cpu:7.1f} ms{f'≤ {MOST[name]} ms':>12}" for name, cpu in found.items())])
