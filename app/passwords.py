"""Passwords: argon2id, and what a new one must be.

Sources: NIST SP 800-63B-4, 3.1.1 (length and a blocklist, no rules of composition, Unicode normalized);
OWASP Password Storage Cheat Sheet (argon2id with 19 MiB, 2 passes, 1 lane: a web worker stays small).
"""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import gettext

SHORTEST = 12
LONGEST = 256
UNUSABLE = "!"

# What people take when twelve characters are asked for; compared without digits, signs and case.
COMMON = frozenset(
    {
        "abcdefghijkl",
        "administrator",
        "changeme",
        "changemenow",
        "correcthorsebatterystaple",
        "iloveyou",
        "letmein",
        "letmeinplease",
        "mypassword",
        "passphrase",
        "password",
        "passwordpassword",
        "passwort",
        "qwertyqwerty",
        "qwertyuiop",
        "qwertzuiop",
        "superman",
        "trustnoone",
        "welcome",
        "welcomeback",
    }
)

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# What nobody's password is compared with: written down, since to hash one took its time at every start.
_DECOY = f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}${'A' * 22}${'A' * 43}"


def hashed(password: str) -> str:
    return _hasher.hash(_normal(password))


def matches(stored: str | None, typed: str) -> bool:
    """Takes as long where there is nobody, or nobody's password yet, as where there is."""
    known = stored is not None and stored != UNUSABLE
    try:
        _hasher.verify(stored if known and stored else _DECOY, _normal(typed[:LONGEST]))
    except (VerificationError, InvalidHashError):
        return False
    return known


def weakness(password: str, *about: str) -> str | None:
    """Why a new password will not do, as a sentence; None if it will. `about`: names that it must not be made of."""
    normal = _normal(password)
    if len(normal) < SHORTEST:
        return gettext("Use at least %(n)s characters; a few words in a row are easy to remember.", n=SHORTEST)
    if len(normal) > LONGEST:
        return gettext("Use at most %(n)s characters.", n=LONGEST)
    letters = "".join(c for c in normal.casefold() if c.isalpha())
    if letters in COMMON or len(set(normal)) < 4 or _is_run(normal):
        return gettext("This is among the first passwords that anybody would try. Take something of your own.")
    if any(letters == word for name in about for word in _words(name)):
        return gettext("This is your name or the company's; take something that cannot be looked up.")
    return None


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _is_run(password: str) -> bool:
    """`123456789012`, `abcdefghijkl`, `zyxwvutsrqpo`."""
    steps = {(ord(b) - ord(a)) % 10 for a, b in zip(password, password[1:], strict=False)}
    return steps in ({1}, {9})


def _words(name: str) -> set[str]:
    parts = "".join(c if c.isalpha() else " " for c in name.casefold()).split()
    return {"".join(parts), *parts}
