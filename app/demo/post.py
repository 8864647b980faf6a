"""Sends the demo company's mail on the day it was written, its PDFs first; everything else is left to the workers."""

from __future__ import annotations

from sqlalchemy import select

from ..db import db, end_read
from ..documents import rendering
from ..jobs import execution
from ..models import OrderEmail, StagedJob


def deliver() -> None:
    waiting = select(StagedJob.id, StagedJob.args).where(StagedJob.kind == "mails.deliver", StagedJob.done_at.is_(None))
    jobs = db.session.execute(waiting.order_by(StagedJob.id)).all()
    attached = [x for job in jobs for x in db.session.get_one(OrderEmail, job.args["email_id"]).attachments]
    end_read()
    for document_id in attached:
        rendering.render(document_id)
    for job in jobs:  # each takes others along
        execution.run(job.id)
