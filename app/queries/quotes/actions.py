"""What can be done with a quote next: one primary action, the others beside it, and why not where it is not allowed."""

from __future__ import annotations

from flask import url_for
from flask_babel import gettext as _

from ...access import Permission, who_can, why_not
from ...errors import Refusal
from ...models import User
from ...states.order import WITH_CUSTOMER, OrderStatus
from ...states.quote import REVISABLE, QuoteStatus
from ..orders.views import Action
from . import convertible
from .readiness import Readiness
from .views import NextStep, QuoteFacts

S, P = QuoteStatus, Permission


def next_step(facts: QuoteFacts, readiness: Readiness, reader: User) -> NextStep:
    actions = Actions(facts, readiness, reader)
    return {
        S.DRAFT: _draft,
        S.SUBMITTED: _submitted,
        S.APPROVED: _approved,
        S.CONVERTED: _converted,
        S.REJECTED: _rejected,
        S.EXPIRED: _expired,
        S.SUPERSEDED: _superseded,
    }[facts.status](facts, actions)


class Actions:
    """Every action on one quote for one reader, with the reason where it is refused."""

    def __init__(self, facts: QuoteFacts, readiness: Readiness, reader: User) -> None:
        self.facts, self.readiness, self.reader = facts, readiness, reader

    def _make(
        self, key: str, label: str, icon: str, permission: Permission, obstacle: Refusal | None = None, **how: object
    ) -> Action:
        refusal = why_not(self.reader, permission) or obstacle
        href = url_for(f"quotes.{key}", number=self.facts.number, version=self.facts.version)
        if how.get("how") == "post":
            href = f"{href}?edition={self.facts.edition}"
        words = " ".join(x for x in (refusal.sentence, refusal.help) if x) if refusal else None
        return Action(key, label, icon, href, refusal=words, **how)  # type: ignore[arg-type]

    def edit(self) -> Action:
        return self._make("edit", _("Edit"), "pencil", P.QUOTE_EDIT)

    def submit(self) -> Action:
        plan = self.readiness.item("plan")
        obstacle = Refusal("plan_mismatch", plan.reason) if plan.verdict == "block" else None
        return self._make("submit", _("Submit for approval"), "send", P.QUOTE_EDIT, obstacle, how="post")

    def discard(self) -> tuple[Action, ...]:
        if self.facts.version == 1:
            return ()
        action = self._make("discard", _("Discard this version"), "trash", P.QUOTE_EDIT, how="dialog", danger=True)
        return (action,)

    def withdraw(self) -> Action:
        return self._make("withdraw", _("Withdraw"), "arrow-back-up", P.QUOTE_EDIT, how="dialog")

    def approve(self) -> Action:
        own = self.facts.submitted_by_id == self.reader.id
        obstacle = self._unready()
        if own:
            obstacle = Refusal(
                "own_submission",
                "You submitted this quote, so somebody else has to approve it.",
                who_can(P.QUOTE_APPROVE),
            )
        return self._make("approve", _("Approve"), "circle-check", P.QUOTE_APPROVE, obstacle, how="post")

    def reject(self) -> Action:
        return self._make("reject", _("Reject"), "circle-x", P.QUOTE_APPROVE, how="dialog", danger=True)

    def convert(self) -> Action:
        facts = self.facts
        obstacle = convertible.refusal(facts.number, facts.version, facts.status, facts.expires_on, facts.newer)
        obstacle = obstacle or self._unready()
        return self._make("convert", _("Convert to order"), "file-invoice", P.QUOTE_CONVERT, obstacle, how="post")

    def sync(self, order: str, status: OrderStatus) -> Action:
        facts = self.facts
        obstacle = convertible.refusal(facts.number, facts.version, facts.status, facts.expires_on, facts.newer)
        obstacle = obstacle or convertible.out_of_reach(order, status) or self._unready()
        label = _("Take over into %(order)s", order=order)
        return self._make("sync", label, "refresh", P.QUOTE_CONVERT, obstacle, how="post")

    def revise(self) -> Action:
        obstacle = None
        if self.facts.latest > self.facts.version:
            obstacle = Refusal("not_latest", "Version %(version)s is the latest one.", version=self.facts.latest)
        elif self.facts.status not in REVISABLE:
            obstacle = Refusal("not_revisable", "This version can still be changed itself.")
        return self._make("revise", _("Revise"), "versions", P.QUOTE_EDIT, obstacle, how="post")

    def open_order(self) -> Action | None:
        number = self.facts.order_number
        if number is None:
            return None
        label = _("Open order %(number)s", number=number)
        return Action("order", label, "file-invoice", url_for("orders.show", number=number))

    def request(self) -> tuple[Action, ...]:
        """For what it was converted to, once that is not with its customer."""
        number, status = self.facts.order_number, self.facts.order_status
        if number is None or status in WITH_CUSTOMER or status is OrderStatus.CANCELLED:
            return ()
        refusal = why_not(self.reader, P.PAYMENT_ORDER_CREATE)
        words = " ".join(x for x in (refusal.sentence, refusal.help) if x) if refusal else None
        href = url_for("payments.new", number=number)
        return (Action("request", _("Request a payment"), "coins", href, refusal=words, how="page"),)

    def open_latest(self) -> Action:
        label = _("Open version %(version)s", version=self.facts.latest)
        href = url_for("quotes.show", number=self.facts.number)
        return Action("latest", label, "arrow-right", href)

    def _unready(self) -> Refusal | None:
        reasons = [item.reason for item in self.readiness.blocking]
        return Refusal("not_ready", " ".join(reasons)) if reasons else None


def _draft(facts: QuoteFacts, do: Actions) -> NextStep:
    detail = _("Somebody else approves it. After that this version cannot be changed.")
    return NextStep(_("This draft is not submitted yet."), detail, "pencil", "", do.submit(), do.edit(), do.discard())


def _submitted(facts: QuoteFacts, do: Actions) -> NextStep:
    detail = _("Check lines, terms and readiness below. Approving locks this version.")
    return NextStep(
        _("This quote waits for approval."), detail, "clock", "", do.approve(), None, (do.reject(), do.withdraw())
    )


def _approved(facts: QuoteFacts, do: Actions) -> NextStep:
    if facts.newer:
        detail = _("Until version %(version)s is approved, this one stays in force.", version=facts.newer)
        return NextStep(
            _("Approved, and under revision."), detail, "versions", "warn", do.open_latest(), do.convert(), ()
        )
    if facts.order_number and facts.order_status:
        return _approved_with_order(facts, do, facts.order_number, facts.order_status)
    detail = _("It becomes one sales order, which the customer then signs and pays.")
    return NextStep(
        _("Approved and ready to become an order."), detail, "circle-check", "", do.convert(), do.revise(), ()
    )


def _approved_with_order(facts: QuoteFacts, do: Actions, order: str, status: OrderStatus) -> NextStep:
    detail = _("Lines, terms and plan of this version replace those of the order.")
    if status in WITH_CUSTOMER:
        detail = _("The order goes back to draft first: the customer's link ends and a signature no longer counts.")
    sentence = _("Approved; order %(order)s still says what an earlier version said.", order=order)
    return NextStep(sentence, detail, "refresh", "warn", do.sync(order, status), do.open_order(), ())


def _converted(facts: QuoteFacts, do: Actions) -> NextStep:
    return NextStep(
        _("This quote is an order now."),
        _("A revision makes the next version; the order keeps what was converted."),
        "check",
        "ok",
        do.open_order(),
        do.revise(),
        do.request(),
    )


def _rejected(facts: QuoteFacts, do: Actions) -> NextStep:
    detail = _("Mend it in a new version and submit that one.")
    return NextStep(_("This version was rejected."), detail, "circle-x", "bad", *_revise_or_latest(facts, do))


def _expired(facts: QuoteFacts, do: Actions) -> NextStep:
    detail = _("Its last day is over. A new version gets a new expiry date and a new approval.")
    return NextStep(_("This quote has expired."), detail, "hourglass", "warn", *_revise_or_latest(facts, do))


def _superseded(facts: QuoteFacts, do: Actions) -> NextStep:
    detail = _("It is kept as it was approved.")
    return NextStep(
        _("A later version is in force."), detail, "history", "", do.open_latest(), None, _one(do.open_order())
    )


def _revise_or_latest(facts: QuoteFacts, do: Actions) -> tuple[Action, None, tuple[Action, ...]]:
    return do.open_latest() if facts.latest > facts.version else do.revise(), None, _one(do.open_order())


def _one(action: Action | None) -> tuple[Action, ...]:
    return (action,) if action else ()
