"""`testspace run --change at=2000:lighting=0.6`: changes of the house during an episode, and recovery from them.

The agent is not notified. Held-out views keep their poses and are rendered again, labels included; poses that a change
would put inside an object or in front of a blank wall are left out from the start: all scores are of the same poses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ...core.errors import UserError
from ...envs.house.house import House
from ...envs.perturbations import ChangeError, Perturbation, parse_change, perturb


@dataclass(frozen=True)
class ScheduledChange:
    """A change of the house at a frame of the agent's life."""

    at: int
    """Frames seen when it happens."""
    kinds: tuple[Perturbation, ...]
    """Its kinds and strengths."""

    def __str__(self) -> str:
        return f"at={self.at}:{','.join(str(one) for one in self.kinds)}"


def parse_scheduled(texts: Sequence[str], frames: int) -> tuple[ScheduledChange, ...]:
    """The changes that texts such as "at=2000:lighting=0.6" schedule in an episode of `frames` frames, in order.

    Raises UserError for another form, a frame outside the episode, or two changes at one frame.
    """
    found = []
    for text in texts:
        when, colon, what = text.partition(":")
        word, equals, number = (part.strip() for part in when.partition("="))
        if not colon or not equals or word != "at" or not number.isdecimal():
            raise UserError(f"--change {text[:80]!r} is not at=FRAME:KIND=STRENGTH[,...], as in at=2000:lighting=0.6")
        if not 0 < int(number) < frames:
            raise UserError(
                f"--change {text[:80]!r}: the episode has {frames} frames, so name a frame from 1 to {frames - 1}"
            )
        try:
            found.append(ScheduledChange(int(number), parse_change(what)))
        except ChangeError as error:
            raise UserError(f"--change {text[:80]!r}: {error}") from None
    found.sort(key=lambda change: change.at)
    for one, other in pairwise(found):
        if one.at == other.at:
            raise UserError(
                f"--change: two changes at frame {one.at}; put them into one, as in lighting=0.6,objects=0.3"
            )
    return tuple(found)


def states_of(house: House, changes: Sequence[ScheduledChange], seed: int) -> list[House]:
    """The house before the first change and after each, len(changes) + 1 of them; each change has a seed of its own."""
    states = [house]
    for number, change in enumerate(changes):
        states.append(perturb(states[-1], change.kinds, seed + number)[0])
    return states


def eval_points(frames: int, milestones: Sequence[float], changes: Sequence[ScheduledChange]) -> list[int]:
    """Frames of the episode at which the specialist is transferred and evaluated.

    The milestones, each change (just before it), and a tenth of the episode after each change, where it is that long.
    """
    chosen = {round(share * frames) for share in milestones}
    for change in changes:
        chosen |= {change.at, change.at + round(frames / 10)}
    return sorted(frame for frame in chosen if frame <= frames)


def kept(rows: Sequence[dict[str, Any]], original: float) -> dict[str, float]:
    """What continual learning kept of the original house, by the usual names, as differences of mIoU.

    `rows` are evaluation rows; `original` is the last specialist's mIoU in the original house. backward_transfer is
    that less the mIoU just before the first change (Lopez-Paz and Ranzato, 2017): below 0 where something was lost.
    forgetting is the best mIoU there at any time less that (Chaudhry et al., 2018).
    """
    there = [row["miou"] for row in rows if row["method"] == "specialist" and row["change"] == 0]
    return {"backward_transfer": original - there[-1], "forgetting": max(there) - original}


def recoveries(rows: Sequence[dict[str, Any]], changes: Sequence[ScheduledChange]) -> list[dict[str, Any]]:
    """For each change the specialist's mIoU before it, right after it, and at every later test until the next change.

    `rows` are evaluation rows. `recovered` is the share of the drop that the last of those tests had made up for: 0 is
    none, 1 all of it; None where nothing was lost or nothing followed.
    """
    changed = []
    for number, change in enumerate(changes, 1):
        mine = [row for row in rows if row["method"] == "specialist"]
        before = next((row for row in mine if row["change"] == number - 1 and row["frame"] == change.at), None)
        inside = [row for row in mine if row["change"] == number]
        if before is None or not inside:  # their rows were damaged
            continue
        after, *later = inside
        drop = before["miou"] - after["miou"]
        changed.append(
            {
                "at": change.at,
                "change": str(change).partition(":")[2],
                "before": before["miou"],
                "right_after": after["miou"],
                "later": [{"frame": row["frame"], "miou": row["miou"]} for row in later],
                "recovered": (later[-1]["miou"] - after["miou"]) / drop if later and drop > 0 else None,
            }
        )
    return changed
