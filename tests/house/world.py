"""Checks that the world outside is spoken to from its own rooms only, and never inside a transaction."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .modules import Sources, parsed

# What speaks to the outside, and the rooms it may stand in.
ROOMS = {
    "smtplib": ("app/mail/",),
    "weasyprint": ("app/documents/", "app/jobs/worker.py"),
    "pyhanko": ("app/documents/",),
    "facturx": ("app/documents/",),
    "stripe": ("app/gateways/",),
    "requests": (),
    "httpx": (),
    "urllib.request": ("app/gateways/", "app/providers/"),
    "http.client": ("app/gateways/", "app/providers/"),
    "rq": ("app/jobs/",),
}
# Loaded only by workers, inside the function that needs it: a web process would carry 40 MiB for nothing.
LAZY = {"weasyprint", "pyhanko", "facturx"}

CALLS = {"charge", "look_up", "resume", "cancel", "refund", "void", "ensure_customer", "send"}
SPEAKERS = ("app/gateways/", "app/mail/", "app/providers/")
GUARD = "assert_no_transaction"


def spoken_to_elsewhere(files: Sources) -> list[str]:
    return [
        f"{path}:{line} imports {module} {'at the top' if lazy else 'outside its room'}"
        for path, text in files.items()
        for module, line, top in _imports(parsed(text))
        if (lazy := top and module in LAZY) or not path.startswith(ROOMS[module])
    ]


def _imports(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            for module in ROOMS:
                if name == module or name.startswith(f"{module}."):
                    yield module, node.lineno, node in tree.body


def unguarded(files: Sources) -> list[str]:
    """Methods that speak to the world make sure first that no transaction is open, or leave it to one that does."""
    found = []
    for path, text in files.items():
        if not path.startswith(SPEAKERS):
            continue
        for cls in (n for n in ast.walk(parsed(text)) if isinstance(n, ast.ClassDef) and not _is_protocol(n)):
            methods = {m.name: m for m in cls.body if isinstance(m, ast.FunctionDef)}
            guarded = {name for name, method in methods.items() if GUARD in _called(method)}
            for name in sorted(CALLS & set(methods) - guarded):
                if not guarded & _called(methods[name]):
                    found.append(f"{path}: {cls.name}.{name} does not call {GUARD}()")
    return found


def _is_protocol(cls: ast.ClassDef) -> bool:
    return any("Protocol" in ast.unparse(base) for base in cls.bases)


def _called(method: ast.FunctionDef) -> set[str]:
    functions = (n.func for n in ast.walk(method) if isinstance(n, ast.Call))
    return {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in functions}
