"""The settings an admin may turn: name, type, default, bounds, and what each does in words.

Read once a request; commands that decide by one read it again inside their transaction (`fresh`).
"""

from __future__ import annotations

from typing import Any

from flask import g, has_app_context
from sqlalchemy import bindparam, select

from .db import in_transaction, notes, read_columns
from .language import marked
from .models.company import Setting
from .values import Value


class Definition(Value):
    """A switch where the default is a bool, a text of `least` to `most` characters where it is one, else a whole number
    of `unit` from `least` to `most`; an amount in minor units of the company's currency where it is `money`."""

    key: str
    default: Any
    title: str
    effect: str
    least: int = 0
    most: int = 365
    unit: str = ""
    money: bool = False

    @property
    def is_switch(self) -> bool:
        return isinstance(self.default, bool)

    @property
    def is_text(self) -> bool:
        return isinstance(self.default, str)


SALESPEOPLE_SUBMIT = Definition(
    "salespeople.submit_for_approval",
    True,
    marked("Allow salespeople to send an order to customers for approval"),
    marked("Off: salespeople cannot start new submissions. Orders already with a customer go on."),
)
SALESPEOPLE_PAYMENT = Definition(
    "salespeople.accept_payment",
    True,
    marked("Orders sent for approval by salespeople can accept payment"),
    marked(
        "Off: customers approve such orders without paying, links already sent included, "
        "and salespeople collect nothing."
    ),
)
TEAM_ORDERS = Definition(
    "salespeople.see_team_orders", False, marked("Salespeople see their team's orders"), marked("Off: only their own.")
)
APPROVAL_LINK_DAYS = Definition(
    "links.approval_days",
    14,
    marked("Life of an approval link"),
    marked("Never longer than its quote. Links already sent keep theirs."),
    1,
    90,
    "days",
)
PAYMENT_LINK_DAYS = Definition(
    "links.payment_days",
    30,
    marked("Life of a payment link"),
    marked("Links already sent keep theirs."),
    1,
    365,
    "days",
)
ATTEMPT_LIMIT = Definition(
    "links.attempt_limit",
    5,
    marked("Tries on one payment link"),
    marked("After the last one the customer is asked to call."),
    1,
    20,
    "tries",
)
FIRST_PAYMENT_DEFAULTS = Definition(
    "payments.first_sets_defaults",
    True,
    marked("First payment sets billing defaults"),
    marked("Where the account has none yet."),
)
RECURRING = Definition(
    "payments.recurring",
    True,
    marked("Recurring payments are collected"),
    marked("Off: no agreement is charged and no link for one is sent, until it is on again. What fell due waits."),
)
CATCH_UP = Definition(
    "payments.catch_up",
    3,
    marked("Missed periods of an agreement that are charged within a day"),
    marked("After a standstill the others follow on the next days; until then they are shown as due."),
    1,
    60,
    marked("periods"),
)
CARD_NOTICE_DAYS = Definition(
    "payments.card_notice_days",
    30,
    marked("Notice of an expiring card"),
    marked(
        "So many days before a charge that its card will not live to see, the customer is asked for another card, once."
    ),
    1,
    90,
    "days",
)
DEPOSIT_MIN_PERCENT = Definition(
    "quotes.deposit_min_percent",
    0,
    marked("Least deposit"),
    marked("Of a quote's total; 0: a quote needs none."),
    0,
    100,
    "percent",
)
DEPOSIT_MAX_PERCENT = Definition(
    "quotes.deposit_max_percent",
    100,
    marked("Largest deposit"),
    marked("Of a quote's total, where not all of it is due at signature."),
    0,
    100,
    "percent",
)
REFUND_SECOND_PERSON = Definition(
    "refunds.second_person",
    False,
    "Large refunds need a second person",
    "On: a refund that brings its payment's refunds above the limit waits until somebody else who may says yes; and so "
    "does unapplied cash that is paid out.",
)
REFUND_LIMIT = Definition(
    "refunds.limit",
    100_000,
    "Refunds up to this need no second person",
    "In the company's currency. A refund in another one is compared by the number alone, without an exchange rate: a "
    "limit of 1000 is 1000 of whatever the payment was made in.",
    0,
    10_000_000_000,
    money=True,
)
HOLD_DAYS = Definition(
    "payments.hold_days",
    7,
    "Days that an authorization is sure to hold",
    "Where capture comes later, an order that starts after that is not authorized, because the hold would lapse.",
    1,
    30,
    "days",
)
MAIL_TRIES = Definition(
    "mail.tries",
    8,
    marked("Tries before a mail counts as failed"),
    marked("They come further and further apart."),
    1,
    20,
    "tries",
)


FACTUR_X = Definition(
    "invoices.factur_x",
    False,
    marked("Electronic invoices: Factur-X"),
    marked(
        "On: the PDF of an invoice or credit note issued from now on also carries it as data (factur-x.xml, EN 16931)."
    ),
)


REMINDERS = Definition(
    "reminders.on",
    True,
    marked("Unpaid invoices are reminded of by mail"),
    marked("Off: no reminder goes out by itself. Staff can still send one from an invoice's page."),
)
REMINDER_DAYS = Definition(
    "reminders.days",
    "-3, 1, 7, 14",
    marked("Days of the reminders"),
    marked(
        "Counted from the day an invoice is due, with commas between; -3 is three days before it. Each is sent once an "
        "invoice. After a standstill only the newest that is due is sent."
    ),
    1,
    60,
)


def _account(name: str, code: str, title: str, effect: str) -> Definition:
    return Definition(f"accounting.{name}", code, title, effect, 1, 20)


# The accounts of the monthly journal; the defaults are numbers that no chart of accounts owns.
LEDGER: dict[str, Definition] = {
    "clearing": _account("clearing", "1360", marked("Clearing"), marked("What gateways owe until they pay it out.")),
    "receivables": _account("receivables", "1200", marked("Receivables"), marked("What customers owe.")),
    "bank": _account("bank", "1800", marked("Bank"), marked("Where payouts arrive.")),
    "fees": _account("fees", "6855", marked("Fees"), marked("What gateways keep.")),
    "refunds": _account("refunds", "4700", marked("Refunds"), marked("What is given back to customers.")),
    "disputes": _account("disputes", "6930", marked("Disputes"), marked("What banks take back, and return.")),
    "adjustments": _account("adjustments", "6960", marked("Adjustments"), marked("What gateways book by hand.")),
    "exchange": _account(
        "exchange", "1370", marked("Exchange"), marked("Between the customer's currency and the payout's.")
    ),
    "revenue": _account("revenue", "4400", marked("Revenue"), marked("What is invoiced, without its tax.")),
    "tax": _account("tax", "3800", marked("Tax"), marked("The tax on what is invoiced.")),
    "losses": _account("losses", "6920", marked("Losses"), marked("What is written off.")),
}

ALL: dict[str, Definition] = {
    d.key: d
    for d in (
        SALESPEOPLE_SUBMIT,
        SALESPEOPLE_PAYMENT,
        TEAM_ORDERS,
        APPROVAL_LINK_DAYS,
        PAYMENT_LINK_DAYS,
        ATTEMPT_LIMIT,
        FIRST_PAYMENT_DEFAULTS,
        RECURRING,
        CATCH_UP,
        CARD_NOTICE_DAYS,
        DEPOSIT_MIN_PERCENT,
        DEPOSIT_MAX_PERCENT,
        REFUND_SECOND_PERSON,
        REFUND_LIMIT,
        HOLD_DAYS,
        MAIL_TRIES,
        FACTUR_X,
        REMINDERS,
        REMINDER_DAYS,
        *LEDGER.values(),
    )
}


HELD = select(Setting.value).where(Setting.key == bindparam("key")).with_for_update(read=True)
ALL_TURNED = select(Setting.key, Setting.value)


def get(definition: Definition) -> Any:
    """The value, from this request's one look at the table."""
    if not has_app_context():
        raise RuntimeError("settings need an application context")
    if "settings" not in g:
        g.settings = {row.key: row.value for row in read_columns(ALL_TURNED)}
    return g.settings.get(definition.key, definition.default)


def fresh(definition: Definition) -> Any:
    """The value as committed now, held until the transaction ends: whoever turns it waits for us, or we see it turned.

    The switches that stop money have their rows from the first migration on, so there is always a row to hold.
    """
    known = notes() if in_transaction() else {}
    if ("setting", definition.key) not in known:
        known["setting", definition.key] = read_columns(HELD, key=definition.key).scalar_one_or_none()
    value = known["setting", definition.key]
    return definition.default if value is None else value


def forget() -> None:
    """Drop this request's look; called when a setting changes."""
    g.pop("settings", None)
    if in_transaction():
        for known in [key for key in notes() if key[0] == "setting"]:
            del notes()[known]
