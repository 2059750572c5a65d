"""Short names for what a result follows from: values and code."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def digest(value: Any) -> str:
    """24 hexadecimal digits that stand for a JSON value; ValueError where it is none."""
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def code_digest(*modules: str) -> str:
    """A digest of these modules ("learners.objectives.tst") and of all that they import within the package.

    Comments, docstrings and format do not count, so that only what can change a result makes it be computed anew.
    """
    seen: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        content, imported = _module(name)
        if content:
            seen[name] = content
            waiting += imported
    return hashlib.sha256(repr(sorted(seen.items())).encode()).hexdigest()[:24]


@cache
def _module(name: str) -> tuple[str, list[str]]:
    """A digest of what a module does, and what it imports; an empty one where there is no module of this name."""
    file = _file(name)
    if file is None:
        return "", []
    tree = ast.parse(file.read_text())
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    imported = _imports(tree, package)
    return hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest(), imported


def _file(name: str) -> Path | None:
    """The file of a module of the package, None where there is none of this name."""
    path = ROOT.joinpath(*name.split("."))
    found = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    return found[0] if found else None


def _imports(tree: ast.Module, package: str) -> list[str]:
    """Dotted names that a module in `package` imports relatively, as modules and as what may be modules."""
    names = []
    parts = package.split(".") if package else []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*parts[: len(parts) - node.level + 1], *(node.module or "").split(".")]).strip(".")
            names += [base, *(f"{base}.{one.name}".strip(".") for one in node.names)]
    return names


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                line for line in body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    return tree
