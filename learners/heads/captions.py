"""Captions made from labels by templates: which objects a frame shows, how many, and where (W.2, Figure 26).

The paper asks a language model for five captions a frame, from class names and boxes; templates need no such model, say
nothing that the boxes do not, and have a closed vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ..metrics.boxes import Boxes
from ..metrics.caption_metrics import words

_MIN_SHARE = 0.005  # of the frame: a box that covers less is no prominent object
_MENTIONED = 4  # kinds of objects in a caption, the largest first
_MIN_OFFSET = 0.15  # of the frame's side: objects that lie nearer are not left or right of, above or below each other
_NUMBERS = ("no", "a", "two", "three", "four", "five", "six")  # "a" becomes "an" where it must
_MANY = "many"
_PLACES = ("on the left", "in the middle", "on the right")
_RELATIONS = ("left of", "right of", "above", "below", "near")
_EMPTY = ("an empty room", "a room with nothing in it", "there is nothing in view", "a view of a bare room")
_TEMPLATES = ("a room with", "a view of", "there is", "there are", "and")


def template_captions(
    boxes: Boxes, frames: int, size: tuple[int, int], names: Sequence[str], count: int = 5, seed: int = 0
) -> list[list[str]]:
    """`count` captions of each of `frames` frames (height, width), from the boxes in them and class names by id.

    The seed and the frame's number decide the wording; every caption is true of the boxes.
    """
    written = []
    for frame in range(frames):
        rng = np.random.default_rng([seed, frame])
        objects = _prominent(boxes.of(frame), size)
        written.append([_caption(objects, names, rng) for _ in range(count)])
    return written


def vocabulary(names: Sequence[str]) -> tuple[str, ...]:
    """Every word that `template_captions` can use for classes of these names, sorted."""
    fixed = (*_NUMBERS[1:], "an", _MANY, *_PLACES, *_RELATIONS, *_EMPTY, *_TEMPLATES)
    spoken = [form for name in names for form in (_spoken(name), _plural(_spoken(name)))]
    return tuple(sorted({word for phrase in (*fixed, *spoken) for word in words(phrase)}))


def _prominent(boxes: Boxes, size: tuple[int, int]) -> list[tuple[int, list[tuple[float, float]]]]:
    """Classes of the prominent objects, by area covered, each with its objects' centres in 0..1."""
    corners = boxes.corners.double().numpy() / np.array([size[1], size[0], size[1], size[0]])
    share = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    centre = (corners[:, :2] + corners[:, 2:]) / 2
    kinds: dict[int, list[int]] = {}
    for index in np.argsort(-share, kind="stable"):
        if share[index] >= _MIN_SHARE:
            kinds.setdefault(int(boxes.classes[index]), []).append(int(index))
    order = sorted(kinds, key=lambda kind: -share[kinds[kind]].sum())
    return [(kind, [(float(x), float(y)) for x, y in centre[kinds[kind]]]) for kind in order[:_MENTIONED]]


def _caption(
    objects: list[tuple[int, list[tuple[float, float]]]], names: Sequence[str], rng: np.random.Generator
) -> str:
    if not objects:
        return str(rng.choice(_EMPTY))
    phrases = [_counted(len(centres), names[kind]) for kind, centres in objects]
    single = [i for i, (_, centres) in enumerate(objects) if len(centres) == 1]
    if len(single) > 1 and rng.random() < 0.5:  # where one object lies from another; the rest is listed after them
        first, second = rng.permutation(single)[:2]
        relation = _relation(objects[first][1][0], objects[second][1][0])
        rest = [phrase for i, phrase in enumerate(phrases) if i not in (first, second)]
        return " and ".join([f"{phrases[first]} {relation} {phrases[second]}", *rest])
    placed = [
        f"{phrase} {_PLACES[min(2, int(3 * centres[0][0]))]}" if len(centres) == 1 and rng.random() < 0.5 else phrase
        for phrase, (_, centres) in zip(phrases, objects, strict=True)
    ]
    opening = rng.choice(["", "a room with ", "a view of ", "there are " if len(objects[0][1]) > 1 else "there is "])
    return opening + " and ".join(placed)


def _counted(count: int, name: str) -> str:
    spoken = _spoken(name)
    if count == 1:
        return f"an {spoken}" if spoken[0] in "aeio" else f"a {spoken}"
    return f"{_NUMBERS[count] if count < len(_NUMBERS) else _MANY} {_plural(spoken)}"


def _relation(one: tuple[float, float], other: tuple[float, float]) -> str:
    """Relation of the first to the other, horizontal before vertical."""
    if abs(one[0] - other[0]) > _MIN_OFFSET:
        return _RELATIONS[0] if one[0] < other[0] else _RELATIONS[1]
    if abs(one[1] - other[1]) > _MIN_OFFSET:
        return _RELATIONS[2] if one[1] < other[1] else _RELATIONS[3]  # rows count downwards
    return _RELATIONS[4]


def _spoken(name: str) -> str:
    """TVStand to tv stand."""
    return " ".join(re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+", name)).lower()


def _plural(spoken: str) -> str:
    if spoken.endswith("s") and not spoken.endswith("ss"):
        return spoken  # boots, blinds
    if spoken.endswith("fe"):
        return spoken[:-2] + "ves"
    return spoken + ("es" if spoken.endswith(("x", "ch", "sh", "ss", "to")) else "s")
