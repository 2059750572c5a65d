"""`testspace run`: one agent lives in one house, and what it has learned is put to the test as it goes.

house -> scene -> environment         (the test space)
external houses -> D_t                (labels; never of the test space)
scratch, transferred on D_t           (the baseline; its guesses are the pseudolabels, Section 4.3)
act, remember, learn -> encoder       (agent.live; no labels)
encoder + head, fine-tuned on D_t     (transfer, Section 3.2.3)
(the house changes)                   (where asked: at a frame, unannounced)
evaluated on held-out frames          (scratch, the specialist at milestones, the specialist with TTT)
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ...agent.async_live import ApartLife, Begin, OpenWorld, only_actor
from ...agent.fusion.semantic_map import SemanticMap
from ...agent.live import Life, Turn
from ...agent.policies import Policy, make_policy
from ...core.errors import UserError
from ...core.progress import Progress
from ...core.storage import replacing, write_json
from ...envs.house.house import House
from ...envs.house.house_io import load_houses
from ...learners.choices import EvictionName
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.objectives.tst import TSTLearner, scratch_encoder
from ..protocol.presets import Preset, find_preset
from ..protocol.transfer_set import transfer_set
from ..report.report import write_report
from ..report.rerun_recording import need_rerun, recording
from ..rundir.run_folder import RunFolder
from ..rundir.wandb_curves import check_wandb
from .async_actor import far_from, open_world, refuse_what_cannot_be_apart
from .evaluation import Evaluation
from .scheduled_changes import ScheduledChange, evaluation_frames, parse_scheduled, recoveries
from .threads import set_fastest_threads
from .world_factory import Sim, TestSpace, open_test_space


@dataclass(frozen=True)
class RunConfig:
    """What a person asks of `testspace run`."""

    out: Path
    """Folder for what the run leaves behind."""
    house: str | None = None
    """House file, FILE.json or FILE.jsonl[.gz][:LINE], or a mesh; without it a house is generated from the seed. With
    `sim` "recording", the recording's folder or file; with "thor", also what `envs.thor.thor_places` knows."""
    seed: int = 0
    """Seed of everything random in the run, and of the generated house."""
    policy: str = "frontier"
    """Who explores: what `agent.policies.make_policy` takes."""
    preset: str = "nano"
    """How large the run is."""
    resume: bool = False
    """Go on with the run that the folder holds."""
    sim: Sim = "raycast"
    """What the agent lives in: our simulator, AI2-THOR, habitat-sim, or a recording."""
    change: tuple[str, ...] = ()
    """Changes of the house in the middle of the life, each as at=2000:lighting=0.6."""
    replay: EvictionName = "ring"
    """What a full replay buffer overwrites."""
    memory: int | None = None
    """Frames that the replay buffer holds; without it all that are lived."""
    transfer_houses: str | None = None
    """House file whose houses, all of them, give the transfer set; without it they are generated."""
    apart: bool = False
    """Act in a process of its own while the learner learns, `--async`."""
    view: bool = False
    """Show the life in Rerun while it is lived, and keep the recording."""
    wandb: str | None = None
    """Project of Weights & Biases that gets the curves too."""


def run_life(config: RunConfig, preset: Preset | None = None) -> dict[str, Any]:
    """Run one life and leave config, curves, checkpoint, summary and report in `config.out`; returns the summary.

    `preset` replaces the one that the config names, for sizes of one's own. Everything that can be wrong with the house
    or the settings is found before the first byte is written: HouseError, FloorError, RunFolderError, PolicyError,
    or UserError for an unknown preset, for a change that cannot be, and for W&B without package or account.
    """
    started = time.perf_counter()
    preset = preset or find_preset(config.preset)
    if config.view:
        need_rerun()
    if config.wandb is not None:
        check_wandb()
    if config.memory is not None and config.memory < 1:
        raise UserError(f"--memory must be 1 frame or more, got {config.memory}")
    preset = replace(preset, life=replace(preset.life, memory=config.memory, replay=config.replay))
    changes = parse_scheduled(config.change, preset.life.frames)
    given = load_houses(config.transfer_houses) if config.transfer_houses else []
    with closing(open_test_space(config.sim, config.house, config.seed, preset)) as space:
        if changes and space.states is None:
            raise UserError(f"--change needs a house that can change: {space.fixed}")
        policy = make_policy(config.policy, space.env, config.seed)
        if config.apart:
            refuse_what_cannot_be_apart(policy, config.policy, config.sim, bool(changes))
        states = space.states(changes, config.seed) if space.states is not None else []
        asked = {"house": space.name, "sim": config.sim, "seed": config.seed, "policy": config.policy}
        asked |= {"preset": config.preset, "transfer_houses": config.transfer_houses}
        asked |= {"change": [str(change) for change in changes], "sizes": asdict(space.preset)}
        asked |= {"async": True} if config.apart else {}
        world = partial(open_world, config.sim, config.house, config.seed, preset, config.policy)
        run = RunFolder(config.out, asked, config.resume, config.wandb)
        try:
            shown = recording(run.path, run.path / "watch.rrd", view=True) if config.view else nullcontext(lambda: None)
            with Progress() as progress, shown as show, ExitStack() as ends:
                asked_of = _Asked(config.seed, policy, changes, states, given, world if config.apart else None)
                summary = _live(run, space, asked_of, progress, show, ends)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            run.log("session", summary["frames"], seconds=time.perf_counter() - started, peak_rss_mb=peak)
            sessions = run.logged("session")
            summary["seconds"] = sum(row["seconds"] for row in sessions)
            summary["peak_rss_mb"] = max(row["peak_rss_mb"] for row in sessions)
            write_json(run.path / "summary.json", {**asked, **summary})
            write_report(run.path)
        finally:
            run.close()
    return {**asked, **summary}


class _Asked(NamedTuple):
    """What a run is to do, once it is known that all of it can be done."""

    seed: int
    policy: Policy
    changes: Sequence[ScheduledChange]
    states: Sequence[Any]
    """Of the house: at first, and after each change; none where it cannot change."""
    given: list[House]
    """Houses of the transfer set; none where they are generated."""
    world: OpenWorld | None
    """What an actor in a process of its own opens, where there is to be one."""


def _live(
    run: RunFolder, space: TestSpace, asked: _Asked, progress: Progress, show: Callable[[], None], ends: ExitStack
) -> dict[str, Any]:
    """Every stage of a run; each skips what an earlier session of the same run has finished.

    `show` is called when there is more to see: after each turn and each test. `ends` ends what was begun here.
    """
    seed, policy, changes, states, given, world = asked
    rng = np.random.default_rng([seed, 1])
    env, preset = space.env, space.preset
    changed = [space.simulator_in(state) for state in states[1:]] if space.simulator_in is not None else []
    views, truth = space.draw_views(preset.evaluation_frames, rng, changed)
    tested = [(views, truth), *(simulator.render_with_labels(views["pose"]) for simulator in changed)]
    with progress.stage("transfer set") as advance:
        drawn = transfer_set(space.house, preset.transfer_set, given, advance)
    labelled = drawn.labelled
    evaluation = Evaluation(run, preset, labelled, tested, seed, progress)
    admit = partial(far_from, views["pose"])
    camera, frames, folder = preset.camera, preset.life.frames, run.path / "life"
    with only_actor(folder):
        buffer = ReplayBuffer(
            run.path / "buffer", preset.life.capacity, camera.height, camera.width, seed, resume=True,
            eviction=preset.life.replay,
        )  # fmt: skip
    passed = sum(change.at < buffer.note.get("frame", 0) for change in changes)
    if passed:  # a life that goes on wakes in the house in which it stopped
        env.reset(options={"house": states[passed]})
    learner = TSTLearner(preset.learner, seed)
    mix_in = torch.from_numpy(labelled.rgb)
    threads = set_fastest_threads(preset)
    evaluation.transfer("scratch", 0, scratch_encoder(preset.learner, seed))
    # The network behind the pseudolabels is the one at hand that learned from external houses only: scratch.
    guesses = (
        SemanticMap(evaluation.segmenter("scratch").predict, camera, drawn.surfaces)
        if learner.config.pseudolabel_classes
        else None
    )
    life: Life | ApartLife
    if world is None:
        life = Life(env, policy, buffer, learner, mix_in, admit, preset.life, folder, seed, guesses)
    else:
        size, house = (camera.height, camera.width), states[passed] if passed else None
        begin = Begin(world, house, admit, preset.life, buffer.folder, size, folder, seed)
        life = ends.enter_context(closing(ApartLife(env, begin, learner, mix_in, guesses)))

    def see() -> None:
        _store_map(run.path / "report_data" / "map.npz", life)
        if len(life.buffer):
            show()

    for point in evaluation_frames(frames, preset.milestones, changes):
        with progress.stage(f"living, to frame {point}") as advance:

            def watch(turn: Turn) -> None:
                run.log("turn", **asdict(turn))
                advance(turn.frame, frames, f"{turn.coverage:.0%} of the floor seen")
                see()

            life.live(point, watch)
        if not run.logged("evaluation", method="specialist", frame=point):
            own = life.pseudolabelled(preset.own_frames * len(labelled))
            evaluation.transfer("specialist", point, life.learner.encoder, own)
        for number, change in enumerate(changes, 1):
            if change.at == point:
                if life.frame == point:  # else an earlier session has done it
                    displaced = life.change_house(states[number])
                    if not run.logged("change", frame=point):
                        run.log("change", point, change=str(change).partition(":")[2], displaced=displaced)
                evaluation.enter(number, point)
        see()
    evaluation.test_time_training(life)
    see()

    turns = run.logged("turn")
    told: dict[str, Any] = {}
    if changes:
        told = {
            "changes": recoveries(run.logged("evaluation"), changes),
            "original_house": evaluation.forgetting(frames),
        }
    return {
        **told,
        "frames": life.frame,
        "coverage": turns[-1]["coverage"],
        "buffer_coverage": turns[-1]["buffer_coverage"],
        "collisions": sum(turn["collisions"] for turn in turns),
        "frames_kept_apart": life.refused,
        "simulator_fps": float(np.median([turn["simulator_fps"] for turn in turns])),
        "samples_per_s": float(np.median([turn["samples_per_s"] for turn in turns if turn["samples_per_s"]] or [0])),
        "samples": learner.steps * preset.learner.batch_size,
        "nonfinite_steps": learner.nonfinite_steps,
        "threads": threads,
        "shared_assets": drawn.shared_assets,
        "told": space.told(),
        "segmentation": evaluation.scores(),
    }


def _store_map(file: Path, life: Life | ApartLife) -> None:
    """What the report draws as the map: what the agent knows of the floor, where it went, and what it could reach."""
    floor, known = life.env.floor, life.map
    rooms = life.env.scene.rooms
    ends = np.cumsum([0, *(len(room.polygon) for room in rooms)])
    file.parent.mkdir(exist_ok=True)
    with replacing(file) as unfinished, unfinished.open("wb") as out:
        np.savez_compressed(
            out,
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
