"""The captioner: words and numbers, no look at later words, greedy writing, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from testspace.learners.heads.captioning import BEGIN, END, PAD, CaptionConfig, Captioner, CaptionHead
from testspace.learners.heads.captioning_training import fine_tune_captioner
from testspace.learners.heads.transfer_config import TransferConfig
from testspace.learners.masked.encoder import Encoder, Size

pytestmark = pytest.mark.usefixtures("small_networks")

VOCABULARY = ("a", "blue", "green", "left", "of", "red", "thing")
SMALL = CaptionConfig(width=64, depth=1, max_words=6)


@pytest.fixture(scope="module")
def coloured() -> tuple[np.ndarray, list[list[str]]]:
    """Six frames of two colours side by side, and what they are, in one wording."""
    colours = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220)}
    pairs = [(one, other) for one in colours for other in colours if one != other]
    rgb = np.zeros((6, 32, 32, 3), np.uint8)
    for frame, (one, other) in enumerate(pairs):
        rgb[frame, :, :16], rgb[frame, :, 16:] = colours[one], colours[other]
    return rgb, [[f"a {one} thing left of {other}"] for one, other in pairs]


def test_captions_become_numbers(encoder: Encoder) -> None:
    captioner = Captioner(encoder, VOCABULARY, SMALL)
    numbers = captioner.tokenise(["A red thing!", ""])
    assert numbers.tolist() == [[BEGIN, 3, 8, 9, END, PAD, PAD, PAD], [BEGIN, END, *[PAD] * 6]]
    with pytest.raises(ValueError, match="'chair' is not in the vocabulary: a red chair"):
        captioner.tokenise(["a red chair"])
    with pytest.raises(ValueError, match="7 words are too many"):
        captioner.tokenise(["a a a a a a a"])
    with pytest.raises(ValueError, match="vocabulary is empty"):
        Captioner(encoder, [])


def test_no_word_sees_a_later_one() -> None:
    torch.manual_seed(0)
    head = CaptionHead(16, 12, SMALL).eval()
    features, told = torch.randn(2, 5, 16), torch.randint(3, 12, (2, 6))
    changed = told.clone()
    changed[:, 4] = (changed[:, 4] - 2) % 9 + 3
    same = (head(features, told) - head(features, changed)).abs().amax((0, 2)) < 1e-5
    assert same.tolist() == [True] * 4 + [False] * 2
    other = (head(features, told) - head(features + 1, told)).abs().amax((0, 2))
    assert (other > 1e-4).all()  # every word sees the frame


def test_padding_counts_for_nothing(encoder: Encoder) -> None:
    captioner = Captioner(encoder, VOCABULARY, SMALL).eval()
    rgb = torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8)
    numbers = captioner.tokenise(["a red", "a red thing of blue"])
    logits = captioner.head(captioner.encoder(rgb), numbers[:, :-1]).log_softmax(-1)
    each = -logits.gather(2, numbers[:, 1:, None])[..., 0]
    expected = torch.cat([each[0, :3], each[1, :6]]).mean()  # words and END
    assert captioner.loss(rgb, numbers)[0].item() == pytest.approx(expected.item(), rel=0.02)  # bf16 where it is fast


def test_overfits_six_frames(coloured: tuple[np.ndarray, list[list[str]]]) -> None:
    torch.manual_seed(0)
    encoder, (rgb, captions) = Encoder(Size(64, 2, 2), 32, 8), coloured
    config = TransferConfig(steps=120, batch_size=6, drop_path=0.0, optimiser="muon")
    seen: list[float] = []
    captioner = fine_tune_captioner(
        encoder, rgb, captions, VOCABULARY, config, SMALL, 0, lambda done, total, metrics: seen.append(metrics["loss"])
    )
    assert captioner.predict(rgb, batch_size=4) == [several[0] for several in captions]
    assert seen[-1] < 0.2 * seen[0]
    assert not captioner.training


def test_the_seed_decides(encoder: Encoder, coloured: tuple[np.ndarray, list[list[str]]]) -> None:
    config = TransferConfig(steps=2, batch_size=4)
    first, second, other = (
        fine_tune_captioner(encoder, *coloured, VOCABULARY, config, SMALL, seed).state_dict() for seed in (5, 5, 6)
    )
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["head.logits.weight"], other["head.logits.weight"])


def test_saves_and_loads_without_change(encoder: Encoder, tmp_path: Path) -> None:
    captioner = Captioner(encoder, VOCABULARY, SMALL).eval()
    captioner.save(tmp_path)
    loaded = Captioner.load(tmp_path, Encoder("nano", 32, 8))
    rgb = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    assert loaded.vocabulary == VOCABULARY
    assert loaded.predict(rgb) == captioner.predict(rgb)
    assert all(len(caption.split()) <= 6 for caption in loaded.predict(rgb))
    assert loaded.predict(rgb[:0]) == []


def test_refuses_frames_without_captions(encoder: Encoder) -> None:
    rgb = np.zeros((2, 32, 32, 3), np.uint8)
    for captions in ([["a"]], [["a"], []]):
        with pytest.raises(ValueError, match="2 frames need as many lists"):
            fine_tune_captioner(encoder, rgb, captions, VOCABULARY)
