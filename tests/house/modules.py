"""Checks over the source: sizes, names, who imports whom, who commits, who writes a status."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Sources = dict[str, str]

MOST_LINES = 400
NAMELESS = {"util", "utils", "helper", "helpers", "misc", "common", "manager", "managers", "stuff"}

# Storeys of the house, lowest first: a module imports from its own room and from below. States and money stand on
# nothing of ours but values. `app/jobs/__init__.py` stages work and lies low; the rest of that room runs the commands.
STOREYS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "canonical",
            "clock",
            "columns",
            "config",
            "errors",
            "failpoints",
            "money",
            "opened",
            "png",
            "sqlite",
            "states",
            "typed",
            "upserts",
            "values",
        }
    ),
    frozenset({"db", "extensions", "logs"}),
    frozenset({"models"}),
    frozenset(
        {
            "access",
            "addresses",
            "ahead",
            "append_only",
            "assets",
            "audit",
            "badges",
            "cadence",
            "charts",
            "failures",
            "formatting",
            "forms",
            "hypermedia",
            "icons",
            "language",
            "links",
            "migrating",
            "navigation",
            "numbering",
            "passwords",
            "roles",
            "security",
            "settings",
            "spreadsheet",
        }
    ),
    frozenset({"gateways", "providers", "mail", "documents", "jobs", "approval"}),
    frozenset({"queries"}),
    frozenset({"commands"}),
    frozenset({"jobs.*", "demo"}),
    frozenset({"blueprints"}),
)
GROUND = {"canonical", "clock", "errors", "money", "states", "typed", "upserts", "values"}

# Who else may call .commit(), and why.
COMMITTERS = {
    "app/db.py": "transaction() itself",
    "app/gateways/sandbox/": "the sandbox keeps its own books in sessions of its own, as a processor would",
}
STATUS_WRITERS = {"app/models/machine.py"}


def sources(folder: str = "app") -> Sources:
    return {str(p.relative_to(ROOT)): p.read_text() for p in sorted((ROOT / folder).rglob("*.py"))}


@cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


def oversized(files: Sources) -> list[str]:
    sizes = {path: text.count("\n") for path, text in files.items()}
    return [f"{path} has {n} lines; find its second reason to change" for path, n in sizes.items() if n > MOST_LINES]


def nameless(files: Sources) -> list[str]:
    return [
        f"{path} says nothing about what is in it"
        for path in files
        if any(word in NAMELESS for part in Path(path).with_suffix("").parts for word in part.split("_"))
    ]


def frozen_dataclasses(files: Sources) -> list[str]:
    """Facts are values; a dataclass is what changes, or what hides a secret from its own `repr`."""
    return [
        f"{path}: {node.name} is a Value"
        for path, text in files.items()
        for node in ast.walk(parsed(text))
        if isinstance(node, ast.ClassDef) and _is_frozen_dataclass(node) and "repr=False" not in ast.unparse(node)
    ]


def _is_frozen_dataclass(node: ast.ClassDef) -> bool:
    return any("frozen=True" in ast.unparse(decorator) for decorator in node.decorator_list)


def committers(files: Sources) -> list[str]:
    return [
        f"{path}:{call.lineno} commits; only transaction() does"
        for path, text in files.items()
        if not path.startswith(tuple(COMMITTERS))
        for call in _calls(text, "commit")
    ]


def status_writers(files: Sources) -> list[str]:
    """`x.status = …` and bulk `.values(status=…)` or `.values({"status": …})`; constructing a record in a status is
    not a move."""
    found = []
    for path, text in files.items():
        if path in STATUS_WRITERS:
            continue
        lines = [node.lineno for node in ast.walk(parsed(text)) if _assigns_status(node)]
        lines += [c.lineno for c in _calls(text, "values", "update") if _names_status(c)]
        found += [f"{path}:{line} writes a status; only Machine.transition does" for line in lines]
    return found


def _assigns_status(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        return False
    return any(
        isinstance(t, ast.Attribute) and t.attr == "status" and not _is_self(t)
        for target in targets
        for t in ast.walk(target or ast.Pass())
    )


def _is_self(attribute: ast.Attribute) -> bool:
    return isinstance(attribute.value, ast.Name) and attribute.value.id == "self"


def _names_status(call: ast.Call) -> bool:
    by_dict = [key for a in call.args if isinstance(a, ast.Dict) for key in a.keys]
    return any(k.arg == "status" for k in call.keywords) or any(
        isinstance(key, ast.Constant) and key.value == "status" for key in by_dict
    )


def _calls(text: str, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
            yield node


def upward_arrows(files: Sources) -> list[str]:
    return [
        f"{path} imports {target}: {why}"
        for path, text in files.items()
        for target in sorted(imports(path, text, files))
        if (why := _why_not(_module(path), target))
    ]


def _why_not(importer: str, target: str) -> str:
    if importer in ("app", "app.__init__"):
        return ""
    room, other = _room(importer), _room(target)
    if room == other:
        return ""
    if other == "blueprints":
        return "nothing imports blueprints"
    if room in GROUND and other != "values":
        return f"{room} stands on nothing of ours"
    if _storey(importer) < _storey(target):
        return "arrows run downwards"
    return ""


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _room(module: str) -> str:
    return (module.split(".") + ["app"])[1]


def _storey(module: str) -> int:
    room = _room(module)
    if room == "jobs" and module != "app.jobs":
        room = "jobs.*"
    for height, rooms in enumerate(STOREYS):
        if room in rooms:
            return height
    raise LookupError(f"{module}: say in STOREYS where «{room}» stands")


def imports(path: str, text: str, files: Sources) -> set[str]:
    """The modules of ours that a file imports, wherever in it; those only for types are left out."""
    modules = {_module(p) for p in files}
    found: set[str] = set()
    package = _module(path).split(".") if path.endswith("__init__.py") else _module(path).split(".")[:-1]
    for node in _without_type_checking(parsed(text)):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.split(".")[0] == "app"}
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *(node.module.split(".") if node.module else [])])
            if name.split(".")[0] == "app":
                found |= {full if (full := f"{name}.{a.name}") in modules else name for a in node.names}
    return found - {"app"}


def _without_type_checking(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _without_type_checking(node)
