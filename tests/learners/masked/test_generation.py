"""Sequences said id by id: what was learned is said again, and every step agrees with the teacher-forced pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from testspace.learners.masked.generation import generate, may_follow
from testspace.learners.modalities.modality import SEQUENCES, register
from testspace.learners.modalities.sequences import END, PAD, SENTINEL, SequenceModality
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig

pytestmark = pytest.mark.usefixtures("small_networks")

WORDS = SequenceModality("words", 7, unit=2, units=3)  # ids 5 to 11; six of them at most, and END
CONFIG = TSTConfig(
    image_size=32, modalities=("rgb", "words"), decoder_layers=1, input_budget=4, target_budget=12, jitter=0.0,
    mirror=False, warmup_steps=5, batch_size=64, base_learning_rate=2e-2,
)  # fmt: skip


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    register(WORDS)
    yield
    del SEQUENCES["words"]


def frames() -> dict[str, Tensor]:
    """Dark frames say four words, bright ones none, and grey ones six."""
    own = WORDS.first
    ids = torch.tensor(
        [
            [own, own + 1, own + 2, own + 3, END, PAD, PAD],
            [END, PAD, PAD, PAD, PAD, PAD, PAD],
            [own + 6, own + 5, own + 4, own + 3, own + 2, own + 1, END],
        ]
    )
    rgb = torch.tensor([0, 255, 120], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 32, 32, 3).contiguous()
    return {"rgb": rgb, "words": ids}


def test_what_was_learned_is_said_again() -> None:
    learner, seen = TSTLearner(CONFIG, seed=0), frames()
    batch = {name: value.repeat(4, *(1,) * (value.ndim - 1)) for name, value in seen.items()}
    for _ in range(8):  # how many steps it takes depends on how the processor rounds
        for _ in range(75):
            learner.step(batch)
        said = generate(learner.model.eval(), {"rgb": seen["rgb"]}, ["rgb"], "words")
        if torch.equal(said, seen["words"]):
            return
    assert torch.equal(said, seen["words"])


def test_every_id_is_the_likeliest_of_the_teacher_forced_pass() -> None:
    model, rgb = TSTLearner(CONFIG, seed=1).model.eval(), frames()["rgb"]
    torch.nn.init.normal_(model.heads["words"].weight)
    said = generate(model, {"rgb": rgb}, ["rgb"], "words")
    number = model.names.index("words")
    tokens = model.tokens({"rgb": rgb})
    tokens["words decoder_inputs"] = torch.cat([torch.full((3, 1), SENTINEL), said[:, :-1]], dim=1)
    targets = (model.index.first[number] + torch.arange(WORDS.length)).expand(3, -1)
    inputs = torch.arange(model.patches).expand(3, -1)
    with torch.no_grad():
        logits = model.heads["words"](
            model.decode(tokens, model.encode(tokens, inputs, model.marks()), targets, model.marks())
        )
    for place in range(WORDS.length):
        allowed = logits[:, place].masked_fill(~may_follow(WORDS, place), -torch.inf)
        open_ = (said[:, :place] != END).all(1)
        # where two are as likely, sums in another order may choose the other
        torch.testing.assert_close(allowed.gather(1, said[:, place : place + 1])[open_, 0], allowed.amax(1)[open_])


def test_units_are_whole_and_draws_are_seeded() -> None:
    model, rgb = TSTLearner(CONFIG, seed=2).model.eval(), frames()["rgb"].repeat(8, 1, 1, 1)
    drawn = [
        generate(model, {"rgb": rgb}, ["rgb"], "words", 1.5, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    for ids in drawn[0]:
        length = ids.tolist().index(END)
        assert length % WORDS.unit == 0
        assert (ids[:length] >= WORDS.first).all()
        assert (ids[length + 1 :] == PAD).all()
    with pytest.raises(ValueError, match="no sequence 'song'; it has words"):
        generate(model, {"rgb": rgb}, ["rgb"], "song")
