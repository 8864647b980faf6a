"""As it runs for real: settings from the environment, PostgreSQL, Redis, SMTP, granian, a worker and a clock, and
people with browsers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from app import passwords
from app.access import Role
from app.db import db, lock, transaction
from app.models import Contact, Quote, User
from app.queries import invariants
from tests import card_numbers, factories
from tests.browser.checkout import Console, fits, type_card
from tests.card_numbers import overheard
from tests.conftest import make_app
from tests.engines import ROOT, MailServer, Postgres, free_port
from tests.faults.processes import Processes, until

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
CARD = "4242424242424242"
PASSWORD = "walnut river seven"
MONEY_OF_THE_SANDBOX = "yes-take-no-real-money"


@pytest.fixture
def app(postgres: Postgres, redis_url: str, smtp_server: MailServer, tmp_path: Path) -> Iterator[Flask]:
    """The tests' own view of production's database, which is empty."""
    postgres.execute("CREATE DATABASE production")
    application = make_app(
        postgres.url("production"),
        tmp_path,
        REDIS_URL=redis_url.removesuffix("/0") + "/1",  # another test's nudges are none of ours
        BASE_URL=f"http://127.0.0.1:{free_port()}",
        MAIL_TRANSPORT="smtp",
        SMTP_URL=f"smtp://{smtp_server.host}:{smtp_server.port}",
    )
    with application.app_context():
        yield application
        db.session.remove()
        db.engine.dispose()
    postgres.execute("DROP DATABASE production WITH (FORCE)")


@pytest.fixture
def house(app: Flask, tmp_path: Path) -> Iterator[Processes]:
    """Everything of production that is a process, set up by environment alone."""
    plain_url = app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")
    settings = {"ENV": "production", "SANDBOX": MONEY_OF_THE_SANDBOX, "DATABASE_URL": plain_url}
    processes = Processes(app, tmp_path, settings)
    yield processes
    processes.end()


def start(house: Processes) -> None:
    """As docs/production.md says."""
    port = house.app.config["BASE_URL"].rpartition(":")[2]
    web = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", port, "--workers", "2", "wsgi:app")
    house.launch("granian", "granian", *web)
    house.start("worker")
    house.start("clock")
    until(lambda: status(house, "/health") == 200, "the web server's start")


def command(house: Processes, *arguments: str) -> str:
    """What a `flask` command prints."""
    flask = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    done = subprocess.run(flask, cwd=ROOT, env=house.environ(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(house: Processes, path: str) -> int:
    try:
        return int(urlopen(house.app.config["BASE_URL"] + path, timeout=10).status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


@contextmanager
def visit(browser: Browser, house: Processes, size: dict[str, int]) -> Iterator[Page]:
    """Somebody's browser; it has nothing to complain about."""
    phone = size is PHONE
    options = {"base_url": house.app.config["BASE_URL"], "viewport": size, "is_mobile": phone, "has_touch": phone}
    with browser.new_context(**options) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(20_000)
        console = Console(page)
        yield page
        assert console.lines == []


def enter(page: Page, email: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Account of")).to_be_visible()


def mail(server: MailServer, subject: str) -> EmailMessage:
    """The one mail of that subject, once it has arrived."""

    def found() -> list[EmailMessage]:
        return [caught.message for caught in server.mails if subject in caught.message["Subject"]]

    until(found, f"the arrival of «{subject}»")
    (message,) = found()
    return message


def papers(message: EmailMessage) -> list[str]:
    """The names of the attached PDFs."""
    attached = list(message.iter_attachments())
    assert all(part.get_content().startswith(b"%PDF-") for part in attached)
    return [part.get_filename() or "" for part in attached]


def link_in(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    found = re.search(r"http://127\S+/approve/\S+", body.get_content())
    assert found is not None
    return found.group()


def the_first_admin_lets_themself_in(house: Processes, browser: Browser) -> None:
    printed = command(house, "users", "create-admin", "ruth@brightwater.test", "--name", "Ruth Adler")
    with visit(browser, house, DESK) as page:
        page.goto(printed.split()[-1])
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_label("again").fill(PASSWORD)
        page.get_by_role("button", name="Set the password").click()
        enter(page, "ruth@brightwater.test")


def a_quote_to_sell() -> Quote:
    """Whoever is in it can be written to: production sends nothing to .test."""
    factories.company(email="sales@brightwater.example")
    dana = factories.user(
        Role.SALESPERSON, name="Dana Reyes", email="dana@brightwater.example", password_hash=passwords.hashed(PASSWORD)
    )
    customer = factories.account()
    with transaction():
        contact = lock(Contact, customer.billing_contact_id)
        contact.email = "maria@northfield.example"
    terminal = factories.product(name="Bedside terminal")
    lines = [factories.line(1, sku=terminal.sku), factories.licence(2)]
    return factories.approved_quote(owner=dana, customer=customer, lines=lines, deposit_percent="10")


def the_salesperson_sends_it(page: Page, quote: Quote, owner: User) -> str:
    """From the quote to the customer; returns the order's address."""
    enter(page, owner.email)
    page.goto(f"/quotes/{quote.number}")
    page.get_by_role("button", name="Convert to order").click()
    expect(page.get_by_text("Ready to send to Maria Keller.")).to_be_visible()
    order = page.url
    page.get_by_role("link", name="Send for approval").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("paid by card in the same flow")).to_be_visible()
    dialog.get_by_role("button", name="Send for approval").click()
    expect(dialog).to_be_hidden()
    return order


def the_customer_signs_and_pays(page: Page, link: str) -> None:
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("Maria, your order for €410.55 is ready to sign.")
    assert fits(page)
    page.get_by_text("Type", exact=True).click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Sign and continue to payment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("€41.06")
    type_card(page, CARD)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Pay €41.06").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your order is confirmed.")
    assert fits(page)


@pytest.mark.browser
def test_from_an_empty_database_to_an_active_order(house: Processes, browser: Browser, smtp_server: MailServer) -> None:
    command(house, "db", "upgrade")
    with overheard(house.app.config["REDIS_URL"]) as heard:
        start(house)
        from_nothing_to_active(house, browser, smtp_server)
    assert invariants.broken(grace=timedelta(0)) == []
    assert [status(house, path) for path in ("/mailbox/", "/styleguide", "/nothing")] == [404, 404, 404]
    assert any("rq" in said for said in heard)
    assert places_that_say(CARD, house, smtp_server, heard) == []
    assert "payment_method" in places_that_say(CARD[-4:], house, smtp_server, heard)  # it looked at what was paid


def from_nothing_to_active(house: Processes, browser: Browser, smtp_server: MailServer) -> None:
    the_first_admin_lets_themself_in(house, browser)
    quote = a_quote_to_sell()
    with visit(browser, house, DESK) as salesperson, visit(browser, house, PHONE) as customer:
        order = the_salesperson_sends_it(salesperson, quote, quote.owner)
        request = mail(smtp_server, "ready to sign")
        assert len(papers(request)) == 1
        the_customer_signs_and_pays(customer, link_in(request))
        receipt = mail(smtp_server, "€41.06 paid")
        assert len(papers(receipt)) == 2
        salesperson.goto(order)
        expect(salesperson.get_by_text("Activated").first).to_be_visible()
        expect(salesperson.get_by_text("Visa ending 4242").first).to_be_visible()


def places_that_say(number: str, house: Processes, smtp_server: MailServer, heard: list[str]) -> list[str]:
    """Where the product wrote it down: PostgreSQL, its logs and files, its mails, what it told Redis."""
    mails = [caught.message for caught in smtp_server.mails]
    spoken = ["redis"] if any(card_numbers.written(number).search(said) for said in heard) else []
    found = (card_numbers.in_database(number), card_numbers.in_files(house.folder, number))
    return [*found[0], *found[1], *card_numbers.in_mails(mails, number), *spoken]


def test_it_does_not_start_without_its_settings_and_says_which(tmp_path: Path) -> None:
    """One sentence, from whatever is started."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}
    environ = bare | {"COUNTERSIGN_ENV": "production", "COUNTERSIGN_INSTANCE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", "import wsgi"], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "COUNTERSIGN_SECRET_KEY is missing; production does not start without one.\n"


def test_nothing_of_the_demo_is_there(sqlite_template: Path, tmp_path: Path) -> None:
    application = make_app(f"sqlite:///{sqlite_template}", tmp_path, PRODUCTION=True, SANDBOX=False)
    client, runner = application.test_client(), application.test_cli_runner()
    for path in ("/mailbox/", "/styleguide", "/sandbox/cards", "/sandbox/card-field", "/sandbox/3ds/x"):
        assert client.get(path).status_code == 404, path
    assert "stays out of production" in runner.invoke(args=["demo", "load"]).output
