"""What the documents list is what there is."""

from __future__ import annotations

import re

from flask import Flask

from app import migrating, settings
from app.config import ROOT
from app.gateways.stripe.health import EVENTS
from app.queries.reports.posting import Ledger
from tests.house import templates

PRODUCTION = (ROOT / "docs" / "production.md").read_text()
ACCOUNTING = (ROOT / "docs" / "accounting.md").read_text()
STRIPE = (ROOT / "docs" / "stripe.md").read_text()
FAULTS = (ROOT / "docs" / "faults.md").read_text()
SECURITY = (ROOT / "docs" / "security.md").read_text()

# Whatever a customer's way to pay is made of.
CUSTOMERS = ("public/", "layouts/base", "layouts/public", "components/", "sandbox/card_field")


def test_every_variable_is_in_the_table_and_nothing_else() -> None:
    read = set(re.findall(r'read\("([A-Z_]+)"', (ROOT / "app" / "config.py").read_text()))
    listed = set(re.findall(r"^\| `COUNTERSIGN_([A-Z_]+)`", PRODUCTION, re.M))
    assert read == listed


def test_every_variable_of_stripes_is_in_its_table_and_every_event_in_its_list() -> None:
    read = set(re.findall(r'read\("([A-Z_]+)"', (ROOT / "app" / "gateways" / "stripe" / "keys.py").read_text()))
    assert read == set(re.findall(r"^\| `COUNTERSIGN_STRIPE_([A-Z_]+)`", STRIPE, re.M))
    listed = STRIPE.partition("## Events")[2].partition("An event is only")[0]
    assert set(EVENTS) == set(re.findall(r"`([a-z_.]+)`", listed))


def test_every_account_of_the_journal_is_listed_with_its_code() -> None:
    listed = dict(re.findall(r"^\| [A-Z]\w+ \| `([a-z.]+)` \| (\w+) \|", ACCOUNTING, re.M))
    assert listed == {definition.key: definition.default for definition in settings.LEDGER.values()}
    assert set(settings.LEDGER) == set(Ledger)


def test_every_script_on_the_way_to_payment_is_in_the_inventory() -> None:
    pages = {path: text for path, text in templates.sources().items() if path.startswith(CUSTOMERS)}
    named = {s for text in pages.values() for s in re.findall(r"""<script[^>]*?["'/]([\w.-]+\.js)['"]""", text)}
    inline = {path for path, text in pages.items() if re.search(r"<script(?![^>]*(src=|json))[^>]*>", text)}
    assert named == set(re.findall(r"`(?:js|vendor)/([\w.-]+)`", SECURITY))
    assert inline == set(re.findall(r"^\| inline[^|]*\| `([^`]+)`", SECURITY, re.M))


def test_the_commands_that_the_documents_name_exist(app: Flask) -> None:
    migrating.bind(app)
    for words in set(re.findall(r"flask (?:--app wsgi )?([a-z]+(?: [a-z-]+)?)", PRODUCTION)):
        command = app.cli
        for word in words.split()[: 2 if words.split()[0] in ("users", "db", "gateways") else 1]:
            assert word in command.commands, words
            command = command.commands[word]


def test_every_row_of_the_faults_names_tests_that_exist_or_says_that_it_has_none() -> None:
    rows = [line for line in FAULTS.splitlines() if line.startswith("| ") and not line.endswith("| shown by |")]
    named = {row: re.findall(r"`([a-z_/]+\.py)::(test_\w+)`", row) for row in rows}
    assert [row for row, tests in named.items() if not tests and "no test yet" not in row] == []
    for path, name in {test for tests in named.values() for test in tests}:
        assert re.search(rf"^def {name}\(", (ROOT / "tests" / path).read_text(), re.M), f"{path}::{name}"
