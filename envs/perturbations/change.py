"""Changes of a house: what to change, and a record of what was changed, to repeat, undo and store it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..house.house import House
from .edits import Edit, EditError, apply_edits, difference, edit_from_json, edit_to_json, undo_edits

KINDS: tuple[str, ...] = ("lighting", "objects", "materials")
"""Kinds of changes, in the order in which they are applied."""


class ChangeError(ValueError):
    """A change that does not exist or does not fit the house."""


@dataclass(frozen=True)
class Perturbation:
    """One kind of change, and its strength."""

    kind: str
    """One of KINDS."""
    strength: float
    """0 (the same house) to 1."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ChangeError(f"there is no change {self.kind[:40]!r}; there are: {', '.join(KINDS)}")
        if not 0.0 <= self.strength <= 1.0:
            raise ChangeError(f"the strength of {self.kind} must be from 0 to 1, got {self.strength}")

    def __str__(self) -> str:
        return f"{self.kind}={self.strength:g}"


def parse_change(text: str) -> tuple[Perturbation, ...]:
    """The kinds and strengths in "lighting=0.6,objects=0.3". ChangeError, naming part and kinds, for any other text."""
    parsed: dict[str, Perturbation] = {}
    for part in text.split(","):
        kind, equals, number = (word.strip() for word in part.partition("="))
        try:
            strength = float(number) if equals else None
        except ValueError:
            strength = None
        if strength is None:
            raise ChangeError(
                f"{part.strip()[:40]!r} is not KIND=STRENGTH with a strength from 0 to 1, as in lighting=0.6;"
                f" kinds are: {', '.join(KINDS)}"
            )
        if kind in parsed:
            raise ChangeError(f"{kind} occurs twice in {text[:80]!r}")
        parsed[kind] = Perturbation(kind, strength)
    return tuple(parsed.values())


@dataclass(frozen=True)
class Change:
    """A change from one house to another. Its edits hold the old and the new value of each part."""

    perturbations: tuple[Perturbation, ...]
    seed: int
    new_assets: bool
    """Whether objects may have been removed, and others added that the house did not have."""
    edits: tuple[Edit, ...]

    def apply(self, house: House) -> House:
        """The changed house. ChangeError if `house` is not the one it was made for."""
        return self._edited(apply_edits, house)

    def undo(self, house: House) -> House:
        """The house as it was before `apply`. ChangeError if `house` is not what `apply` returned."""
        return self._edited(undo_edits, house)

    def _edited(self, step: Callable[[House, Sequence[Edit]], House], house: House) -> House:
        try:
            return step(house, self.edits)
        except EditError as error:
            raise ChangeError(f"the change ({self}) does not fit {house.source or 'this house'}: {error}") from None

    def __str__(self) -> str:
        return ",".join(str(one) for one in self.perturbations)

    def to_json(self) -> dict[str, Any]:
        """As JSON; `from_json` gives the same Change back."""
        return {
            "perturbations": str(self),
            "seed": self.seed,
            "new_assets": self.new_assets,
            "edits": [edit_to_json(edit) for edit in self.edits],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Change:
        """What `to_json` wrote. ChangeError for anything else."""
        try:
            perturbations = parse_change(data["perturbations"]) if data["perturbations"] else ()
            edits = tuple(edit_from_json(entry) for entry in data["edits"])
            return cls(perturbations, int(data["seed"]), bool(data["new_assets"]), edits)
        except ChangeError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ChangeError(f"this is not a stored change ({type(error).__name__}: {error}); make it again") from None


def make_change(
    house: House, kinds: str | Sequence[Perturbation], seed: int = 0, *, new_assets: bool = False
) -> Change:
    """The change of a house by `kinds` ("lighting=0.6,objects=0.3") and a seed.

    Each kind has its own random stream, so it does the same alone and together with others. At one seed, the effect of
    a smaller strength is part of that of a larger one. The layout (rooms, walls, doors, windows) stays; without
    `new_assets` the set of assets does too: only copies are added, and only objects with another copy are removed.
    """
    # Imported here, so that a command line can read and check a change at once: these load SciPy and numba.
    from .light_changes import change_lighting
    from .material_changes import change_materials
    from .object_changes import change_objects

    perturbations = parse_change(kinds) if isinstance(kinds, str) else tuple(kinds)
    strength = {one.kind: one.strength for one in perturbations if one.strength > 0}
    changed = house
    for kind in KINDS:
        if kind in strength:
            rng = np.random.default_rng((seed, zlib.crc32(kind.encode())))
            if kind == "lighting":
                changed = change_lighting(changed, strength[kind], rng)
            elif kind == "objects":
                changed = change_objects(changed, strength[kind], rng, new_assets=new_assets)
            else:
                changed = change_materials(changed, strength[kind], rng)
    return Change(perturbations, seed, new_assets, difference(house, changed))


def perturb(
    house: House, kinds: str | Sequence[Perturbation], seed: int = 0, *, new_assets: bool = False
) -> tuple[House, Change]:
    """The changed house and the record of its change; see `make_change`."""
    change = make_change(house, kinds, seed, new_assets=new_assets)
    return change.apply(house), change
