"""BLEU and CIDEr-D by hand, and against COCO's own scorers where these are installed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from testspace.learners.metrics.caption_metrics import caption_score, words


def test_words_are_lower_case_runs() -> None:
    assert words("A tv-stand, two Chairs.") == ["a", "tv", "stand", "two", "chairs"]


def test_bleu_by_hand() -> None:
    # Papineni et al., example 2: "the" seven times has one n-gram, right twice
    score = caption_score(["the the the the the the the"], [["the cat is on the mat", "there is a cat on the mat"]])
    assert score.bleu == (pytest.approx(2 / 7), 0, 0, 0)
    # five words, of which 4 words, 3 pairs, 2 triples and 1 four are right; the reference has one word more
    score = caption_score(["a bed left of me"], [["a bed left of a desk"]])
    brevity, precisions = math.exp(1 - 6 / 5), (4 / 5, 3 / 4, 2 / 3, 1 / 2)
    for n in range(4):
        assert score.bleu[n] == pytest.approx(brevity * math.prod(precisions[: n + 1]) ** (1 / (n + 1)))


def test_the_nearest_reference_decides_on_brevity() -> None:
    score = caption_score(["a b c d"], [["a b c d e f", "a b c x y", "a b c"]])  # 5 and 3 are as near: the shorter
    assert score.bleu[0] == 1.0


def test_cider_by_hand() -> None:
    # two frames; "bed" and "desk" are in one each (weight log 2), "a" in both (weight 0)
    captions, references = ["a bed", "a chair"], [["a bed"], ["a desk"]]
    score = caption_score(captions, references)
    # of frame 1, word and pair agree fully and there are no longer n-grams; of frame 2 nothing does
    assert score.cider == pytest.approx(10 * (1 + 1) / 4 / 2)
    assert score.captions == 2


def test_cider_punishes_repetition_and_length() -> None:
    references = [["a bed"], ["a desk"]]
    once, twice = (caption_score([caption, "a chair"], references).cider for caption in ("bed", "bed bed"))
    # once: cosine 1, at length 1 for 2. Twice: clipped to half of the cosine, at the right length; no pair is right
    assert once == pytest.approx(10 * math.exp(-1 / 72) / 4 / 2)
    assert twice == pytest.approx(10 * 0.5 / 4 / 2)


def test_agrees_with_cocos_own_scorers() -> None:
    pytest.importorskip("pycocoevalcap", reason="the second opinion on captions: pip install pycocoevalcap")
    from pycocoevalcap.bleu.bleu_scorer import BleuScorer
    from pycocoevalcap.cider.cider_scorer import CiderScorer

    rng = np.random.default_rng(0)
    said = np.array(["a", "bed", "two", "chairs", "left", "of", "the", "desk", "and", "window", "near", "sofa"])

    def sentence() -> str:
        return " ".join(rng.choice(said, rng.integers(4, 12)))

    references = [[sentence() for _ in range(5)] for _ in range(30)]
    captions = [several[0] if i % 3 else sentence() for i, several in enumerate(references)]
    bleu, cider = BleuScorer(n=4), CiderScorer(n=4, sigma=6.0)
    for caption, several in zip(captions, references, strict=True):
        bleu += (caption, several)
        cider += (caption, several)
    score = caption_score(captions, references)
    assert list(score.bleu) == pytest.approx(bleu.compute_score(option="closest")[0], abs=1e-6)
    assert score.cider == pytest.approx(cider.compute_score()[0], abs=1e-9)


def test_refuses_what_cannot_be_scored() -> None:
    for captions, references in ([], []), (["a"], []), (["a"], [[]]):
        with pytest.raises(ValueError, match="cannot score"):
            caption_score(captions, references)
    assert caption_score([""], [["a bed"]]).bleu == (0, 0, 0, 0)
