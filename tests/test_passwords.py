"""New passwords: long enough and not the first ones tried; checking takes as long for nobody as for somebody."""

from __future__ import annotations

from time import perf_counter

import pytest

from app import passwords


@pytest.mark.parametrize(
    "password", ["horse battery 9", "Wir fahren nach Kiel", "пароль-для-меня", "aaaaaaaaaaab cde f", " " * 8 + "spaces"]
)
def test_long_ones_of_any_script_will_do(password: str) -> None:
    assert passwords.weakness(password, "Dana Reyes", "dana@x.test", "Countersign") is None


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "x" * 257,
        "Password1234!",
        "passwordpassword",
        "123456789012",
        "zyxwvutsrqpo",
        "abababababab",
        "dana.reyes.1999",
        "Countersign-2026",
    ],
)
def test_what_anybody_would_try_first_is_refused(password: str) -> None:
    assert passwords.weakness(password, "Dana Reyes", "dana@brightwater.test", "Countersign")


def test_a_password_matches_itself_in_either_unicode_spelling() -> None:
    stored = passwords.hashed("Gr\u00f6\u00dfe und mehr")
    assert stored.startswith("$argon2id$")
    assert passwords.matches(stored, "Gro\u0308\u00dfe und mehr")
    assert not passwords.matches(stored, "Groesse und mehr")


@pytest.mark.parametrize("stored", [None, passwords.UNUSABLE, "not a hash"])
def test_nobody_matches(stored: str | None) -> None:
    assert not passwords.matches(stored, "nobody has this password")


def test_nobody_costs_as_much_as_somebody() -> None:
    stored = passwords.hashed("correct horse battery")

    def spent(known: str | None) -> float:
        before = perf_counter()
        for _ in range(3):
            passwords.matches(known, "wrong horse battery")
        return perf_counter() - before

    assert spent(None) > spent(stored) / 3
