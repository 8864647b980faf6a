"""What people read can be translated: refusals are written as literals with named facts, for `bin/words` to find."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.modules import Sources, parsed

# Where a call says its words: the sentence, then who can help.
SPOKEN = {"Refusal": (1, 2), "StaleVersion": (0,), "NotAvailable": (0,)}


def untranslated(files: Sources) -> list[str]:
    """Sentences of refusals that no translator would be shown."""
    return [
        f"{path}:{call.lineno} says “{ast.unparse(words)}”; write a literal and hand its facts over by name"
        for path, text in files.items()
        for scope, call in _refusals(parsed(text))
        for words in _words(call)
        if not isinstance(words, ast.Constant) and _hidden(words, scope)
    ]


def _refusals(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.Call]]:
    """Every call that makes one, with the function (or module) it stands in."""
    functions = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)]
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in SPOKEN:
            around = [f for f in functions if f.lineno <= call.lineno <= (f.end_lineno or 0)]
            yield max(around, key=lambda f: f.lineno, default=tree), call


def _words(call: ast.Call) -> list[ast.expr]:
    places = SPOKEN[call.func.id]  # type: ignore[attr-defined]
    named = [k.value for k in call.keywords if k.arg in ("sentence", "help")]
    return [call.args[place] for place in places if place < len(call.args)] + named


def _hidden(words: ast.AST, scope: ast.AST) -> bool:
    """Whether text is put together, or stands where it is not collected. What a function or a record says has its own
    place to be translated; a name is as good as what was given to it."""
    if isinstance(words, ast.Call):
        return _hidden(words.func, scope)
    if isinstance(words, ast.Attribute):
        return not isinstance(words.value, ast.Name) and _hidden(words.value, scope)
    if isinstance(words, ast.Name):
        return any(_hidden(given, scope) for given in _given(words.id, scope))
    if isinstance(words, ast.Constant):
        return isinstance(words.value, str) and words.value.strip() != ""
    return isinstance(words, ast.JoinedStr) or any(_hidden(part, scope) for part in ast.iter_child_nodes(words))


def _given(name: str, scope: ast.AST) -> list[ast.expr]:
    return [
        node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
