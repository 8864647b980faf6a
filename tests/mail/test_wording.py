"""The words of Order Email Settings: what may stand in them, and what is said where something may not."""

from __future__ import annotations

import time

import pytest
from flask import Flask

from app.mail import examples, wording
from app.mail.kinds import PaymentLink
from app.mail.wording import Unusable, facts_of, fault, filled
from tests import factories

FACTS = {"name": "Maria Keller", "first_name": "Maria", "amount": "€119.00", "purpose": "", "owner": ""}


def refused(source: str) -> str:
    found = fault(source, PaymentLink, longest=wording.LONGEST_BODY)
    assert found is not None, source
    return str(found)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Dear {{ first_name }}, please pay {{ amount }}.", "Dear Maria, please pay €119.00."),
        ("{% if purpose %}For {{ purpose }}.{% else %}Thank you.{% endif %}", "Thank you."),
        ("{{ name|upper }} {{ 'x' if name == 'Maria Keller' and not owner }}", "MARIA KELLER x"),
        ("{# nobody sees this #}{{ amount }}", "€119.00"),
    ],
)
def test_names_conditions_and_filters(app: Flask, source: str, text: str) -> None:
    assert fault(source, PaymentLink, longest=200) is None
    assert filled(source, FACTS) == text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("fine\n{{ name.__class__ }}", "Line 2: Looking into a value is not allowed here"),
        ("{{ name['x'] }}", "Line 1: Looking into a value"),
        ("{{ range(9) }}", "Calling something"),
        ("{% for x in name %}{{ x }}{% endfor %}", "Repeating is not allowed"),
        ("{{ 'a' * 1000000000 }}", "“mul” is not allowed"),
        ("{{ 9 ** 9 ** 9 }}", "“pow” is not allowed"),
        ("{% set name = 'x' %}", "“assign” is not allowed"),
        ("{% include 'emails/_layout.html' %}", "“include” is not allowed"),
        ("{{ self }}", "There is no “self” in this mail. There is: name, number, amount"),
        ("a\nb\n{{ nmae }}", "Line 3: There is no “nmae”"),
        ("{{ name|attr('x') }}", "There is no filter “attr”"),
        ("{{ name", "Line 1: This cannot be read: "),
        ("\n{% if name %}", "Line 2: This cannot be read: "),
        ("{{ " + "(" * 900 + "name" + ")" * 900 + " }}", "nested too deeply"),
        ("{{ " + "9" * 4400 + " }}", "a number or a chain that is too long"),
        ("{{ " + "name or " * 620 + "name }}", "a number or a chain that is too long"),
        ("x" * 5001, "At most 5000 characters"),
    ],
)
def test_what_is_not_allowed_is_told_with_its_line(app: Flask, source: str, words: str) -> None:
    assert words in refused(source)


def test_the_longest_template_costs_next_to_nothing(app: Flask) -> None:
    source = ("{% if name == name %}{{ name }}{% endif %}" * 200)[: wording.LONGEST_BODY]
    source = source[: source.rindex("{% endif %}") + len("{% endif %}")]
    began = time.process_time()
    assert fault(source, PaymentLink, longest=wording.LONGEST_BODY) is None
    filled(source, FACTS)
    assert time.process_time() - began < 3


def test_what_would_come_out_too_long_is_not_sent(app: Flask) -> None:
    with pytest.raises(Unusable):
        filled("{{ name }}" * 100, {"name": "x" * 1000})


@pytest.mark.parametrize("source", ['{{ "\\ud800" }}', '{{ "\\u0000" }}'])
def test_what_no_column_can_hold_is_not_sent(app: Flask, source: str) -> None:
    with pytest.raises(Unusable):
        filled(source, FACTS)


def test_a_name_that_is_missing_is_no_silence(app: Flask) -> None:
    with pytest.raises(Unusable):
        filled("{{ amount }}", {})


def test_facts_read_as_the_mail_says_them(app: Flask) -> None:
    company = factories.company()
    facts = facts_of(examples.of(PaymentLink), company, None)
    assert (facts["amount"], facts["first_name"], facts["company"]) == ("€14,463.00", "Maria", company.name)
    assert set(facts) == set(wording.names_of(PaymentLink))


def test_paragraphs_end_with_an_empty_line() -> None:
    assert wording.paragraphs("One\r\ntwo\r\n\r\n\r\nThree\n") == ("One\ntwo", "Three")
