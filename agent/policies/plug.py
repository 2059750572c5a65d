"""Finding a policy that does not come with the package.

    my_policy.py:Turn           a class, a function that makes a policy, or a module of TorchRL, in a Python file
    package.module:Turn         the same in an installed package, or below the folder one is in
    name                        an entry point of the group testspace.policies
    ppo.zip                     Stable-Baselines3 (`sb3`)
    policy.onnx                 ONNX (`onnx`)

The first three run the Python code that they name. The last two are weights, and run none; files of weights that could
(.pt, .pth, .pkl) are refused.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from .protocol import Body, PolicyError, UnknownPolicyError, construct

GROUP = "testspace.policies"
"""The entry point group by which another package ships policies."""
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".pt2")
"""Endings of files that can run code when they are loaded."""
Maker = Callable[[Body, int], Any]
"""Makes a policy from a body and a seed."""


def find(reference: str, built_in: Sequence[str]) -> Maker:
    """What makes the policy that `reference` means; PolicyError where there is none, with the names that exist."""
    ending = Path(reference).suffix.lower()
    if ending in PICKLES:
        raise PolicyError(
            f"{reference}: a pickle can run code when it is loaded, so it is not; write FILE.py:NAME whose NAME builds"
            " the module and loads its weights by torch.load(..., weights_only=True) or safetensors, or export .onnx"
        )
    if ending in (".zip", ".onnx") and not Path(reference).is_file():
        raise PolicyError(f"{reference}: no such file")
    if ending == ".zip":
        from .sb3 import SB3Policy

        return lambda body, seed: SB3Policy(Path(reference), body, seed)
    if ending == ".onnx":
        from .onnx import ONNXPolicy

        return lambda body, seed: ONNXPolicy(Path(reference), body)
    shipped = {point.name: point for point in entry_points(group=GROUP)}
    if reference in shipped:
        found = _load(shipped[reference], reference)
    elif ":" in reference:
        where, _, name = reference.rpartition(":")
        found = _named(_module(where), name, reference)
    else:
        names = ", ".join([*built_in, *sorted(shipped)])
        raise UnknownPolicyError(
            f"no policy {reference!r}; there are: {names}; or FILE.py:CLASS, MODULE:CLASS, FILE.zip, FILE.onnx"
        )
    return lambda body, seed: _make(found, body, seed, reference)


def _make(found: Any, body: Body, seed: int, called: str) -> Any:
    """A policy from a class, a function that makes one, an object that is one, or a TorchRL module."""
    makes = isinstance(found, type) or (callable(found) and not hasattr(found, "act") and not _is_module(found))
    policy = construct(found, body, seed, called) if makes else found
    if _is_module(policy) and not hasattr(policy, "act"):
        from .tensordict import TensorDictPolicy

        return TensorDictPolicy(policy, called)
    return policy


def _is_module(thing: Any) -> bool:
    """Whether it is a module of TorchRL or tensordict; told by what it declares, so that torch need not be loaded."""
    return not isinstance(thing, type) and hasattr(thing, "in_keys") and hasattr(thing, "out_keys")


def _load(point: EntryPoint, reference: str) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise PolicyError(f"policy {reference!r} of the package {_package(point)}: {_told(error)}") from error


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _module(where: str) -> ModuleType:
    """Import a Python file, or a module by its dotted name."""
    file = Path(where)
    try:
        if file.suffix != ".py":
            _find_beside(Path.cwd())
            return importlib.import_module(where)
        if not file.is_file():
            raise PolicyError(f"{where}: no such file")
        _find_beside(file.resolve().parent)
        spec = importlib.util.spec_from_file_location(f"testspace_policy_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # before it runs: dataclasses look themselves up
        spec.loader.exec_module(module)
    except PolicyError:
        raise
    except Exception as error:
        raise PolicyError(f"{where} cannot be imported: {_told(error)}") from error
    return module


def _find_beside(folder: Path) -> None:
    """Let a file's own neighbours be imported, after all that is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _named(module: ModuleType, name: str, reference: str) -> Any:
    if not hasattr(module, name):
        own = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
        raise PolicyError(f"{reference}: no {name!r} there; it defines: {', '.join(sorted(own)) or 'nothing'}")
    return getattr(module, name)


def _told(error: Exception) -> str:
    """The error in a line, with the line of the file that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    at = f", line {frames[-1].lineno} of {Path(frames[-1].filename).name}" if frames else ""
    return f"{type(error).__name__}: {error}{at}"
