"""Dunning policies: made and changed by an admin, each change a version of its own; a story under way keeps its own."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select, update

from ... import audit
from ...access import Permission, demand
from ...db import db, get, lock, transaction
from ...errors import Refusal
from ...models import Actor, DunningPolicy, DunningPolicyVersion, PaymentAgreement, User
from ...states.declines import DeclineClass
from ...states.dunning import ALLOWED, Action, Plan, PlannedStep
from ...values import Value
from ..agreements import holding

MOST_STEPS, LAST_DAY, MOST_PAST_DUE = 8, 90, 30


class Fault(Value):
    """What is wrong with a step, counted from 0; `about` is `day`, `action` or `customer`, or `steps` for all of
    them."""

    kind: DeclineClass
    step: int
    about: str
    sentence: str


def faults(plan: Plan) -> list[Fault]:
    """Everything that keeps a plan from being followed; the form shows each beside its field."""
    return [fault for kind in DeclineClass for fault in _faults_of(kind, plan.steps.get(kind, ()))]


def _faults_of(kind: DeclineClass, steps: tuple[PlannedStep, ...]) -> list[Fault]:
    if not steps or steps[-1].action is not Action.STOP:
        return [Fault(kind, max(len(steps) - 1, 0), "steps", _("The last step must be the end of the policy."))]
    if len(steps) > MOST_STEPS:
        return [Fault(kind, MOST_STEPS, "steps", _("At most %(most)s steps.", most=MOST_STEPS))]
    found = []
    for n, step in enumerate(steps):
        before = steps[n - 1].day if n else -1
        found += [Fault(kind, n, about, words) for about, words in _faults_at(kind, step, before, n == len(steps) - 1)]
    return found


def _faults_at(kind: DeclineClass, step: PlannedStep, before: int, last: bool) -> list[tuple[str, str]]:
    found = []
    if not 0 <= step.day <= LAST_DAY:
        found.append(("day", _("Take a whole number from 0 to %(most)s.", most=LAST_DAY)))
    elif step.day <= before:
        found.append(("day", _("Each step comes on a later day than the one before.")))
    elif step.action is Action.RETRY and step.day == 0:
        found.append(("day", _("Give the card at least a day before it is charged again.")))
    if step.action not in ALLOWED[kind]:
        found.append(("action", _("After such a decline the same card is not charged again by itself.")))
    elif step.action is Action.STOP and not last:
        found.append(("action", _("Only the last step may be the end.")))
    if step.action in (Action.AUTHENTICATE, Action.NEW_METHOD) and not step.customer:
        found.append(("customer", _("This step is a mail to the customer.")))
    return found


def save(policy_id: int | None, name: str, plan: Plan, *, by: User, version: int | None = None) -> DunningPolicy:
    """A new policy, or the next version of one; `version` is the one that the form was opened on.

    Raises Refusal: `not_permitted`, `policy_unsound`, `name_missing`, `name_taken`, `stale_policy`,
    `nothing_changed`.
    """
    with transaction():
        demand(by, Permission.SETTINGS_EDIT)
        name = " ".join(name.split())
        _refuse_unsound(plan)
        row = lock(DunningPolicy, policy_id) if policy_id is not None else DunningPolicy(name=name)
        if policy_id is not None and version != row.version:
            raise Refusal(
                "stale_policy",
                "Somebody else changed this policy since the page was opened.",
                "Open it anew, and make your change there.",
            )
        _refuse_name(name, row.id)
        before = _told(row, current(row.id)) if policy_id is not None else None
        if before == {"name": name, **plan.as_dict()}:
            raise Refusal("nothing_changed", "Nothing is different from what it was.", status=422)
        row.name, row.version = name, (row.version or 0) + 1
        db.session.add(row)
        db.session.flush()
        _write(row, plan, by)
        audit.note("dunning_policy.save", name, by=Actor.of(by), before=before, after={"name": name, **plan.as_dict()})
        return row


def _write(row: DunningPolicy, plan: Plan, by: User) -> None:
    content = plan.as_dict()
    db.session.add(DunningPolicyVersion(policy_id=row.id, version=row.version, content=content, made_by=by.name))
    db.session.flush()


def _told(row: DunningPolicy, version: DunningPolicyVersion) -> dict[str, object]:
    return {"name": row.name, **version.content}


def _refuse_unsound(plan: Plan) -> None:
    for fault in faults(plan):
        raise Refusal("policy_unsound", fault.sentence, status=422)
    if not 0 <= plan.past_due_after <= MOST_PAST_DUE:
        raise Refusal(
            "policy_unsound",
            "The days until an agreement is past due are a whole number from 0 to %(most)s.",
            status=422,
            most=MOST_PAST_DUE,
        )


def _refuse_name(name: str, own_id: int | None) -> None:
    if not name or len(name) > 80:
        raise Refusal("name_missing", "Give the policy a name of at most 80 characters.", status=422)
    other = db.session.scalar(select(DunningPolicy.id).where(DunningPolicy.name == name))
    if other not in (None, own_id):
        raise Refusal("name_taken", "Another policy is called %(name)s.", "Choose another name.", name=name)


def make_standard(policy_id: int, *, by: User) -> DunningPolicy:
    """Agreements that name no policy run under it from their next decline on. Raises Refusal `not_permitted`."""
    with transaction() as session:
        demand(by, Permission.SETTINGS_EDIT)
        held = select(DunningPolicy).order_by(DunningPolicy.id).with_for_update()  # all: which one it is may change
        before = next(one for one in session.scalars(held.execution_options(populate_existing=True)) if one.standard)
        row = get(DunningPolicy, policy_id)
        if row.id == before.id:
            return row
        session.execute(update(DunningPolicy).where(DunningPolicy.id == before.id).values(standard=False))
        session.execute(update(DunningPolicy).where(DunningPolicy.id == row.id).values(standard=True))
        session.refresh(row)
        audit.note("dunning_policy.standard", row.name, by=Actor.of(by), before=before.name, after=row.name)
        return row


def current(policy_id: int | None) -> DunningPolicyVersion:
    """The newest version of a policy; None: of the standard one."""
    wanted = DunningPolicy.standard if policy_id is None else DunningPolicy.id == policy_id
    query = select(DunningPolicyVersion).join(DunningPolicy, DunningPolicy.id == DunningPolicyVersion.policy_id)
    return db.session.scalars(query.where(wanted, DunningPolicyVersion.version == DunningPolicy.version)).one()


def choose(agreement_id: int, policy_id: int | None, *, by: User) -> PaymentAgreement:
    """The policy that an agreement runs under from its next decline on; None: the standard one.

    Raises Refusal `not_permitted`.
    """
    with transaction():
        demand(by, Permission.AGREEMENT_MANAGE)
        row = holding.hold(agreement_id)
        if row.dunning_policy_id == policy_id:
            return row
        before, after = (_name(x) for x in (row.dunning_policy_id, policy_id))
        row.dunning_policy_id = policy_id
        row.record("dunning_policy", by=Actor.of(by), number=row.number, policy=after)
        audit.note("agreement.dunning_policy", row.number, by=Actor.of(by), before=before, after=after)
        return row


def _name(policy_id: int | None) -> str:
    return get(DunningPolicy, policy_id).name if policy_id is not None else "standard"
