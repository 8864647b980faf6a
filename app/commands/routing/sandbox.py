"""What people do to a sandbox gateway on purpose, to try things out, to train, and in tests.

Each act is first booked by the sandbox, as at a processor's own pages, then leaves its audit row here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from flask import current_app
from sqlalchemy import select

from ... import access, audit, jobs
from ...access import Permission
from ...db import db, end_read, transaction
from ...errors import NotFound, Refusal
from ...gateways.sandbox import disputes, movements, payouts, post, processor, script, wallet
from ...gateways.sandbox.cards import Fault
from ...gateways.sandbox.line import Rejected
from ...gateways.sandbox.tables import Call, ChargeState, Manner
from ...models import Actor, Gateway, User
from ...money import Money

R = TypeVar("R")
KIND = "sandbox"
DELAY = timedelta(minutes=10)

# How each kind of call may be made to end; a fault on the way can strike all of them.
ENDS: dict[Call, frozenset[ChargeState]] = {
    Call.CHARGE: frozenset(
        {ChargeState.SUCCEEDED, ChargeState.DECLINED, ChargeState.REQUIRES_ACTION, ChargeState.PENDING}
    ),
    Call.SETUP: frozenset({ChargeState.SUCCEEDED, ChargeState.DECLINED, ChargeState.REQUIRES_ACTION}),
    Call.REFUND: frozenset({ChargeState.SUCCEEDED, ChargeState.DECLINED, ChargeState.PENDING}),
}


def arm(
    gateway: str,
    call: Call,
    *,
    state: ChargeState | None = None,
    decline_code: str | None = None,
    advice: str | None = None,
    fault: Fault | None = None,
    seconds: int = 0,
    by: User,
) -> int:
    """What the next call of this kind meets; a decline code alone means that it is declined. Raises Refusal
    `not_permitted`, `nothing_armed`, `not_of_this_call`."""
    state = ChargeState.DECLINED if decline_code else state
    if state is None and fault is None:
        raise Refusal("nothing_armed", "Say what shall happen to the next call.")
    if state is not None and state not in ENDS.get(call, ()):
        raise Refusal(
            "not_of_this_call", "This cannot be how a %(call)s ends.", "Arm it for another kind of call.", call=call
        )
    what: dict[str, Any] = {
        "state": state,
        "decline_code": decline_code,
        "advice": advice,
        "fault": fault,
        "seconds": seconds,
    }
    after = {"call": call} | {name: value for name, value in what.items() if value}
    return _do(gateway, "armed", after, by, lambda: script.next_call(call, gateway=gateway, **what))


def disarm(gateway: str, script_id: int, *, by: User) -> bool:
    """Whether it was still waiting."""
    return _do(gateway, "disarmed", script_id, by, lambda: script.disarm(gateway, script_id))


def take_down(gateway: str, *, by: User) -> None:
    _do(gateway, "taken_down", None, by, lambda: script.take_down(gateway))


def bring_up(gateway: str, *, by: User) -> None:
    _do(gateway, "brought_up", None, by, lambda: script.bring_up(gateway))


def silence(gateway: str, *, by: User) -> None:
    """Its events wait until somebody sends them."""
    _do(gateway, "silenced", None, by, lambda: script.silence(gateway))


def let_speak(gateway: str, *, by: User) -> None:
    _do(gateway, "let_speak", None, by, lambda: script.let_speak(gateway))


def settle(gateway: str, charge: str, *, decline_code: str | None = None, by: User) -> None:
    """End a pending charge, well or with a decline."""
    after = {"charge": charge, "decline_code": decline_code}
    _do(gateway, "charge_settled", after, by, lambda: processor.settle(gateway, charge, decline_code=decline_code))


def refund_by_hand(gateway: str, charge: str, amount: Money, *, by: User) -> str:
    """As somebody would in the processor's own pages. Gives the refund's id."""
    after = {"charge": charge, "amount": amount}
    done = _do(gateway, "refunded_by_hand", after, by, lambda: movements.refund_by_hand(gateway, charge, amount))
    return str(done["id"])


def end_refund(gateway: str, refund: str, *, error_code: str | None = None, by: User) -> None:
    """A pending refund arrives, or any refund fails."""
    after = {"refund": refund, "error_code": error_code}
    _do(gateway, "refund_ended", after, by, lambda: movements.end_refund(gateway, refund, error_code=error_code))


def open_dispute(
    gateway: str,
    charge: str,
    *,
    inquiry: bool = False,
    reason: str = "fraudulent",
    amount: Money | None = None,
    by: User,
) -> str:
    """Gives the dispute's id."""

    def open_one() -> str:
        return disputes.open_one(gateway, charge, amount=amount, reason=reason, inquiry=inquiry).provider_id

    return _do(gateway, "dispute_opened", {"charge": charge, "inquiry": inquiry, "reason": reason}, by, open_one)


def escalate(gateway: str, dispute: str, *, by: User) -> None:
    """An inquiry becomes a dispute, and money moves."""
    _do(gateway, "inquiry_escalated", dispute, by, lambda: disputes.escalate(gateway, dispute))


def appeal(gateway: str, dispute: str, *, by: User) -> None:
    """What was lost is argued once more."""
    _do(gateway, "dispute_appealed", dispute, by, lambda: disputes.appeal(gateway, dispute))


def decide(gateway: str, dispute: str, *, won: bool, fee_back: bool = False, by: User) -> None:
    after = {"dispute": dispute, "won": won, "fee_back": fee_back}
    _do(gateway, "dispute_decided", after, by, lambda: disputes.decide(gateway, dispute, won=won, fee_back=fee_back))


def remove_card(gateway: str, token: str, *, by: User) -> None:
    """A saved card, in the processor's own pages."""
    _do(gateway, "card_removed", token[-6:], by, lambda: wallet.remove(gateway, token))


def renew_card(gateway: str, token: str, *, by: User) -> None:
    """Its bank gives its holder a newer one, and the network tells the processor."""
    _do(gateway, "card_renewed", token[-6:], by, lambda: wallet.renew(gateway, token))


def pay_out(gateway: str, *, by: User) -> list[str]:
    """Everything that has not gone out yet. Gives the payouts' ids."""
    return _do(gateway, "paid_out", None, by, lambda: payouts.pay_out(gateway))


def fail_payout(gateway: str, payout: str, *, by: User) -> None:
    """Our bank sends it back."""
    _do(gateway, "payout_failed", payout, by, lambda: payouts.fail(gateway, payout))


def send(gateway: str, event_id: int, manner: Manner = Manner.TRUE, *, times: int = 1, by: User) -> list[int | None]:
    """Post an event now. The status of each answer; None: nobody answered."""

    def send_it() -> list[int | None]:
        post.require(gateway, event_id)
        return [post.post(event_id, manner) for _ in range(times)]

    return _do(gateway, "event_sent", {"event": event_id, "manner": manner, "times": times}, by, send_it)


def send_all(gateway: str, *, backwards: bool = False, by: User) -> list[int | None]:
    """Post every event that was not taken yet, in order or the other way round."""

    def send_them() -> list[int | None]:
        waiting = post.waiting(gateway)
        return [post.post(event_id) for event_id in (reversed(waiting) if backwards else waiting)]

    return _do(gateway, "events_sent", {"backwards": backwards}, by, send_them)


def delay(gateway: str, event_id: int, *, by: User) -> None:
    """Send an event by itself in a while, and again if it was taken already."""
    _do(gateway, "event_delayed", event_id, by, lambda: post.delay(gateway, event_id, DELAY))


@jobs.tick("sandbox.deliver", every=timedelta(seconds=5))
def _deliver() -> None:
    """A processor needs nobody to tell it to send its events; here somebody must."""
    if current_app.config["SANDBOX"]:
        post.deliver()


def _do(gateway: str, action: str, after: Any, by: User, act: Callable[[], R]) -> R:
    """Raises NotFound for what is no sandbox, Refusal for who may not and for what the sandbox will not do."""
    access.demand(by, Permission.SANDBOX_OPERATE)
    if not current_app.config["SANDBOX"] or not _is_sandbox(gateway):
        raise NotFound(f"sandbox {gateway}")
    actor = Actor.of(by)
    end_read()
    try:
        done = act()
    except Rejected as rejected:
        raise Refusal(rejected.code, rejected.message) from rejected
    with transaction():
        audit.note(f"sandbox.{action}", gateway, by=actor, after=after)
    return done


def _is_sandbox(gateway: str) -> bool:
    found = select(Gateway.id).where(Gateway.key == gateway, Gateway.kind == KIND)
    return db.session.scalar(found) is not None
