"""The customer's words for what the order says in codes."""

from __future__ import annotations

from flask_babel import gettext
from markupsafe import Markup, escape

from ...formatting import day, money, percent
from ...models import Frequency
from ...models.frozen import FrozenOrder, Instalment, Recurring
from ...models.quote import CollectionMethod, Due


def per(frequency: Frequency | None) -> str:
    """`per month`; `once` for a one-time line."""
    words = {
        None: gettext("once"),
        Frequency.WEEKLY: gettext("per week"),
        Frequency.MONTHLY: gettext("per month"),
        Frequency.QUARTERLY: gettext("per quarter"),
        Frequency.YEARLY: gettext("per year"),
    }
    return words[frequency]


def short_per(frequency: Frequency | None) -> str:
    """`/ mo`, to stand behind an amount."""
    words = {
        None: "",
        Frequency.WEEKLY: gettext("/ wk"),
        Frequency.MONTHLY: gettext("/ mo"),
        Frequency.QUARTERLY: gettext("/ qtr"),
        Frequency.YEARLY: gettext("/ yr"),
    }
    return words[frequency]


def when_due(step: Instalment) -> str:
    """`On delivery, by invoice`."""
    how = {
        CollectionMethod.PAYMENT_LINK: gettext("by payment link"),
        CollectionMethod.SAVED_METHOD: gettext("from the saved card"),
        CollectionMethod.STAFF_CARD: gettext("by card"),
        CollectionMethod.OFFLINE: gettext("by bank transfer"),
    }[step.collection]
    if step.due is Due.DELIVERY:
        return gettext("On delivery, %(how)s", how=how)
    if step.due is Due.DATE and step.due_date:
        return gettext("On %(date)s, %(how)s", date=day(step.due_date), how=how)
    return gettext("On signing, %(how)s", how=how)


def recurring(order: FrozenOrder) -> str:
    """`€2,940.00 per month from 1 Dec 2026 and €90.00 per year`, tax included."""
    parts = [_one_recurring(x) for x in order.recurring]
    return gettext(" and ").join(parts)


def _one_recurring(item: Recurring) -> str:
    amount = f"{money(item.gross)} {per(item.frequency)}"
    return gettext("%(amount)s from %(date)s", amount=amount, date=day(item.starts_on)) if item.starts_on else amount


def consent_to_order(order: FrozenOrder, *, takes_payment: bool) -> str:
    """The words next to the box that are stored with the signature: company, amount, and what is kept of the card."""
    words = gettext(
        "I accept this order of %(amount)s and its terms on behalf of %(company)s.",
        amount=money(order.total),
        company=order.customer.name,
    )
    if order.recurring and takes_payment:
        kept = gettext("The card I pay with is saved and charged %(amounts)s.", amounts=recurring(order))
        return f"{words} {kept}"
    return words


def consent_to_card(order: FrozenOrder | None, seller: str) -> str:
    """The words next to the box at the card: what may be charged to it later, and how that ends."""
    if order is not None and order.recurring:
        return gettext(
            "Save this card and charge it %(amounts)s. I can change or cancel this at any time.",
            amounts=recurring(order),
        )
    return gettext(
        "Save this card for future payments to %(seller)s. It is only charged for what I order, and I can have it "
        "removed at any time.",
        seller=seller,
    )


def consent_to_keep(seller: str) -> str:
    """The words next to the box where a card is added without paying."""
    return gettext(
        "%(seller)s may keep this card and charge what I order to it. I can have it removed at any time.",
        seller=seller,
    )


def share(order: FrozenOrder) -> str:
    """`10% on signing`: what part of the total is asked for now."""
    steps = [step for step in order.plan if step.due is Due.SIGNATURE and step not in order.by_transfer]
    if len(steps) == 1 and steps[0].percent is not None and steps[0].percent != 100:
        return gettext("%(percent)s on signing", percent=percent(steps[0].percent))
    return ""


def emphasized(sentence: str, *parts: str) -> Markup:
    """The sentence as it is stored, with what matters in it in bold."""
    marked = escape(sentence)
    for part in parts:
        marked = marked.replace(escape(part), Markup("<strong>{}</strong>").format(part))
    return Markup(marked)
