"""Who may do what, kept here as a table of its own: changing a grant means changing it twice, on purpose."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app import access, settings
from app.access import GRANTS, ROLE_NAMES, SENTENCES, Permission, Role
from app.commands.office import settings as turning
from app.errors import Refusal
from app.models import User
from tests import factories
from tests.conftest import Client
from tests.house import routes

# s salesperson · m sales manager · o order management · r revenue operations · b billing · a AR · c customer operations
# p payment operations · P payment admin · f fulfillment operations · A admin · v read-only
LETTERS = dict(zip("smorbacpPfAv", Role, strict=True))

TABLE = """
quote.view                 s m o r b a c p P . A v
quote.edit                 s m . . . . . . . . A .
quote.approve              . m . . . . . . . . A .
quote.convert              s m . . . . . . . . A .
order.view                 s m o r b a c p P f A v
order.edit                 s m o . . . . . . . A .
order.submit_for_approval  s m . . . . . . . . A .
order.book                 . m o . . . . . . . A .
order.cancel               s m o . . . . . . . A .
order.terminate            . m . . b a . . . . A .
order.note                 s m o r b a c p P f A .
account.view               s m o r b a c p P . A v
account.edit               s m . . b . . . . . A .
agreement.view             s m o r b a c p P . A v
agreement.manage           . m . . b a . . . . A .
recurring_run.operate      . . . . b a . . . . A .
invoice.view               s m o r b a c p P . A v
invoice.issue              . . . . b a . . . . A .
invoice.send               s m . . b a . . . . A .
invoice.remind             . m . . b a . . . . A .
payment.view               s m o r b a c p P . A v
payment.collect            s m . . . a . . . . A .
payment_order.create       s m . . . a . . . . A .
payment_link.send          s m . . . a . p . . A .
payment.ask_gateway        . . . . . a . p P . A .
payment.operate            . . . . . . . p P . A .
payment.capture            . . . . . . . p P . A .
payment.void               . . . . . . . p P . A .
payment.refund             . . . . . a . p P . A .
refund.approve             . . . . . a . . P . A .
receipt.record_offline     . . . . . a . . . . A .
receipt.allocate           . . . . . a . . . . A .
receivables.repair         . . . . . a . p . . A .
credit_note.issue          . . . . b a . . . . A .
invoice.write_off          . . . . . a . . . . A .
receivables.view           . . . . b a . p P . A v
dispute.record             . . . . . a . p P . A .
settlement.view            . . . . . a . p P . A .
settlement.sync            . . . . . a . p . . A .
report.view                . m . . b a . p P . A v
method.view                s m o r b a c p P . A v
sandbox.operate            . . . . . . . p P . A .
method.add                 s m . . . a . p P . A .
method.detach              . . . . . . . . P . A .
gateway.manage             . . . . . . . . P . A .
event.view                 . . . . . . . p P . A .
event.replay               . . . . . . . p P . A .
escalation.view            . m . . . a . p P . A .
escalation.resolve         . m . . . a . p P . A .
billing.hold               . . . . b a . . . . A .
mail.resend                s m o . b a . p . . A .
mail.operate               . . . . . a . p . . A .
mail.lift_suppression      . . . . . a . . . . A .
email_settings.edit        . . . . . . . . . . A .
settings.edit              . . . . . . . . . . A .
user.manage                . . . . . . . . . . A .
audit.view                 . . . . . . . . P . A .
"""


def expected() -> dict[Permission, set[Role]]:
    rows = (line.split() for line in TABLE.strip().splitlines())
    return {Permission(name): {LETTERS[c] for c in cells if c != "."} for name, *cells in rows}


def test_every_permission_and_role_has_its_words() -> None:
    assert set(SENTENCES) == set(Permission) and set(ROLE_NAMES) == set(Role) == set(GRANTS)


def test_the_grants_are_those_of_the_table() -> None:
    assert {p: {r for r in Role if p in GRANTS[r]} for p in Permission} == expected()


@pytest.mark.parametrize("role", Role)
def test_every_role_by_every_permission(app: Flask, role: Role) -> None:
    user = factories.user(role)
    for permission, roles in expected().items():
        assert access.can(permission, user) is (role in roles), permission
        refusal = access.why_not(user, permission)
        if refusal is None:
            access.demand(user, permission)
            continue
        assert SENTENCES[permission] in refusal.sentence and refusal.help.startswith("Ask ") and refusal.status == 403
        with pytest.raises(Refusal):
            access.demand(user, permission)


def rules_by_permissions(app: Flask) -> dict[tuple[Permission, ...], list[Rule]]:
    found: dict[tuple[Permission, ...], list[Rule]] = {}
    for rule in routes.rules(app):
        if rule.endpoint not in ("auth.sign_out", "auth.sign_out_everywhere"):
            found.setdefault(routes.permissions_of(app, rule), []).append(rule)
    return found


def refused(client: Client, rules: list[Rule]) -> dict[str, bool]:
    return {
        f"{method} {rule.rule}": client.open(
            routes.build(rule, {"number": "X-0", "token": "x"}), method=method
        ).status_code
        == 403
        for rule in rules
        for method in sorted((rule.methods or set()) & {"GET", "POST"})
    }


def test_each_address_opens_by_what_it_asks_for_and_by_nothing_else(app: Flask, client: Client) -> None:
    """Permission is asked before anything is looked up: who may not gets 403 even for what does not exist."""
    by_permissions = rules_by_permissions(app)
    assert sum(map(len, by_permissions.values())) > 200
    for needed, rules in by_permissions.items():
        for permission in needed:
            client.sign_in(factories.user(roles=[], grants=[permission]))
            assert not any((answers := refused(client, rules)).values()), (permission, answers)
        others = [p for p in Permission if p not in needed]
        client.sign_in(factories.user(roles=[], grants=others))
        answers = refused(client, rules)
        assert all(answers.values()) if needed else not any(answers.values()), (needed, answers)


def test_roles_add_up_and_a_single_grant_adds_one_permission(app: Flask) -> None:
    both = factories.user(Role.READ_ONLY, roles=["read_only", "billing"])
    assert access.can(Permission.BILLING_HOLD, both)
    granted = factories.user(Role.READ_ONLY, grants=["payment.collect"])
    assert access.can(Permission.PAYMENT_COLLECT, granted) and not access.can(Permission.PAYMENT_LINK_SEND, granted)
    nobody = factories.user(roles=[])
    assert not any(access.can(p, nobody) for p in Permission)


def people_with_submit() -> dict[str, User]:
    return {
        "a salesperson": factories.user(Role.SALESPERSON),
        "one who is also a manager": factories.user(roles=["salesperson", "sales_manager"]),
        "one with a grant of their own": factories.user(
            Role.SALESPERSON, grants=["order.submit_for_approval", "payment.collect"]
        ),
        "a manager": factories.user(Role.SALES_MANAGER),
    }


@pytest.mark.parametrize(
    ("submit", "payment", "may_submit", "may_collect"),
    [(True, True, True, True), (True, False, True, False), (False, True, False, True), (False, False, False, False)],
)
def test_the_switches_bind_whoever_is_a_salesperson_only(
    app: Flask, submit: bool, payment: bool, may_submit: bool, may_collect: bool
) -> None:
    admin = factories.user(Role.ADMIN)
    turning.turn(settings.SALESPEOPLE_PAYMENT.key, payment, by=admin)
    turning.turn(settings.SALESPEOPLE_SUBMIT.key, submit, by=admin)
    for who, user in people_with_submit().items():
        bound = who == "a salesperson"
        assert access.can(Permission.ORDER_SUBMIT, user) is (may_submit or not bound), who
        assert access.can(Permission.PAYMENT_COLLECT, user) is (may_collect or not bound), who
        assert access.can(Permission.PAYMENT_LINK_SEND, user), who
    assert access.salespeople_may_submit(fresh=True) is submit
    assert access.salespeople_may_take_payment(fresh=True) is payment


def test_a_refusal_by_a_switch_says_who_can_help(app: Flask) -> None:
    turning.turn(settings.SALESPEOPLE_SUBMIT.key, False, by=factories.user(Role.ADMIN))
    refusal = access.why_not(factories.user(Role.SALESPERSON), Permission.ORDER_SUBMIT)
    assert refusal and refusal.code == "switched_off" and "sales manager" in refusal.help
