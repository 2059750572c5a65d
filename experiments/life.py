"""`testspace run`: one agent lives in one house, and what it has learned is put to the test as it goes.

house -> scene -> environment         (the test space)
external houses -> D_t                (labels; never of the test space)
scratch, transferred on D_t           (the baseline; its guesses are the pseudolabels, Section 4.3)
act, remember, learn -> encoder       (agent.live; no labels)
encoder + head, fine-tuned on D_t     (transfer, Section 3.2.3)
evaluated on held-out frames          (scratch, the specialist at milestones, the specialist with TTT)
"""

from __future__ import annotations

import resource
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..agent.live import Life, Turn
from ..agent.policies import Policy, make_policy
from ..agent.semantic_map import SemanticMap
from ..envs.house import House
from ..envs.house_io import load_houses
from ..learners.buffer import ReplayBuffer
from ..learners.pretrain import TSTLearner, scratch_encoder
from .evaluation import Evaluation
from .held_out import too_near
from .presets import Preset, find_preset
from .progress import Progress
from .report import write_report
from .run_folder import RunFolder, write_json
from .test_space import Sim, TestSpace, open_test_space
from .threads import set_fastest_threads
from .transfer_set import transfer_set


@dataclass(frozen=True)
class RunConfig:
    """What a person asks of `testspace run`."""

    out: Path
    """Folder for what the run leaves behind."""
    house: str | None = None
    """House file, FILE.json or FILE.jsonl[.gz][:LINE]; without it a house is generated from the seed. With
    `sim` "recording", the recording's folder or file."""
    seed: int = 0
    """Seed of everything random in the run, and of the generated house."""
    policy: str = "frontier"
    """Who explores: the name of a built-in policy."""
    preset: str = "nano"
    """How large the run is."""
    resume: bool = False
    """Go on with the run that the folder holds."""
    sim: Sim = "raycast"
    """What the agent lives in: our simulator, or a recording."""
    transfer_houses: str | None = None
    """House file whose houses, all of them, give the transfer set; without it they are generated."""


def run_life(config: RunConfig, preset: Preset | None = None) -> dict[str, Any]:
    """Run one life and leave config, curves, checkpoint, summary and report in `config.out`; returns the summary.

    `preset` replaces the one that the config names, for sizes of one's own. Everything that can be wrong with the house
    or the settings is found before the first byte is written: HouseError, FloorError, RunFolderError, or UserError
    for an
    unknown policy or preset.
    """
    started = time.perf_counter()
    preset = preset or find_preset(config.preset)
    given = load_houses(config.transfer_houses) if config.transfer_houses else []
    space = open_test_space(config.sim, config.house, config.seed, preset)
    policy = make_policy(config.policy, space.env, config.seed)
    asked = {"house": space.name, "sim": config.sim, "seed": config.seed, "policy": config.policy}
    asked |= {"preset": config.preset, "transfer_houses": config.transfer_houses, "sizes": asdict(space.preset)}
    run = RunFolder(config.out, asked, config.resume)
    try:
        with Progress() as progress:
            summary = _live(run, space, policy, given, config.seed, progress)
        earlier = sum(row["seconds"] for row in run.logged("session"))
        run.log("session", summary["frames"], seconds=time.perf_counter() - started)
        summary["seconds"] = earlier + time.perf_counter() - started
        write_json(run.path / "summary.json", {**asked, **summary})
        write_report(run.path)
    finally:
        run.close()
    return {**asked, **summary}


def _live(
    run: RunFolder,
    space: TestSpace,
    policy: Policy,
    given: list[House],
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """Every stage of a run; each skips what an earlier session of the same run has finished."""
    rng = np.random.default_rng([seed, 1])
    env, preset = space.env, space.preset
    views, truth = space.draw_views(preset.evaluation_frames, rng)
    with progress.stage("transfer set") as advance:
        labelled, shared_assets = transfer_set(space.house, preset.transfer_set, given, advance)
    evaluation = Evaluation(run, preset, labelled, views, truth, seed, progress)

    def admit(poses: NDArray[np.float32]) -> NDArray[np.bool_]:
        return ~too_near(poses, views["pose"])

    camera, frames = preset.camera, preset.life.frames
    buffer = ReplayBuffer(run.path / "buffer", frames, camera.height, camera.width, seed, resume=True)
    learner = TSTLearner(preset.learner, seed)
    mix_in = torch.from_numpy(labelled.rgb)
    threads = set_fastest_threads(preset)
    evaluation.transfer("scratch", 0, scratch_encoder(preset.learner, seed))
    # The network behind the pseudolabels is the one at hand that learned from external houses only: scratch.
    guesses = (
        SemanticMap(evaluation.segmenter("scratch").predict, camera) if learner.config.pseudolabel_classes else None
    )
    life = Life(env, policy, buffer, learner, mix_in, admit, preset.life, run.path / "life", seed, guesses)

    for share in preset.milestones:
        with progress.stage(f"living, to frame {round(share * frames)}") as advance:

            def watch(turn: Turn) -> None:
                run.log("turn", **asdict(turn))
                advance(turn.frame, frames, f"{turn.coverage:.0%} of the floor seen")

            life.live(round(share * frames), watch)
        own = life.pseudolabelled(preset.own_frames * len(labelled))
        evaluation.transfer("specialist", life.frame, life.learner.encoder, own)
    evaluation.test_time_training(life)
    _store_map(run.path / "report_data" / "map.npz", life)

    turns = run.logged("turn")
    return {
        "frames": life.frame,
        "coverage": turns[-1]["coverage"],
        "collisions": sum(turn["collisions"] for turn in turns),
        "frames_kept_apart": life.refused,
        "simulator_fps": float(np.median([turn["simulator_fps"] for turn in turns])),
        "samples_per_s": float(np.median([turn["samples_per_s"] for turn in turns if turn["samples_per_s"]] or [0])),
        "samples": learner.steps * preset.learner.batch_size,
        "nonfinite_steps": learner.nonfinite_steps,
        "threads": threads,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "shared_assets": shared_assets,
        "told": space.told(),
        "segmentation": evaluation.scores(),
    }


def _store_map(file: Path, life: Life) -> None:
    """What the report draws as the map: what the agent knows of the floor, where it went, and what it could reach."""
    floor, known = life.env.floor, life.map
    rooms = life.env.scene.rooms
    ends = np.cumsum([0, *(len(room.polygon) for room in rooms)])
    file.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        file,
        occupancy=known.state.astype(np.uint8),
        occupancy_origin=known.corner[::-1] * known.cell,
        occupancy_cell=known.cell,
        reachable=floor.reachable,
        reachable_origin=floor.origin,
        reachable_cell=floor.cell,
        path=np.array(life.path, np.float64).reshape(-1, 2),
        room_types=np.array([room.type for room in rooms]),
        room_points=np.concatenate([np.zeros((0, 2)), *(room.polygon for room in rooms)]),
        room_starts=ends,
    )
