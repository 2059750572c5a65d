"""Digests of what a cached result follows from: values, code, and the libraries behind it."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any

ROOT = Path(__file__).parents[1]
LIBRARIES = ("embreex", "numba", "numpy", "opencv-python-headless", "scipy", "torch")
"""Libraries that decide what is rendered and learned: another version may give other numbers."""
REPORTING = ("core.errors", "core.progress", "experiments.report", "experiments.rundir.wandb_curves")
"""Modules, and folders of them, that only talk to people: no result follows from them."""
MESSAGES = ("advance", "print")
"""Functions whose call, as a statement by itself, is a message to a person."""
MESSAGE_KEYWORDS = ("title",)
"""Arguments that are a message to a person."""
_PARSING = Lock()
"""ast.parse before CPython 3.11.5 may raise SystemError when two threads run it at once (gh-106905)."""


def digest(value: Any) -> str:
    """24 hexadecimal digits that stand for a JSON value; ValueError where it is none."""
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def code_digest(*modules: str) -> str:
    """A digest of these modules ("learners.objectives.tst") and of everything that they import within the package.

    Comments, docstrings, format and messages do not count: only what can change a result does.
    """
    seen: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in seen or any(name == one or name.startswith(f"{one}.") for one in REPORTING):
            continue
        content, imported = _module(name)
        if content:
            seen[name] = content
            waiting += imported
    return hashlib.sha256(repr(sorted(seen.items())).encode()).hexdigest()[:24]


@cache
def library_versions() -> dict[str, str]:
    """The installed version of each of LIBRARIES, "" where it is missing."""
    return {name: _version(name) for name in LIBRARIES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@cache
def _module(name: str) -> tuple[str, list[str]]:
    """A digest of what a module does, and what it imports; an empty one where there is no module of this name."""
    file = _file(name)
    if file is None:
        return "", []
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    return _parsed(file.read_text(), package)


@cache
def _parsed(source: str, package: str) -> tuple[str, list[str]]:
    """`_module` of a source text in `package`; parsed once, however many copies of the tree the tests make."""
    with _PARSING:
        tree = ast.parse(source)
    imported = _imports(tree, package)
    return hashlib.sha256(ast.dump(_WithoutMessages().visit(tree)).encode()).hexdigest(), imported


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


class _WithoutMessages(ast.NodeTransformer):
    """Leaves out docstrings, what errors say, and calls of MESSAGES."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        value = node.value
        if isinstance(value, ast.Constant):  # a docstring
            return None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in MESSAGES:
            return None
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.keywords = [keyword for keyword in node.keywords if keyword.arg not in MESSAGE_KEYWORDS]
        return self.generic_visit(node)
