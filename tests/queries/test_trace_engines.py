"""The doctor's and the trace's statements say the same on both databases."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_login import login_user

from app.access import Role
from app.models import Invoice, PaymentOrder, SalesOrder, SettlementLine
from app.queries.calendar import selling_day
from app.queries.receivables import doctor
from app.queries.trace import page
from tests import factories, paid_out


@pytest.mark.engines
def test_every_way_in_reads_the_same(any_app: Flask) -> None:
    clerk = factories.user(Role.AR)
    charge = paid_out.paid()[0]
    paid_out.pay_out()
    paid_out.sync()
    session = any_app.extensions["sqlalchemy"].session
    order, invoice = session.query(SalesOrder).one(), session.query(Invoice).one()
    row, line = session.query(PaymentOrder).one(), session.query(SettlementLine).one()
    session.commit()
    with any_app.test_request_context():
        login_user(clerk)
        traces = [
            page.of_quote(order.quote_number, clerk),
            page.of_order(order.number, clerk),
            page.of_invoice(invoice.number, clerk),
            page.of_payment_order(row.number, clerk),
            page.of_transaction(charge.id, clerk),
            page.of_settlement_line(line.id, clerk),
        ]
        assert [len([hop for root in t.payments or () for hop in root.every()]) for t in traces] == [7] * 6
        assert [len(t.lines) for t in traces] == [2] * 6 and not any(t.missing for t in traces)
        today = selling_day()
        found = [
            doctor.of_order(order.number, clerk, today),
            doctor.of_invoice(invoice.number, clerk, today),
            doctor.of_payment_order(row.number, clerk, today),
        ]
        assert [(len(f.cases), len(f.bills), f.named) for f in found] == [(1, 1, None)] * 3
