"""Scores of captions against several references each: BLEU (Papineni et al., 2002) and CIDEr-D (Vedantam et al., 2015).

Written from the papers, with COCO's conventions where these leave a choice: BLEU over all captions at once with the
reference length that is nearest (the shorter of two as near), CIDEr with n-grams up to 4, sigma 6, times 10. A word is
a run of letters and digits, in lower case. SPICE is left out: it parses scenes with a Java program of its own.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST = 4  # words of an n-gram
_SIGMA = 6.0  # words by which a caption may differ in length from a reference before CIDEr-D falls to e^-1/2


@dataclass(frozen=True)
class CaptionScore:
    """Scores of captions."""

    bleu: tuple[float, float, float, float]
    """BLEU-1 to BLEU-4, in 0..1."""
    cider: float
    """CIDEr-D, in 0..10; the literature often prints it times 100."""
    captions: int
    """Captions scored."""


def caption_score(captions: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScore:
    """Score one caption a frame against the references of its frame, one or more.

    Raises ValueError where there are no captions, not as many as frames, or a frame has no reference.
    """
    if not captions or len(captions) != len(references) or not all(references):
        raise ValueError(f"captions: {len(captions)} for {len(references)} frames, each with references, cannot score")
    candidates = [words(caption) for caption in captions]
    truths = [[words(reference) for reference in several] for several in references]
    return CaptionScore(_bleu(candidates, truths), _cider(candidates, truths), len(captions))


def words(caption: str) -> list[str]:
    """The words of a caption."""
    return re.findall(r"[a-z0-9]+", caption.lower())


def _counts(sentence: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(sentence[i : i + n]) for i in range(len(sentence) - n + 1))


def _bleu(candidates: list[list[str]], truths: list[list[list[str]]]) -> tuple[float, float, float, float]:
    right, total_grams = [0] * _LONGEST, [0] * _LONGEST
    length = nearest = 0
    for candidate, references in zip(candidates, truths, strict=True):
        length += len(candidate)
        nearest += min((abs(len(reference) - len(candidate)), len(reference)) for reference in references)[1]
        for n in range(1, _LONGEST + 1):
            most: Counter[tuple[str, ...]] = Counter()
            for reference in references:
                most |= _counts(reference, n)  # of each n-gram, as many as the reference with most of it
            counts = _counts(candidate, n)
            right[n - 1] += (counts & most).total()
            total_grams[n - 1] += counts.total()
    brevity = 1.0 if length >= nearest else math.exp(1 - nearest / length) if length else 0.0
    logs = [math.log(r / t) if r else -math.inf for r, t in zip(right, total_grams, strict=True)]
    first, second, third, fourth = (brevity * math.exp(sum(logs[:n]) / n) for n in range(1, _LONGEST + 1))
    return first, second, third, fourth


def _cider(candidates: list[list[str]], truths: list[list[list[str]]]) -> float:
    frames = len(truths)
    total = 0.0
    for n in range(1, _LONGEST + 1):
        counted = [[_counts(reference, n) for reference in references] for references in truths]
        known = Counter(gram for references in counted for gram in set().union(*references))  # frames that have it
        rarity = {gram: math.log(frames / count) for gram, count in known.items()}
        unknown = math.log(frames)
        for candidate, references, sentences in zip(candidates, counted, truths, strict=True):
            mine = {gram: count * rarity.get(gram, unknown) for gram, count in _counts(candidate, n).items()}
            for reference, sentence in zip(references, sentences, strict=True):
                theirs = {gram: count * rarity[gram] for gram, count in reference.items()}
                norm = math.hypot(*mine.values()) * math.hypot(*theirs.values())
                # a caption gains nothing by repeating what the reference says once
                alike = sum(min(weight, theirs[gram]) * theirs[gram] for gram, weight in mine.items() if gram in theirs)
                penalty = math.exp(-((len(candidate) - len(sentence)) ** 2) / (2 * _SIGMA**2))
                total += penalty * alike / norm / len(references) if norm else 0.0
    return 10 * total / _LONGEST / frames
