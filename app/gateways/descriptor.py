"""What a bank statement can show of us. Source: Stripe, "Statement descriptors", the strictest of the processors."""

from __future__ import annotations

SHORTEST, LONGEST = 5, 22
FORBIDDEN = "<>\\'\"*"


def complaint(descriptor: str) -> str | None:
    """What is wrong with it, a sentence; None: it can stand on a statement."""
    if not SHORTEST <= len(descriptor) <= LONGEST:
        return f"A statement shows {SHORTEST} to {LONGEST} characters; this has {len(descriptor)}."
    if not (descriptor.isascii() and descriptor.isprintable()):
        return "A statement shows Latin letters, digits and plain signs only."
    if found := sorted(set(descriptor) & set(FORBIDDEN)):
        return f"A statement cannot show {' '.join(found)}."
    if not any(letter.isalpha() for letter in descriptor):
        return "A statement needs at least one letter."
    return None
