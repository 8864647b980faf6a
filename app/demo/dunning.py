"""The demo company's declined periods, each somewhere else in its story."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from .. import clock
from ..commands.dunning import expiring, steps
from ..commands.receivables import offline
from ..commands.receivables.offline import Came
from ..db import db, end_read
from ..jobs import execution
from ..models import (
    DunningCase,
    Frequency,
    Invoice,
    PaymentAgreement,
    PaymentMethod,
    ReceiptKind,
    ScheduledPayment,
    StagedJob,
    User,
)
from ..money import Money
from ..queries.calendar import selling_day
from . import gateways
from .agreements import make
from .post import deliver

BEGUN = 24
# Whose card is declined, what for, and how many days ago.
STORIES = (
    ("lac", "Formulary updates", 160, 2),
    ("waterland", "Night desk", 310, 6),
    ("elbtal", "Archive viewer", 95, 4),
)
WIRED = "elbtal"


def begin(account_ids: dict[str, int], *, by: User) -> None:
    """Made by hand, with cards that are declined when they are charged."""
    with clock.turned_back(timedelta(days=BEGUN)):
        for key, what, price, ago in STORIES:
            gateways.keep(account_ids[key], gateways.EUROPE, "declines-later")
            newest = select(PaymentMethod.id).where(PaymentMethod.account_id == account_ids[key])
            method_id = db.session.scalars(newest.order_by(PaymentMethod.id.desc())).first()
            make(account_ids[key], what, price, Frequency.MONTHLY, BEGUN - ago, method_id, by=by)


def live_through() -> None:
    """What clock and workers do about dunning, on the day that it is set to."""
    steps.run()
    ours = select(StagedJob.id).where(StagedJob.kind.startswith("dunning."), StagedJob.done_at.is_(None))
    for job_id in db.session.scalars(ours.order_by(StagedJob.id)).all():
        end_read()
        execution.run(job_id)
    end_read()


def tell(account_ids: dict[str, int], *, by: User) -> None:
    """A card that expires is noticed, and one customer wired what theirs did not pay."""
    with clock.turned_back(timedelta(days=1)):
        expiring.run()
        deliver()
        invoice = db.session.scalars(
            select(Invoice)
            .join(ScheduledPayment, ScheduledPayment.invoice_id == Invoice.id)
            .join(DunningCase, DunningCase.scheduled_payment_id == ScheduledPayment.id)
            .join(PaymentAgreement, PaymentAgreement.id == DunningCase.agreement_id)
            .where(PaymentAgreement.account_id == account_ids[WIRED])
        ).one()
        invoice_id, amount = invoice.id, Money(invoice.gross, invoice.currency)
        end_read()
        came = Came(ReceiptKind.WIRE, amount, "W-20417", selling_day())
        offline.for_invoice(invoice_id, came, form_key="demo-wired", by=by)
        deliver()
