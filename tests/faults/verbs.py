"""All that can happen in a world: what `trade` does, events and workers, the clock, and what goes wrong; how often."""

from __future__ import annotations

from sqlalchemy import select

from app import clock, jobs
from app.commands.payments import (
    notices,
    repairs,
)
from app.db import db, end_read
from app.failpoints import POINTS
from app.gateways.base import GatewayUnreachable
from app.gateways.sandbox import post, script
from app.gateways.sandbox.cards import Fault
from app.gateways.sandbox.tables import (
    Call,
    ChargeState,
    Manner,
    SandboxEvent,
)
from app.jobs import registry
from app.jobs.execution import is_due
from app.models import (
    PostProcessing,
    ProcessorEvent,
    StagedJob,
)
from tests.commands import moving
from tests.faults.trade import (
    GATEWAY,
    answer_dispute,
    apply,
    ask,
    ask_for_invoice,
    bank_decides,
    bank_settles,
    bill,
    book,
    bounce,
    cancel,
    capture,
    chosen,
    confirm,
    contest,
    credit,
    customer_pays,
    decide_refund,
    edit,
    end_refund,
    give_up,
    money_comes,
    order,
    pay,
    pay_out,
    payout,
    refund,
    refund_by_hand,
    request,
    send_link,
    sign,
    submit,
    sync,
    take_off,
    void,
    write_off,
)
from tests.faults.world import GAPS, Fate, Verb, World

MAIL = ("documents.render", "mails.deliver")
SYNC = "settlement.sync_all"
SWEEPS = (
    "inquiries.sweep",
    "movements.sweep",
    "authorizations.watch",
    "payment_links.expire_due",
    "orders.expire_approvals",
    "approvals.release",
    "activation.start_due",
    "disputes.remind",
    "gateways.probe",
    SYNC,
)


# The processor's events


def events_come(w: World) -> str:
    """In any order, some twice, some forged, stale or about another account."""
    ids = list(db.session.scalars(select(SandboxEvent.id).order_by(SandboxEvent.id.desc()).limit(12)))
    end_read()
    w.pick(ids)
    w.rng.shuffle(ids)
    sent = []
    for event_id in ids[: w.rng.randint(1, 6)]:
        manner = Manner.TRUE if w.often(85) else w.pick(list(Manner))
        sent += [post.post(event_id, manner) for _ in range(w.pick((1, 1, 2)))]
    assert set(sent) <= {200, 400, None}, f"events were answered with {sent}"
    return str(sent)


def replay(w: World) -> str:
    return str(notices.replay(chosen(w, ProcessorEvent).id, by=w.boss).status)


# Workers and clocks


def due(w: World) -> list[int]:
    """In most lives nobody fetches the mail and its papers: they have tests of their own, and take most of the time."""
    wanted = [is_due(clock.now())] if w.with_mail else [is_due(clock.now()), StagedJob.kind.not_in(MAIL)]
    ids = list(db.session.scalars(select(StagedJob.id).where(*wanted).order_by(StagedJob.run_after, StagedJob.id)))
    end_read()
    return ids


def run_due(w: World) -> int:
    """A worker does what is due, and what comes of it, until nothing is."""
    count = 0
    while ids := due(w):
        count += sum(jobs.execution.run(job_id) for job_id in ids)
    return count


def look_around(w: World, *, sync: bool = True) -> int:
    """What the clock has done all day long, without its own rows; `jobs.test_clock` is about those."""
    calls = {tick.name: tick.call for tick in registry.ticks()}
    for name in SWEEPS:
        try:
            if sync or name != SYNC:
                calls[name]()
        except GatewayUnreachable as silence:
            w.steps.append(f"{name}: {silence}")
        end_read()
    return run_due(w)


def work(w: World) -> str:
    """A worker takes some of the jobs that are due, in whatever order."""
    ids = due(w)
    w.pick(ids)
    w.rng.shuffle(ids)
    return str(sum(jobs.execution.run(job_id) for job_id in ids[: w.rng.randint(1, 8)]))


def tick(w: World) -> str:
    """Time passes, seldom back; then the clock looks around, and a worker does what is due."""
    seconds = w.pick((5, 16, 31, 61, 61, 301, 601, 1801, 3601, 86_400, 8 * 86_400, -600))
    w.let_pass(seconds)
    return f"{seconds} s, {look_around(w, sync=w.often(15))} jobs"


def repair(w: World) -> str:
    return str(repairs.retry(chosen(w, PostProcessing).id, by=w.boss))


# What goes wrong


def script_next(w: World) -> str:
    call = w.pick((Call.CHARGE, Call.CHARGE, Call.CHARGE, Call.REFUND, Call.REFUND, Call.CAPTURE, Call.VOID, Call.ASK))
    faults = [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.TIMEOUT_AFTER, Fault.ERROR, Fault.TOO_MANY]
    ends = {
        Call.CHARGE: [ChargeState.DECLINED, ChargeState.PENDING, ChargeState.REQUIRES_ACTION],
        Call.REFUND: [ChargeState.DECLINED, ChargeState.PENDING],
    }.get(call, [])
    state = w.pick(ends) if ends and w.often(45) else None
    code = "card_declined" if state is ChargeState.DECLINED else None
    fault = w.pick(faults) if state is None or w.often(30) else None
    end_read()
    script.next_call(call, state=state, decline_code=code, fault=fault)
    return f"{call}: {state} {fault}"


def gateway_goes(w: World) -> str:
    end_read()
    act = w.pick((script.take_down, script.bring_up, script.bring_up, script.silence, script.let_speak))
    act(GATEWAY)
    return act.__name__


def hold_first(w: World) -> str:
    """From now on cards are only authorized, or charged at once again."""
    later = w.often(60)
    moving.capture_later(later)
    return str(later)


def crash(w: World) -> str:
    """Whatever comes next dies at one of its commits, or where a failpoint is."""
    if w.often(60):
        w.fated(Fate("commit", after=w.rng.randrange(8)))
    else:
        w.fated(Fate(w.pick(sorted(POINTS)), after=w.pick((0, 0, 0, 1))))
    assert w.fate is not None
    return f"at {w.fate.point} after {w.fate.after}"


def meanwhile(w: World) -> str:
    """Another process does something while the next one is in the middle of its own."""
    what = w.pick(BESIDE)
    w.fated(Fate(w.pick(GAPS), meanwhile=what))
    assert w.fate is not None
    return f"{what.__name__} at {w.fate.point}"


def die(w: World) -> str:
    """As `crash`, and the process is a real one, ended by a real SIGKILL."""
    verb = w.rng.choices(list(MORTAL), list(MORTAL.values()))[0]
    if w.often(50):
        return w.die(verb, Fate("commit", after=w.rng.randrange(8), for_real=True))
    return w.die(verb, Fate(w.pick(FATAL.get(verb, EVERYWHERE)), for_real=True))


BESIDE: tuple[Verb, ...] = (pay, customer_pays, edit, cancel, refund, capture, void, money_comes)
BESIDE += (events_come, work, tick, contest, refund_by_hand)

CHARGING = [point for point in POINTS if point.startswith(("charge.", "post_processing."))]
MOVING = [point for point in POINTS if point.startswith(("movement.", "post_processing."))]
EVERYWHERE = sorted(POINTS)
FATAL: dict[Verb, list[str]] = {pay: sorted(CHARGING), customer_pays: sorted(CHARGING)}
FATAL |= dict.fromkeys((refund, capture, void), sorted(MOVING))
FATAL[events_come] = ["notice.stored", "job.staged"]
MORTAL: dict[Verb, int] = {pay: 8, customer_pays: 4, refund: 4, capture: 2, void: 2, events_come: 3, work: 3, tick: 3}

# How often each happens, beside the others.
WEIGHTS: dict[Verb, int] = {
    order: 6,
    submit: 4,
    sign: 4,
    edit: 3,
    cancel: 2,
    book: 2,
    request: 4,
    bill: 3,
    ask_for_invoice: 3,
    send_link: 2,
    pay: 14,
    customer_pays: 9,
    confirm: 4,
    give_up: 1,
    ask: 2,
    bank_settles: 3,
    capture: 5,
    void: 3,
    refund: 8,
    decide_refund: 3,
    refund_by_hand: 3,
    end_refund: 3,
    contest: 4,
    bank_decides: 4,
    answer_dispute: 2,
    money_comes: 5,
    bounce: 2,
    apply: 3,
    take_off: 3,
    pay_out: 2,
    credit: 3,
    write_off: 1,
    payout: 3,
    sync: 2,
    events_come: 8,
    replay: 1,
    work: 6,
    tick: 12,
    repair: 1,
    script_next: 8,
    gateway_goes: 2,
    hold_first: 3,
    crash: 8,
    meanwhile: 6,
}
# The same with real processes that are really killed.
DEADLY = {verb: weight for verb, weight in WEIGHTS.items() if verb is not crash} | {die: 40}
