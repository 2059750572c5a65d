"""Loading of custom policies.

    my_policy.py:Turn           a class, a factory function or a TorchRL module in a Python file
    package.module:Turn         the same in an installed package, or below the working directory
    name                        an entry point of the group testspace.policies
    ppo.zip                     Stable-Baselines3 (`sb3`)
    policy.onnx                 ONNX (`onnx`)

The first three run the Python code that they name. The last two are weights and run no code, in a process of their own
with limits of memory and time (`confined`); weight files that could (.pt, .pth, .pkl) are rejected.
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
"""Entry point group under which other packages register policies."""
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".pt2")
"""Suffixes of files that can run code when loaded."""
PolicyFactory = Callable[[Body, int], Any]
"""Makes a policy from a body and a seed."""


def find_policy(reference: str, built_in: Sequence[str]) -> PolicyFactory:
    """A factory for the policy that `reference` names. PolicyError if there is none; the message lists the options."""
    suffix = Path(reference).suffix.lower()
    if suffix in PICKLES:
        raise PolicyError(
            f"{reference}: pickles can run code when loaded, so they are rejected; write FILE.py:NAME that builds"
            " the module and loads its weights with torch.load(..., weights_only=True) or safetensors, or export .onnx"
        )
    if suffix in (".zip", ".onnx") and not Path(reference).is_file():
        raise PolicyError(f"{reference}: no such file")
    if suffix in (".zip", ".onnx"):
        from .confined import ConfinedPolicy

        return lambda body, seed: ConfinedPolicy(Path(reference), body, seed)
    registered = {point.name: point for point in entry_points(group=GROUP)}
    if reference in registered:
        target = _load(registered[reference], reference)
    elif ":" in reference:
        where, _, name = reference.rpartition(":")
        target = _named(_module(where), name, reference)
    else:
        names = ", ".join([*built_in, *sorted(registered)])
        raise UnknownPolicyError(
            f"no policy {reference!r}; there are: {names}; or FILE.py:CLASS, MODULE:CLASS, FILE.zip, FILE.onnx"
        )
    return lambda body, seed: _make(target, body, seed, reference)


def _make(target: Any, body: Body, seed: int, name: str) -> Any:
    """A policy from a class, a factory function, a policy object, or a TorchRL module."""
    is_factory = isinstance(target, type) or (
        callable(target) and not hasattr(target, "act") and not _is_module(target)
    )
    policy = construct(target, body, seed, name) if is_factory else target
    if _is_module(policy) and not hasattr(policy, "act"):
        from .tensordict import TensorDictPolicy

        return TensorDictPolicy(policy, name)
    return policy


def _is_module(thing: Any) -> bool:
    """Whether it is a TorchRL or tensordict module, judged by its attributes so that torch need not be imported."""
    return not isinstance(thing, type) and hasattr(thing, "in_keys") and hasattr(thing, "out_keys")


def _load(point: EntryPoint, reference: str) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise PolicyError(f"policy {reference!r} of the package {_package(point)}: {_one_line(error)}") from error


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _module(where: str) -> ModuleType:
    """Import a Python file, or a module by its dotted name."""
    file = Path(where)
    try:
        if file.suffix != ".py":
            _make_importable(Path.cwd())
            return importlib.import_module(where)
        if not file.is_file():
            raise PolicyError(f"{where}: no such file")
        _make_importable(file.resolve().parent)
        spec = importlib.util.spec_from_file_location(f"testspace_policy_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # registered before execution: dataclasses look up their own module
        spec.loader.exec_module(module)
    except PolicyError:
        raise
    except Exception as error:
        raise PolicyError(f"{where} cannot be imported: {_one_line(error)}") from error
    return module


def _make_importable(folder: Path) -> None:
    """Make modules in this folder importable, after installed packages."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _named(module: ModuleType, name: str, reference: str) -> Any:
    if not hasattr(module, name):
        own = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
        raise PolicyError(f"{reference}: no {name!r} in it; it defines: {', '.join(sorted(own)) or 'nothing'}")
    return getattr(module, name)


def _one_line(error: Exception) -> str:
    """The error and its location, on one line."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    at = f", line {frames[-1].lineno} of {Path(frames[-1].filename).name}" if frames else ""
    return f"{type(error).__name__}: {error}{at}"
