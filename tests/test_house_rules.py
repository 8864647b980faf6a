"""The house rules (STYLE.md), over the real modules, templates and addresses. Each rule proves that it can fail."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from flask import Blueprint, Flask

from app import links
from app.access import Role, public
from app.commands.orders import approvals
from app.db import assert_no_transaction, db, transaction
from app.models import PaymentIntent
from tests import factories, moves, plans, waiting
from tests.conftest import Client
from tests.house import modules, panels, routes, templates, words, world
from tests.ledgers import samples as receivables_of

BAD_MODULES = {
    modules.oversized: {"app/commands/orders.py": "\n" * 401},
    modules.nameless: {"app/queries/order_helpers.py": ""},
    modules.frozen_dataclasses: {"app/queries/orders.py": "@dataclass(frozen=True)\nclass Line:\n    name: str"},
    modules.committers: {"app/commands/orders.py": "def book():\n    db.session.commit()"},
    modules.status_writers: {"app/commands/orders.py": "order.status = OrderStatus.ACTIVE"},
    modules.upward_arrows: {"app/models/order.py": "from ..commands import orders", "app/commands/orders.py": ""},
    words.untranslated: {"app/commands/orders.py": 'raise Refusal("late", f"{order.number} is booked.")'},
    world.spoken_to_elsewhere: {"app/commands/mails.py": "import smtplib"},
    world.unguarded: {"app/gateways/new.py": "class New:\n    def charge(self, request):\n        return ask(request)"},
}
BAD_TEMPLATES = {
    templates.forms_without_csrf: {"orders/edit.html": '<form method="post"><button>Save</button></form>'},
    templates.mails_without_text: {"emails/receipt.html": "<p>Thank you</p>"},
    templates.refused_by_policy: {"orders/show.html": "<p style=\"color:red\">x</p><script>alert('x')</script>"},
    templates.unescaped: {"orders/show.html": "{{ note.body|safe }}"},
}


@pytest.mark.parametrize("rule", BAD_MODULES, ids=lambda rule: rule.__name__)
def test_modules(rule) -> None:
    assert rule(modules.sources()) == []
    assert rule(BAD_MODULES[rule]) != []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/commands/a.py", "session.execute(update(Order).values(status='active'))"),
        ("app/commands/a.py", "query.update({'status': 'active'})"),
        ("app/commands/a.py", "a, order.status = 1, 2"),
    ],
)
def test_a_status_is_seen_however_it_is_written(path: str, text: str) -> None:
    assert modules.status_writers({path: text}) != []


@pytest.mark.parametrize(
    "text",
    [
        'Refusal("late", "Booked.", f"Ask {name}.")',
        'Refusal("late", "Booked: {}".format(number))',
        'Refusal("late", "Booked " + number)',
        'Refusal("late", "Booked." if booked else "Cancelled.")',
        'StaleVersion(f"{number} was changed.", 3)',
        'def f():\n    sentence = f"{number} is booked."\n    raise Refusal("late", sentence)',
        'Refusal("late", sentence="Booked: %s" % number)',
    ],
)
def test_a_sentence_that_no_translator_sees_is_found_however_it_is_put_together(text: str) -> None:
    assert words.untranslated({"app/commands/a.py": text}) != []


@pytest.mark.parametrize(
    "text",
    [
        'Refusal("late", "%(order)s is booked.", "Ask an admin.", order=order.number)',
        'Refusal("late", plan.reason, who_can(Permission.ORDER_BOOK))',
        'def f():\n    sentence = marked("Booked.")\n    raise Refusal("late", sentence)',
    ],
)
def test_a_sentence_that_is_collected_or_was_said_elsewhere_is_left_alone(text: str) -> None:
    assert words.untranslated({"app/commands/a.py": text}) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/states/order.py", "from ..errors import Refusal"),
        ("app/queries/orders.py", "def f():\n    from app.blueprints.orders import show"),
        ("app/gateways/stripe.py", "from .. import jobs, commands"),
        ("app/jobs/__init__.py", "from ..commands import mails"),
        ("app/money.py", "import app.clock"),
    ],
)
def test_an_arrow_upwards_is_seen_wherever_it_hides(path: str, text: str) -> None:
    rooms = ("blueprints/orders", "commands/mails", "commands/__init__", "jobs/__init__", "errors", "clock")
    files = {f"app/{room}.py": "" for room in rooms}
    assert modules.upward_arrows(files | {path: text}) != []


def test_a_worker_loads_its_heavy_tools_only_when_it_needs_them() -> None:
    assert world.spoken_to_elsewhere({"app/documents/rendering.py": "import weasyprint"}) != []
    assert world.spoken_to_elsewhere({"app/documents/rendering.py": "def f():\n    import weasyprint"}) == []


@pytest.mark.parametrize("rule", BAD_TEMPLATES, ids=lambda rule: rule.__name__)
def test_templates(rule) -> None:
    assert rule(templates.sources()) == []
    assert rule(BAD_TEMPLATES[rule]) != []


@pytest.fixture
def crooked() -> Flask:
    """An application that breaks every rule about addresses."""
    app = Flask("crooked")
    bp = Blueprint("orders", __name__)

    @bp.route("/orders/Show_All/<order_id>", methods=["GET", "POST"])
    def show(order_id: int) -> str:
        return f"order {order_id}"

    app.register_blueprint(bp)
    return app


@pytest.mark.parametrize("rule", [routes.undeclared, routes.untidy], ids=lambda rule: rule.__name__)
def test_addresses(rule, app: Flask, crooked: Flask) -> None:
    assert rule(app) == []
    assert rule(crooked) != []


@pytest.fixture
def samples(app: Flask) -> dict[str, object]:
    """Something to show at every address that has a part to fill in."""
    admin = factories.user(Role.ADMIN)
    order = factories.order(owner=admin)
    approval = approvals.submit(factories.order(owner=admin).id, by=admin)
    intent = db.session.query(PaymentIntent).one()
    asked = moves.asked(factories.account())
    return {
        "orders.number": order.number,
        "quotes.number": factories.approved_quote(owner=admin).number,
        "accounts.number": factories.account().number,
        "agreements.number": plans.by_hand(active=False).number,
        "invoices.number": factories.invoice(order).number,
        "payments.number": intent.payment_order.number,
        **receivables_of(admin),
        "sandbox_console.gateway": "sandbox",
        "approve.token": links.mint("approve", approval.public_id, approval.generation),
        "pay.token": links.mint("pay", intent.public_id, intent.generation),
        "admin.gateway": "sandbox",
        "admin.route": "cards",
        "admin.kind": "payment_link",
        "admin.migration_id": moves.migration().id,
        "agreements.day": moves.run().day.isoformat(),
        "operations.event_id": waiting.event().id,
        "operations.escalation_id": waiting.escalation().id,
        "operations.queue": "charges",
        "operations.mail_id": waiting.failed_link_mail().id,
        "operations.suppressed_id": waiting.suppressed().id,
        "operations.gateway": "sandbox",
        "accounts.method_id": moves.card(factories.account()).id,
        "add-method.token": links.mint("method", asked.public_id, asked.generation),
        "token": "nothing-we-signed",
    }


def test_no_staff_address_is_reachable_without_a_session(app, crooked, client, samples) -> None:
    assert routes.reachable_without_session(app, client, samples) == []
    assert routes.reachable_without_session(crooked, crooked.test_client(), {"order_id": 7}) != []


def test_a_get_never_writes(app: Flask, client: Client, samples: dict[str, object]) -> None:
    """Driven as an admin; `data_version` moves as soon as anybody else commits to the file."""
    client.sign_in(factories.user(Role.ADMIN))
    watcher = sqlite3.connect(Path(str(db.engine.url.database)))
    version = watcher.execute("PRAGMA data_version").fetchone()
    for rule in routes.rules(app):
        if "GET" not in (rule.methods or ()):
            continue
        for headers in (routes.PAGE, routes.FRAGMENT):
            answer = client.get(routes.build(rule, samples), headers=headers)
            assert answer.status_code < 500, rule
            assert watcher.execute("PRAGMA data_version").fetchone() == version, f"{rule.rule} wrote"


def test_every_panel_answers_as_a_page_and_as_a_fragment(app: Flask, client: Client, samples) -> None:
    client.sign_in(factories.user(Role.ADMIN))
    assert panels.torn(app, client, samples, panels.names(templates.sources())) == []
    assert panels.torn(app, client, samples, [("orders", "nowhere")]) != []


def test_a_torn_panel_is_seen(crooked: Flask) -> None:
    @crooked.get("/pay", endpoint="orders.payment")
    def payment() -> str:
        return "<p>half a panel</p>"

    assert len(panels.torn(crooked, crooked.test_client(), {}, [("orders", "payment")])) == 2


def test_a_get_cannot_write(app: Flask) -> None:
    @app.get("/sneaky")
    @public
    def sneaky() -> str:
        with transaction():
            return "written"

    with pytest.raises(RuntimeError, match="must not write"):
        app.test_client().get("/sneaky")


def test_the_world_is_not_called_inside_a_transaction(app: Flask) -> None:
    with transaction(), pytest.raises(RuntimeError, match="while calling the world"):
        assert_no_transaction()
