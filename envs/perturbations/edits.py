"""The difference of two houses part by part, exact in both directions, and as JSON.

A part is an entry of one of the house's lists (a light, a wall, a piece of furniture with what lies on it) or a single
field. Furniture may be added and removed; entries of other lists are only replaced.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..house.house import House, HouseObject, Light, Material, Room, Wall

LISTS: dict[str, type] = {"lights": Light, "rooms": Room, "walls": Wall, "objects": HouseObject}
SINGLE: dict[str, type] = {"skybox": str, "ceiling_material": Material}


class EditError(ValueError):
    """An edit that does not fit: the part is not what it was."""


@dataclass(frozen=True)
class Edit:
    """One part's old and new value."""

    part: str
    """A field of House."""
    index: int
    """Index in that list before the change, or after it for added objects; 0 for a single field."""
    before: Any
    """None if it was added."""
    after: Any
    """None if it was removed."""


def difference(before: House, after: House) -> tuple[Edit, ...]:
    """The edits that turn one house into the other.

    Lists other than `objects` have the same length in both. In `objects`, entries keep their order; removed ones are
    recognised by their ids, and added ones are at the end.
    """
    edits = []
    for part in SINGLE:
        old, new = getattr(before, part), getattr(after, part)
        if old != new:
            edits.append(Edit(part, 0, old, new))
    for part in LISTS:
        olds, news = getattr(before, part), list(getattr(after, part))
        if olds is getattr(after, part):
            continue
        for index, old in enumerate(olds):
            if part == "objects" and (not news or news[0].id != old.id):
                edits.append(Edit(part, index, old, None))
                continue
            new = news.pop(0)
            if new != old:
                edits.append(Edit(part, index, old, new))
        kept = len(getattr(after, part)) - len(news)
        edits += [Edit(part, kept + place, None, new) for place, new in enumerate(news)]
    return tuple(edits)


def apply_edits(house: House, edits: Sequence[Edit]) -> House:
    """The house after the edits. EditError if a part is not as it was."""
    return _edited(house, edits, forwards=True)


def undo_edits(house: House, edits: Sequence[Edit]) -> House:
    """The house before the edits. EditError if a part is not as they left it."""
    return _edited(house, edits, forwards=False)


def _edited(house: House, edits: Sequence[Edit], forwards: bool) -> House:
    changes: dict[str, Any] = {}
    for part in dict.fromkeys(edit.part for edit in edits):
        mine = [edit for edit in edits if edit.part == part]
        value = getattr(house, part)
        if part in SINGLE:
            old, new = (mine[0].before, mine[0].after) if forwards else (mine[0].after, mine[0].before)
            if value != old:
                raise EditError(f"its {part} is another one")
            changes[part] = new
        else:
            changes[part] = _forwards(part, value, mine) if forwards else _backwards(part, value, mine)
    return dataclasses.replace(house, **changes)


def _check(part: str, values: Sequence[Any], index: int, expected: Any) -> None:
    if index >= len(values) or values[index] != expected:
        raise EditError(f"{part}[{index}] is not {expected.id}, or not as it was")


def _forwards(part: str, values: Sequence[Any], edits: Sequence[Edit]) -> tuple[Any, ...]:
    changed = list(values)
    for edit in edits:
        if edit.before is not None:
            _check(part, values, edit.index, edit.before)
            changed[edit.index] = edit.after
    return (*(value for value in changed if value is not None), *(e.after for e in edits if e.before is None))


def _backwards(part: str, values: Sequence[Any], edits: Sequence[Edit]) -> tuple[Any, ...]:
    changed = list(values)
    for edit in reversed([e for e in edits if e.before is None]):
        _check(part, changed, edit.index, edit.after)
        if edit.index != len(changed) - 1:
            raise EditError(f"there are {part} behind {edit.after.id}")
        changed.pop()
    for edit in sorted((e for e in edits if e.after is None), key=lambda e: e.index):
        changed.insert(edit.index, edit.before)
    for edit in edits:
        if edit.before is not None and edit.after is not None:
            _check(part, changed, edit.index, edit.after)
            changed[edit.index] = edit.before
    return tuple(changed)


def edit_to_json(edit: Edit) -> dict[str, Any]:
    """An Edit as JSON."""
    return {"part": edit.part, "index": edit.index, "before": _encode(edit.before), "after": _encode(edit.after)}


def edit_from_json(data: Mapping[str, Any]) -> Edit:
    """What edit_to_json wrote; ValueError, KeyError or TypeError for anything else."""
    kind = {**LISTS, **SINGLE}[data["part"]]
    before, after = (None if data[key] is None else _decode(kind, data[key]) for key in ("before", "after"))
    return Edit(data["part"], int(data["index"]), before, after)


def _encode(value: Any) -> Any:
    """Dataclasses as objects without the fields that have their default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: _encode(getattr(value, f.name)) for f in fields if not _default(f, getattr(value, f.name))}
    if isinstance(value, (list, tuple)):
        return [_encode(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _encode(item) for key, item in value.items()}
    return value


def _default(field: dataclasses.Field[Any], value: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        return bool(value == field.default)
    return field.default_factory is not dataclasses.MISSING and bool(value == field.default_factory())


def _decode(kind: Any, data: Any) -> Any:
    """The inverse of _encode, by the types of the dataclasses' fields."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return None if data is None else _decode(next(a for a in arguments if a is not type(None)), data)
    if origin is tuple:
        kinds = [arguments[0]] * len(data) if arguments[-1] is Ellipsis else arguments
        return tuple(_decode(k, item) for k, item in zip(kinds, data, strict=True))
    if dataclasses.is_dataclass(kind):
        hints = _hints(typing.cast(type, kind))
        return typing.cast(type, kind)(**{name: _decode(hints[name], item) for name, item in data.items()})
    if kind in (str, bool, int, float) and not isinstance(data, (str, bool, int, float)):
        raise TypeError(f"{data!r} is not a {kind.__name__}")
    return data


def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
