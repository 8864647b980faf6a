"""Words for people: collected for translators, and read in the reader's language."""

from __future__ import annotations

import subprocess

import pytest
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask, g

from app.access import Role
from app.commands.orders import orders
from app.config import ROOT
from app.errors import Refusal, StaleVersion
from tests import factories


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    found = tmp_path_factory.mktemp("words") / "messages.pot"
    done = subprocess.run([ROOT / "bin/words", found], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    with found.open("rb") as file:
        return {str(message.id) for message in read_po(file)}


@pytest.mark.parametrize(
    "words",
    [
        "The payment plan asks for nothing by card at signature.",  # a refusal's sentence
        "Book it on terms.",  # its help
        "%(order)s is %(state)s; lines and terms are edited in draft only.",  # before facts
        "A payment admin can open a route for it.",  # a help before facts
        "Somebody saved this order after you opened it.",  # of another class
        "%(quote)s expired on %(date)s.",  # marked where it is kept
        "send payment links",  # what a permission allows
        "Added since",  # a template's
        "Visible to the customer",  # a form's
    ],
)
def test_every_kind_of_words_is_collected(collected: set[str], words: str) -> None:
    assert words in collected


class Bracketed(Translations):
    """A language for tests: everything in brackets."""

    def ugettext(self, message: str) -> str:
        return f"[{message}]"

    gettext = ugettext


def test_a_refusal_is_read_in_the_reader_s_language(app: Flask) -> None:
    refusal = Refusal("late", "%(order)s is late.", "Ask %(who)s.", order="SO-1", who="Ann")
    with app.test_request_context():
        assert (refusal.sentence, refusal.help) == ("SO-1 is late.", "Ask Ann.")
        g.catalogue = Bracketed()
        assert (refusal.sentence, refusal.help) == ("[SO-1 is late.]", "[Ask Ann.]")
    assert str(refusal) == "late: SO-1 is late."


def test_without_facts_nothing_is_filled_in_and_no_help_is_none(app: Flask) -> None:
    with app.test_request_context():
        assert Refusal("odd", "100 % is too much.").sentence == "100 % is too much."
        g.catalogue = Bracketed()
        assert Refusal("odd", "No.").help == ""
        assert StaleVersion("%(n)s has changed.", 2, n="Q-1").sentence == "[Q-1 has changed.]"


def test_the_status_in_a_sentence_is_translated_with_it(app: Flask) -> None:
    manager = factories.user(Role.ADMIN)
    order = factories.order(owner=manager)
    with app.test_request_context(method="POST"):
        with pytest.raises(Refusal) as caught:
            orders.convert_to_draft(order.id, because="Wrong price", by=manager)
        assert caught.value.code == "not_with_customer"
        assert caught.value.sentence == f"{order.number} is not with the customer: it is draft."
