"""The live run and the cached stages are one pipeline: the same seeds give the same specialist, byte for byte."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import testspace
from testspace.core.frame import Camera
from testspace.core.progress import Progress
from testspace.envs.generator import generate_house
from testspace.experiments.protocol.presets import PRESETS
from testspace.experiments.stages.stages import Stages
from testspace.experiments.stages.store import Store
from testspace.learners.data.replay_buffer import ReplayBuffer

pytestmark = pytest.mark.usefixtures("small_networks")

PACKAGE = Path(testspace.__file__).parent
SMOKE = PRESETS["smoke"]
FRAMES = 90
PUT_OFF = replace(
    SMOKE,
    episode=replace(SMOKE.episode, frames=FRAMES, rollout=30, learning_starts=FRAMES, replay_ratio=2.0),
    milestones=(1.0,),
    learner=replace(SMOKE.learner, image_size=16, input_budget=4, target_budget=4, tokenizer_steps=3, batch_size=16),
    transfer_set=replace(SMOKE.transfer_set, houses=1, frames_per_house=12, camera=Camera(16, 16)),
    transfer=replace(SMOKE.transfer, steps=4, batch_size=8),
    ttt=replace(SMOKE.ttt, steps=1, masks=2, refit_steps=2),
    eval_views=160,
    ttt_views=3,
)
"""An episode whose learning is put off to its end."""


@pytest.mark.parametrize("targets", ["patches", "tokens"])
def test_a_run_that_learns_at_its_end_and_the_stages_give_the_same_specialist(tmp_path: Path, targets: str) -> None:
    preset = replace(PUT_OFF, learner=replace(PUT_OFF.learner, targets=targets))
    with Progress() as progress:
        stages = Stages(Store(progress, tmp_path), preset, (generate_house(5, rooms=2),), seed=3)
        live = stages.live_run()
        collected = stages.collect()
        specialist = stages.specialist(collected)
        offline = stages.evaluate(specialist)
        adapted = stages.test_time_training(specialist, stages.pretrain((collected,), title="specialist"), collected)

    ours, theirs = (ReplayBuffer.reader(folder / "buffer").all() for folder in (live.folder, collected.folder))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert len(ours["step"]) < FRAMES, "no frame was near a held-out view: the test says less than it should"
    for method, entry in (("scratch", stages.scratch), ("specialist", specialist)):
        for file in sorted(entry.folder.glob("*.safetensors")):
            assert (live.folder / "segmenters" / method / file.name).read_bytes() == file.read_bytes(), method
    (score,) = live.scores("specialist")
    assert {key: score[key] for key in offline} == offline
    ttt = live.summary["segmentation"]["specialist_ttt"]
    assert ttt["before"]["miou"] == adapted["before"]["miou"]
    assert ttt["miou"] == adapted["alone"]["miou"]
    assert ttt["online"]["miou"] == adapted["online"]["miou"]


TRUTH = {"evaluate_stage", "label_score_stage", "ttt_stage", "truth", "pictures_stage"}
"""Stages that hold the ground truth of a test space. `stages` hands it on to the supervised bound."""


def imports_of(file: Path) -> set[str]:
    """Last parts of what a module imports from within the package, and the names that it imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            found |= {(node.module or "").rpartition(".")[2], *(name.name for name in node.names)}
    return found


@pytest.mark.parametrize("file", sorted((PACKAGE / "experiments" / "stages").glob("*.py")), ids=lambda file: file.stem)
def test_no_stage_but_those_that_evaluate_can_read_the_truth(file: Path) -> None:
    if file.stem in TRUTH or file.stem == "stages":
        return
    assert not imports_of(file) & {"truth", "draw_views", "render_with_labels", "Labels"}
    assert "views.npz" not in file.read_text() or file.stem == "retrieval_stage"  # which reads rgb and depth of it
    assert "semantic" not in imports_of(file)


@pytest.mark.parametrize("room", ["learners", "agent"])
def test_labels_never_reach_a_learner_or_an_agent(room: str) -> None:
    """Rewards, which a reinforcement learner is paid by, are the one exception: see `agent.rewards`."""
    for file in sorted((PACKAGE / room).rglob("*.py")):
        if "rewards" in file.parts:
            continue
        tree = ast.parse(file.read_text())
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | imports_of(file)
        assert not names & {"render_with_labels", "Labels", "truth"}, file
