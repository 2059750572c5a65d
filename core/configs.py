"""Configurations, which are nested frozen dataclasses, from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from .errors import UserError

T = TypeVar("T")


def from_json(cls: type[T], stored: Mapping[str, Any], what: str) -> T:
    """The configuration of this class that `dataclasses.asdict` and JSON made `stored` of; lists become tuples.

    UserError where a setting is unknown or missing: it was stored by another version. `what` names it there.
    """
    hints = get_type_hints(cls)
    names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    if not isinstance(stored, Mapping) or set(stored) != names:
        differing = sorted(names ^ set(stored)) if isinstance(stored, Mapping) else []
        raise UserError(f"{what}: stored by another version, which differs in {', '.join(differing) or 'form'}")
    values: dict[str, Any] = {}
    for name, value in stored.items():
        nested = hints[name]
        if is_dataclass(nested):
            values[name] = from_json(nested, value, f"{what}, {name}")  # type: ignore[arg-type]
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return cls(**values)
