"""How people are greeted."""


def first_name(name: str) -> str:
    """How to greet: `Maria` for Maria Keller; the whole name where it starts with a title."""
    first = name.split()[0] if name.split() else ""
    return name if first.endswith(".") else first
