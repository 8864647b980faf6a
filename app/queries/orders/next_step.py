"""The next best action in words: what is going on, and the button that moves it on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from flask import url_for
from flask_babel import gettext as _

from ...formatting import ago, day, money
from ...models import CollectionMethod, Due
from ...models.order import TAG_CHANGE, TAG_CUSTOMER_DECLINED, TAG_EXPIRED
from ...money import total
from ...states.order import OrderStatus
from . import decline, fulfillment, recurring
from .next_best_action import Decision, Situation, Step, Story, decide
from .views import Action, NextStep

if TYPE_CHECKING:
    from .facts import Facts, InvoiceFacts

RETURNED = {
    TAG_CHANGE: Story.CHANGE_REQUESTED,
    TAG_CUSTOMER_DECLINED: Story.CUSTOMER_DECLINED,
    TAG_EXPIRED: Story.APPROVAL_EXPIRED,
}


def view(facts: Facts) -> NextStep:
    decision = decide(situation(facts))
    sentence, detail, icon, tone = TELL[decision.story](facts)
    more = tuple(a for step in decision.more if (a := _action(facts, step)) is not None)
    return NextStep(
        sentence=sentence,
        detail=detail,
        icon=icon,
        tone=tone,  # type: ignore[arg-type]
        primary=_named(facts, decision),
        secondary=_action(facts, decision.secondary),
        more=more,
    )


def situation(facts: Facts) -> Situation:
    row = facts.row
    return Situation(
        status=row.status,
        has_lines=bool(facts.lines),
        missing_links=bool(facts.missing_links),
        due_now=bool(facts.due_at_signature),
        confirming=facts.confirming,
        approval=facts.approval_stage,
        returned=next((RETURNED[t] for t in row.tags if t in RETURNED), None),
        retry_helps=decline.retry_helps(facts),
        unrequested=facts.unrequested.minor > 0,
        owed_now=bool(facts.owed_now),
        invoiced=_is_invoiced(facts),
        overdue=bool(_late(facts)),
        link_to_send=facts.link_to_send is not None,
        open_request=any(x.is_open for x in facts.payment_orders),
        term_ends=recurring.ending(facts) is not None,
    )


def _unpaid(facts: Facts) -> list[InvoiceFacts]:
    """Invoices that are issued and not paid whole, what is due first before the others."""
    found = [x for x in facts.invoices if x.number is not None and x.open.minor > 0]
    return sorted(found, key=lambda x: x.due_date or date.max)


def _late(facts: Facts) -> list[InvoiceFacts]:
    return [x for x in _unpaid(facts) if x.status == "overdue"]


def _is_invoiced(facts: Facts) -> bool:
    unpaid = total((x.open for x in _unpaid(facts)), facts.row.currency)
    return bool(unpaid) and facts.owed_now <= unpaid


def _action(facts: Facts, step: Step | None) -> Action | None:
    if step is None:
        return None
    if step is Step.SEND_LINK:
        found = facts.link_to_send
        return facts.actions.find(step, number=found.row.number) if found else None
    if step is Step.RENEW:
        ending, back = recurring.ending(facts), url_for("orders.show", number=facts.row.number)
        return facts.actions.find(step, number=ending.number, next=back) if ending else None
    return facts.actions.find(step)


def _named(facts: Facts, decision: Decision) -> Action | None:
    """After a decline the reminder asks for what is needed."""
    if decision.story is Story.PAYMENT_DECLINED and decision.primary is Step.REMIND:
        return facts.actions.find(Step.REMIND, label=_("Ask for another card"))
    return _action(facts, decision.primary)


Told = tuple[str, str | None, str, str]
"""Sentence, detail, icon, tone."""


def _who(facts: Facts) -> str:
    return facts.row.contact_name or facts.row.account_name


def _due_words(facts: Facts) -> str:
    due, transfers = facts.rest_at_signature, facts.transfers_at_signature
    if transfers:
        beside = _("%(amount)s will be due at signature by bank transfer.", amount=money(transfers))
        return " ".join(x for x in (_("%(amount)s by card.", amount=money(due)) if due else "", beside) if x)
    if not due:
        return _("Nothing is due at signature.")
    return _("%(amount)s will be due at signature.", amount=money(due))


def _expiry_words(facts: Facts) -> str:
    return _("The link to %(to)s expires on %(day)s.", to=facts.row.sent_to, day=day(facts.row.expires_at))


def _no_lines(facts: Facts) -> Told:
    return _("The order has no lines."), _("Add what is being sold, then send it."), "list-check", ""


def _gap(facts: Facts) -> Told:
    return _("Something is missing before this can go out."), _due_words(facts), "alert-triangle", "warn"


def _change_requested(facts: Facts) -> Told:
    words = facts.row.customers_words
    return _("%(who)s asked for a change.", who=_who(facts)), words, "message", "warn"


def _customer_declined(facts: Facts) -> Told:
    words = facts.row.customers_words
    return _("%(who)s declined the order.", who=_who(facts)), words, "thumb-down", "bad"


def _approval_expired(facts: Facts) -> Told:
    detail = _("The old links are dead. Sending again makes new ones.")
    return _("The approval expired without an answer."), detail, "hourglass", "warn"


def _ready_to_send(facts: Facts) -> Told:
    return _("Ready to send to %(who)s.", who=_who(facts)), _due_words(facts), "send", ""


def _preparing(facts: Facts) -> Told:
    detail = _("It goes to %(to)s as soon as the PDF is made.", to=facts.row.sent_to)
    return _("The approval mail is being prepared."), detail, "mail", "info"


def _not_opened(facts: Facts) -> Told:
    sentence = _("%(who)s has not opened the approval page yet.", who=_who(facts))
    return sentence, _("Sent %(when)s.", when=ago(facts.row.sent_at)) + " " + _expiry_words(facts), "mail", ""


def _not_signed(facts: Facts) -> Told:
    when = ago(facts.row.viewed_at)
    sentence = _("%(who)s opened the approval page %(when)s and has not signed.", who=_who(facts), when=when)
    return sentence, _expiry_words(facts), "mail-opened", ""


def _not_paid(facts: Facts) -> Told:
    amount = money(facts.rest_at_signature)
    sentence = _("%(who)s signed; %(amount)s is still to be paid.", who=facts.row.signer or _who(facts), amount=amount)
    return sentence, _("The signature holds. ") + _expiry_words(facts), "signature", "info"


def _confirming(facts: Facts) -> Told:
    detail = _("Nothing can be changed until the gateway has said how it ends.")
    return facts.waiting or _("A payment is in progress."), detail, "refresh", "info"


def _payment_declined(facts: Facts) -> Told:
    found = decline.last(facts)
    if found is None:
        return _("A payment was declined."), None, "circle-x", "bad"
    return found.title, found.advice, "circle-x", "bad"


def _booked(facts: Facts) -> Told:
    return _("The order is booked."), _("It is activated next."), "circle-check", "info"


def _scheduled(facts: Facts) -> Told:
    start = facts.row.start_date
    sentence = (
        _("Everything is set; the order starts on %(day)s.", day=day(start)) if start else _("Everything is set.")
    )
    return sentence, _("It is activated by itself on that day."), "calendar", "ok"


def _overdue(facts: Facts) -> Told:
    ask = _("Ask for it with a payment order, by link or from a card.")
    return _late_words(facts), ask, "alert-triangle", "warn"


def _late_words(facts: Facts) -> str:
    """Empty where nothing is overdue."""
    late = _late(facts)
    if not late:
        return ""
    amount, since = money(total((x.open for x in late), facts.row.currency)), _due_day(facts, late[0])
    if len(late) == 1:
        return _("%(amount)s of %(number)s is overdue since %(day)s.", amount=amount, number=late[0].number, day=since)
    found = {"amount": amount, "count": len(late), "day": since}
    return _("%(amount)s of %(count)s invoices is overdue, the first since %(day)s.", **found)


def _invoiced(facts: Facts) -> Told:
    first = _unpaid(facts)[0]
    amount, due = money(first.open), _due_day(facts, first)
    sentence = _("%(amount)s of %(number)s is due on %(day)s.", amount=amount, number=first.number, day=due)
    return sentence, _scheduled(facts)[0] if facts.row.status is OrderStatus.SCHEDULED else None, "coins", "info"


def _due_day(facts: Facts, invoice: InvoiceFacts) -> str:
    return day(invoice.due_date or facts.today)


def _owed(facts: Facts) -> Told:
    sentence = _("%(amount)s is due and not requested yet.", amount=money(facts.owed_now))
    return sentence, _("Ask for it with a payment order, by link or from a card."), "coins", "warn"


def _term_ends(facts: Facts) -> Told:
    ending = recurring.ending(facts)
    if ending is None:
        return _settled(facts)
    sentence = _("The term of %(number)s ends on %(day)s.", number=ending.number, day=day(ending.day))
    return sentence, _("Nothing is charged for the time after that day unless it is renewed."), "calendar", "warn"


def _later(facts: Facts) -> Told:
    sentence, detail, icon, tone = _scheduled(facts) if facts.row.status is OrderStatus.SCHEDULED else _settled(facts)
    amount = money(facts.unrequested)
    coming = next((step for step in facts.plan if not fulfillment.is_due(facts, step)), None)
    if coming is not None and coming.due is Due.DELIVERY:
        follows = _("%(amount)s follows on delivery.", amount=amount)
    elif coming is not None and coming.due_date is not None:
        follows = _("%(amount)s follows on %(day)s.", amount=amount, day=day(coming.due_date))
    else:
        follows = _("%(amount)s is not requested yet.", amount=amount)
    return sentence, follows, icon, tone


def _requested(facts: Facts) -> Told:
    found = facts.link_to_send or next(x for x in facts.payment_orders if x.is_open)
    amount = money(facts.money(found.figures.balance))
    sentence = _("%(amount)s is requested with %(number)s.", amount=amount, number=found.row.number)
    if found.row.collection is CollectionMethod.OFFLINE:
        waiting = _("It is to come by bank transfer, with the reference %(number)s.", number=facts.row.number)
    elif facts.link_to_send is None:
        waiting = _("The customer has the link.")
    else:
        waiting = _("No link has been sent for it.")
    late = _late_words(facts)
    return sentence, f"{waiting} {late}".strip(), "coins", "warn" if late else "info"


def _settled(facts: Facts) -> Told:
    return _("The order is active and nothing is open."), None, "circle-check", "ok"


def _completed(facts: Facts) -> Told:
    return _("The order is completed."), None, "check", "ok"


def _cancelled(facts: Facts) -> Told:
    if facts.row.activated_on is not None:
        detail = _("Its agreements ended with it; what was delivered and invoiced stays due.")
        return _("The order is terminated."), detail, "ban", ""
    return _("The order is cancelled."), _("Its opportunity is open again."), "ban", ""


TELL: dict[Story, Callable[[Facts], Told]] = {
    Story.NO_LINES: _no_lines,
    Story.GAP: _gap,
    Story.CHANGE_REQUESTED: _change_requested,
    Story.CUSTOMER_DECLINED: _customer_declined,
    Story.APPROVAL_EXPIRED: _approval_expired,
    Story.READY_TO_SEND: _ready_to_send,
    Story.PREPARING: _preparing,
    Story.NOT_OPENED: _not_opened,
    Story.NOT_SIGNED: _not_signed,
    Story.NOT_PAID: _not_paid,
    Story.CONFIRMING: _confirming,
    Story.PAYMENT_DECLINED: _payment_declined,
    Story.BOOKED: _booked,
    Story.SCHEDULED: _scheduled,
    Story.OVERDUE: _overdue,
    Story.INVOICED: _invoiced,
    Story.OWED: _owed,
    Story.TERM_ENDS: _term_ends,
    Story.LATER: _later,
    Story.REQUESTED: _requested,
    Story.SETTLED: _settled,
    Story.COMPLETED: _completed,
    Story.CANCELLED: _cancelled,
}
