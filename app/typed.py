"""What people type, as far as records can hold it: no control characters, no numbers beyond 63 bits, and never the
number of a card. Sources: ISO/IEC 7812 (prefixes, lengths and the Luhn digit of card numbers), ISO 13616 (IBAN).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

LARGEST = 2**63 - 1

_STRANGE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")  # controls and lone surrogates
_STRANGE_IN_A_LINE = re.compile(_STRANGE.pattern[:-1] + r"\n\r]")

# By brand: what the number begins with, and how long it is.
_BRANDS = tuple(
    (re.compile(prefix), frozenset(lengths))
    for prefix, lengths in (
        (r"4", (13, 16, 19)),
        (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),
        (r"3[47]", (15,)),
        (r"6011|64[4-9]|65", range(16, 20)),
        (r"62|81", range(16, 20)),
        (r"35(2[89]|[3-8])", range(16, 20)),
        (r"30[0-5]|3095|3[689]", range(14, 20)),
        (r"5018|5020|5038|5893|6304|6759|676[1-3]", range(13, 20)),
    )
)
# Digits in groups, as people write them; two capitals before them are a country's or a series', a plus sign a phone's.
_GROUPS = re.compile(r"(?<!\d)\d+(?:[ \t\u00a0\u2009.\-\u2013]{1,2}\d+)*")
_PREFIXED = re.compile(r"(?:\b[A-Z]{2}|\+)$")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_DIGIT = re.compile(r"\d")
_LONGEST_PHONE = 15
_SHORTEST_CARD = 13
_LONGEST_CARD = 19


def whole(value: Any) -> int:
    """A whole number that a column can hold. Raises ValueError."""
    try:
        number = int(value)
    except (OverflowError, TypeError):  # infinity, and nothing
        raise ValueError("no whole number") from None
    if abs(number) > LARGEST:
        raise ValueError("more than a column holds")
    return number


def text(value: Any) -> str:
    """A line that a column can hold. Raises ValueError."""
    if not isinstance(value, str) or not kept(value):
        raise ValueError("no text")
    return value


def kept(words: str, *, lines: bool = False) -> bool:
    """Whether a database can keep `words` and a page can show it; with `lines`, line breaks and tabs are text, too."""
    return not (_STRANGE if lines else _STRANGE_IN_A_LINE).search(words)


def has_card_number(words: str) -> bool:
    """Whether a card's number stands in `words`, in one piece or in groups, whatever stands around it."""
    if len(_DIGIT.findall(words)) < _SHORTEST_CARD:  # nearly all words
        return False
    without = _IBAN.sub(lambda found: " x " if _is_iban(found[0]) else found[0], words)
    return any(_is_card(number) for number in _candidates(without))


def _candidates(words: str) -> Iterator[str]:
    """Each group, and neighbouring ones from the first on (the security code may follow) or up to the last. A card's
    first group has four digits at least; a phone number's has fewer."""
    for found in _GROUPS.finditer(words):
        groups = [_ascii(group) for group in re.findall(r"\d+", found[0])]
        prefix = _PREFIXED.search(words[max(0, found.start() - 3) : found.start()])
        if prefix and (prefix[0] != "+" or sum(map(len, groups)) <= _LONGEST_PHONE):
            continue
        first = [groups[:n] for n in range(2, min(len(groups), _LONGEST_CARD) + 1)]
        last = [groups[n:] for n in range(max(1, len(groups) - _LONGEST_CARD), len(groups) - 1)]
        yield from groups
        yield from ("".join(part) for part in (*first, *last) if len(part[0]) >= 4)


def _ascii(digits: str) -> str:
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)


def _is_card(number: str) -> bool:
    fits = any(prefix.match(number) and len(number) in lengths for prefix, lengths in _BRANDS)
    return fits and _luhn(number)


def _luhn(number: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number)))
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _is_iban(words: str) -> bool:
    plain = words.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def email(text: str, *, invented: bool, ascii: bool = False) -> str:
    """The address as it is written normally, or `ascii` as every mail server takes it. Raises ValueError. No name
    server is asked; `invented` allows domains that are none (RFC 2606)."""
    from email_validator import validate_email  # here, as few processes come to need it, and its patterns take time

    found = validate_email(text, check_deliverability=False, allow_smtputf8=not ascii, test_environment=invented)
    return (found.ascii_email if ascii else None) or found.normalized
