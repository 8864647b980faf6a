"""Staging the mail that reminds of an unpaid invoice."""

from __future__ import annotations

from collections.abc import Sequence

from ... import links
from ...db import db
from ...mail import recipients, suppression
from ...mail.reminder_kinds import InvoiceReminded
from ...models import Invoice, OrderEmail, PaymentIntent, SalesOrder
from ...money import Money
from ...states.order import OrderStatus
from . import mails


def remind(
    row: Invoice,
    *,
    still_open: Money,
    late: int,
    attachments: Sequence[int],
    intent: PaymentIntent | None,
    cause: str,
    by: mails.By,
) -> OrderEmail:
    """To whoever pays the bills, with the link of `intent` where one lives; `late` counts the days since it was due.
    Asking twice for one `cause` sends once.

    Raises Refusal: `no_contact`, `address_suppressed`.
    """
    if row.number is None or row.due_date is None:
        raise ValueError("only an issued invoice is reminded of")
    order = db.session.get(SalesOrder, row.order_id) if row.order_id else None
    to = recipients.for_invoice(row, kind=InvoiceReminded.kind)
    suppression.refuse(to)
    content = InvoiceReminded(
        name=to[0].name,
        number=row.number,
        order=order.number if order else "",
        open=still_open,
        due_on=row.due_date,
        late=late,
        payable=intent is not None,
        to_be_had=order is None or order.status is not OrderStatus.CANCELLED,  # nothing asks for money of those
    )
    link: tuple[links.Kind, str] | None = ("pay", intent.public_id) if intent else None
    return mails.stage(content, subject=row, cause=cause, order=order, to=to, link=link, attachments=attachments, by=by)
