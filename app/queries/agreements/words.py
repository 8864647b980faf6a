"""What happened to agreements and their periods, in words: for their own page and for the timeline of their order."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask_babel import gettext, lazy_gettext

from ...formatting import frequency, money
from ...models import CollectionMethod
from ...money import Money
from ...states.agreement import AgreementStatus
from .verdict import Verdict


class Words(NamedTuple):
    """`what` follows the name of whoever did it; it may use the entry's data and `amount`."""

    icon: str
    what: Any
    tone: str = ""


_ = lazy_gettext

HISTORY: dict[tuple[str, str], Words] = {
    ("payment_agreement", "created"): Words("repeat", _("made payment agreement %(number)s over %(amount)s")),
    ("payment_agreement", "activate"): Words("circle-check", _("activated payment agreement %(number)s"), "ok"),
    ("payment_agreement", "pause"): Words("clock", _("paused payment agreement %(number)s"), "warn"),
    ("payment_agreement", "resume"): Words("repeat", _("resumed payment agreement %(number)s"), "ok"),
    ("payment_agreement", "fall_behind"): Words(
        "alert-circle", _("saw payment agreement %(number)s fall behind"), "bad"
    ),
    ("payment_agreement", "catch_up"): Words("circle-check", _("saw payment agreement %(number)s catch up"), "ok"),
    ("payment_agreement", "cancel"): Words("ban", _("cancelled payment agreement %(number)s"), "bad"),
    ("payment_agreement", "cancels_later"): Words(
        "ban", _("cancelled payment agreement %(number)s for %(day)s"), "warn"
    ),
    ("payment_agreement", "complete"): Words("check", _("completed payment agreement %(number)s")),
    ("payment_agreement", "renewed"): Words("repeat", _("renewed payment agreement %(number)s until %(day)s"), "ok"),
    ("payment_agreement", "term_ends"): Words(
        "calendar", _("saw the term of payment agreement %(number)s come to its end on %(day)s"), "warn"
    ),
    ("payment_agreement", "changed"): Words("pencil", _("changed payment agreement %(number)s, now %(amount)s")),
    ("payment_agreement", "new_card"): Words(
        "credit-card", _("gave payment agreement %(number)s another card, %(card)s"), "ok"
    ),
    ("payment_agreement", "dunning_policy"): Words(
        "pencil", _("put payment agreement %(number)s under the dunning policy “%(policy)s”")
    ),
    ("dunning_case", "opened"): Words("alert-circle", _("began dunning for period %(period)s of %(number)s"), "warn"),
    ("dunning_case", "recover"): Words("circle-check", _("recovered period %(period)s of %(number)s"), "ok"),
    ("dunning_case", "pause"): Words(
        "clock", _("ended dunning for period %(period)s of %(number)s with a pause"), "warn"
    ),
    ("dunning_case", "cancel"): Words(
        "ban", _("ended dunning for period %(period)s of %(number)s with a cancellation"), "bad"
    ),
    ("dunning_case", "stop"): Words("ban", _("stopped dunning for period %(period)s of %(number)s"), "warn"),
    ("dunning_case", "waive"): Words(
        "minus", _("ended dunning for period %(period)s of %(number)s: its bill was given up"), "warn"
    ),
    ("scheduled_payment", "collect"): Words("refresh", _("asked for period %(period)s of %(number)s")),
    ("scheduled_payment", "put_off"): Words(
        "clock", _("put off period %(period)s: the gateway was out of reach"), "warn"
    ),
    ("scheduled_payment", "pay"): Words("circle-check", _("saw period %(period)s of %(number)s paid"), "ok"),
    ("scheduled_payment", "fail"): Words("circle-x", _("saw period %(period)s of %(number)s fail"), "bad"),
    ("scheduled_payment", "given_back"): Words(
        "receipt-refund", _("gave back %(amount)s of period %(period)s of %(number)s, receipt %(receipt)s"), "warn"
    ),
    ("scheduled_payment", "charged_back"): Words(
        "arrow-back-up", _("lost %(amount)s of period %(period)s of %(number)s to the cardholder's bank"), "bad"
    ),
    ("scheduled_payment", "bounced"): Words(
        "arrow-back-up",
        _("took back %(amount)s of period %(period)s of %(number)s that never arrived, receipt %(receipt)s"),
        "bad",
    ),
    ("scheduled_payment", "came_back"): Words(
        "arrow-back-up", _("saw %(amount)s that was given back of period %(period)s of %(number)s return"), "warn"
    ),
    ("scheduled_payment", "skip"): Words("minus", _("skipped period %(period)s of %(number)s"), "warn"),
}


def entry(row: Any, currency: str) -> tuple[str, str, str]:
    """Icon, tone and sentence of one history row."""
    words, data = HISTORY[row.entity, row.event], dict(row.data or {})
    if "amount" in data:
        data["amount"] = money(Money(data["amount"], data.get("currency", currency)))
    try:
        return words.icon, words.tone, str(words.what) % data
    except KeyError:
        return words.icon, words.tone, str(words.what).split("%(")[0].strip(" ,")


def shown(status: AgreementStatus, verdict: Verdict) -> str:
    """The status as people see it: active only where every question is answered with yes."""
    return "not_live" if status is AgreementStatus.ACTIVE and not verdict.live else str(status)


def not_live(verdict: Verdict) -> str:
    return "" if verdict.live else gettext("Not live: %(reason)s", reason=verdict.reason)


def often(every_so: str, every: int) -> str:
    """`monthly`; `monthly, every 3rd`."""
    return frequency(every_so) if every == 1 else gettext("%(often)s, every %(n)s", often=frequency(every_so), n=every)


def collected(collection: CollectionMethod | str, card: str | None) -> str:
    if collection == CollectionMethod.PAYMENT_LINK:
        return gettext("Invoice with a payment link")
    return card or gettext("A saved card, but none is chosen")


def card(brand: str | None, last4: str | None) -> str | None:
    return gettext("%(brand)s ending %(last4)s", brand=brand, last4=last4) if brand else None
