"""What is taken for a card's number or an address of mail, and what is not."""

from __future__ import annotations

import pytest

from app import typed

# Published by the processors for testing; nobody's.
CARDS = (
    "4242424242424242",
    "4242 4242 4242 4242",
    "4242-4242-4242-4242",
    "4242\u00a04242\u00a04242\u00a04242",
    "4111111111111111",
    "4000056655665556",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "5200 8282 8282 8210",
    "378282246310005",
    "3782 822463 10005",
    "6011111111111117",
    "6011 0009 9013 9424",
    "3056930009020004",
    "36227206271667",
    "3566002020360505",
    "6200000000000005",
    "6759649826438453",
)


@pytest.mark.parametrize("number", CARDS)
@pytest.mark.parametrize(
    "around", ["{}", "Card: {}, please", "Visa {} 12/29 123", "{} 1229 123", "VISA{}", "2 cards\n{}\n", "1. {}"]
)
def test_a_card_number_is_seen_whatever_stands_around_it(number: str, around: str) -> None:
    assert typed.has_card_number(around.format(number))


@pytest.mark.parametrize(
    "words",
    [
        "",
        "4242424242424241",  # its last digit does not fit
        "1234567812345670",  # no brand begins like this
        "+49 170 123 4567",
        "+4917012345678",
        "+1 415 555 2671 or 415-555-2671 415-555-2672",
        "0049 89 1234 5678 90",
        "DE89 3704 0044 0532 0130 00",
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "BE68 5390 0754 7034",
        "NL91ABNA0417164300",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
        "1Z999AA10123456784",
        "9400 1000 0000 0000 0000 00",
        "RR123456785DE",
        "JD014600003828392937",
        "SO-1042, PO-5001, INV-00017 of 2026-11-25 10:30",
        "Order 4500012345, 12 × 1,240.00 EUR",
        "4.111.111,11",
        "ending 4242",
    ],
)
def test_other_numbers_are_none(words: str) -> None:
    assert not typed.has_card_number(words)


def test_a_long_text_of_digits_is_judged_at_once() -> None:
    assert not typed.has_card_number("1 " * 50_000)


@pytest.mark.parametrize("value", ["9" * 19, "9" * 5000, "-" + "9" * 30, "1.5", "", None, float("inf"), "٣x"])
def test_what_no_column_holds_is_no_whole_number(value: object) -> None:
    with pytest.raises(ValueError):
        typed.whole(value)


def test_controls_and_halves_of_characters_are_not_kept() -> None:
    assert typed.kept("Müller & Söhne\t(Köln) 🙂")
    assert typed.kept("one\r\ntwo", lines=True) and not typed.kept("one\ntwo")
    assert not any(typed.kept(f"a{c}b", lines=True) for c in "\x00\x1b\x7f\x85\ud800")


@pytest.mark.parametrize(
    ("text", "invented", "plain"),
    [
        ("Maria@Northfield.EXAMPLE", True, "Maria@northfield.example"),
        ("maria@bücher.example", True, "maria@xn--bcher-kva.example"),
        ("maria@northfield.test", False, None),
        ("mária@northfield.example", True, None),  # needs SMTPUTF8 (RFC 6531), which not every server has
        ("maria@", True, None),
    ],
)
def test_an_address_is_one_that_mail_can_go_to(text: str, invented: bool, plain: str | None) -> None:
    if plain is None:
        with pytest.raises(ValueError):
            typed.email(text, invented=invented, ascii=True)
    else:
        assert typed.email(text, invented=invented, ascii=True) == plain
