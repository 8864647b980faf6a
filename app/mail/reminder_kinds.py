"""The mail that reminds of an unpaid invoice."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from flask_babel import gettext as _

from ..formatting import day, money
from ..money import Money
from ..values import Value
from .greeting import first_name


class InvoiceReminded(Value):
    """To whoever pays the bills: `open` of the invoice is due. `late` counts the days since, below zero until. With
    `payable` its link pays it; else it is paid as the invoice says, or by a link that the customer may ask for where
    one is `to_be_had`. The invoice is attached."""

    name: str
    number: str
    order: str
    open: Money
    due_on: date
    late: int
    payable: bool
    to_be_had: bool
    kind: ClassVar[str] = "invoice_reminder"
    asks: ClassVar[bool] = False

    @property
    def subject(self) -> str:
        facts = {"number": self.number, "amount": money(self.open), "day": day(self.due_on)}
        if self.late > 0:
            return _("Reminder: invoice %(number)s, %(amount)s was due on %(day)s", **facts)
        return _("Invoice %(number)s: %(amount)s is due on %(day)s", **facts)

    @property
    def heading(self) -> str:
        facts = {"name": first_name(self.name), "number": self.number}
        if self.late > 0:
            return _("%(name)s, invoice %(number)s is not paid yet", **facts)
        return _("%(name)s, invoice %(number)s is due soon", **facts)


KINDS = (InvoiceReminded,)
NAMES = {InvoiceReminded.kind: "Invoice reminder"}
