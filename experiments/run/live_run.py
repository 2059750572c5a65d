"""`testspace run`: one live agent in one test space, evaluated as it learns.

house -> scene -> environment       (the test space)
external houses -> labelled views   (labels; never of the test space)
the baseline                        (the generalist, or scratch transferred on D_t; its predictions, fused over the
                                    views of each place, become the pseudolabels, Section 4.3)
act, remember, learn                (agent.live; no labels)
the specialist                      (what was learned; from scratch it is transferred first, Section 3.2.3)
(the house changes)                 (if --change: at a frame, unannounced)
evaluated on held-out views         (the baseline, the specialist at milestones, from scratch also with TTT)
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...agent.actor import Actor, read_agent
from ...agent.actor_process import ActorSettings, only_actor
from ...agent.async_live import AsyncAgent
from ...agent.live import AlternatingAgent, LiveAgent, Rollout
from ...agent.policies import make_policy
from ...agent.trainer import Trainer
from ...core.errors import UserError
from ...core.frame import Camera
from ...core.progress import Progress
from ...core.storage import replacing, write_json
from ...envs.choices import Light
from ...envs.gym_envs.measured_world import MeasuredWorld
from ...envs.house.house_io import load_houses
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.data.shared_buffer import SharedBuffer
from ...learners.modalities.networks import register_network
from ...learners.nn.device import find_device
from ..protocol.held_out import eval_rng, rooms_of, separated
from ..protocol.preset import Preset
from ..protocol.transfer_set import transfer_set
from ..report.report import write_report
from ..report.rerun_recording import need_rerun, recording
from ..report.run_film import FILM, write_run_film
from ..rundir.check_run import is_finished
from ..rundir.run_folder import RunFolder, read_summary
from ..rundir.semantic_file import store_semantic_map
from ..rundir.wandb_curves import check_wandb
from .async_actor import open_world, refuse_async
from .evaluation import Evaluation
from .from_generalist import FromGeneralist
from .from_scratch import FromScratch
from .learning_check import learning_notes
from .perception_recipe import SPECIALIST, PerceptionRecipe
from .run_config import RunConfig
from .scheduled_changes import ScheduledChange, eval_points, kept, parse_scheduled, recoveries
from .sight_check import check_frames, check_sight
from .stage_times import EVALUATING, FILMING, LABELLED, stage_seconds
from .threads import set_fastest_threads
from .world_factory import OpenSpace, View, open_space


def run_episode(config: RunConfig, preset: Preset, progress: Progress | None = None) -> dict[str, Any]:
    """Run one episode; leave config, curves, checkpoint, summary and report in `config.out`, and return the summary.

    `preset`: the sizes, which the config only names. `progress`: where progress is shown already. Everything that can
    be wrong with the house or the settings is found before the first byte is written: HouseError, FloorError,
    RunFolderError, PolicyError, or UserError for a change that cannot be, and for W&B without package or account.
    """
    started = time.perf_counter()
    if config.view:
        need_rerun()
    if config.wandb is not None:
        check_wandb()
    if preset.episode.memory is not None and preset.episode.memory < 1:
        raise UserError(f"--episode.memory must be 1 frame or more, got {preset.episode.memory}")
    if config.seed < 0:
        raise UserError(f"--seed must be 0 or more, got {config.seed}")
    if config.video < 0:
        raise UserError(f"--video must be 0 seconds or more, got {config.video}")
    device = find_device(config.device)
    if config.start_4m is not None and not config.start_4m.is_file():
        raise UserError(f"--start-4m: there is no file {config.start_4m}")
    changes = parse_scheduled(config.change, preset.episode.frames)
    external = load_houses(config.transfer_houses) if config.transfer_houses else []
    _check_start(config, preset)
    learner = preset.learner
    networks = tuple(register_network(one, learner.image_size, learner.patch) for one in config.network)
    preset = replace(preset, learner=replace(learner, modalities=(*learner.modalities, *networks)))
    sets = preset.transfer_set
    view = _view(config, preset.camera, sets.camera_height, sets.light)
    frames = preset.episode.frames
    with closing(open_space(config.sim, config.house, config.seed, view, frames)) as space:
        if changes and space.states is None:
            raise UserError(f"--change needs a house that can change: {space.fixed}")
        preset = preset.adapted(space.camera, space.camera_height, space.frames)
        settings: dict[str, Any] = {
            "house": space.name, "sim": config.sim, "seed": config.seed, "policy": config.policy,
            "preset": config.preset, "transfer_houses": config.transfer_houses,
            "change": [str(change) for change in changes], "sizes": asdict(preset),
        }  # fmt: skip
        if config.asynchronous:
            settings["async"] = True
        if (config.up, config.scale, config.storey) != (None, 1.0, 0):
            settings["mesh"] = {"up": config.up, "scale": config.scale, "storey": config.storey}
        if config.sensors != "exact":
            settings["sensors"] = config.sensors
        if config.network:
            settings["networks"] = list(config.network)
        if config.start_4m is not None:
            settings["start_4m"] = str(config.start_4m)
        run = _Run(config, preset, space, changes)
        perception: PerceptionRecipe | None = None
        if not preset.from_scratch:
            perception = FromGeneralist(config.out, preset, space.house, config.seed, device)
        folder = RunFolder(config.out, settings, config.resume, config.wandb)
        try:
            view_run = recording(folder.path, folder.path / "watch.rrd", view=True) if config.view else None
            showing = Progress() if progress is None else nullcontext(progress)
            seen = view_run or nullcontext(lambda: None)
            with _session(folder, started), showing as shown, seen as show, ExitStack() as cleanup:
                if is_finished(folder.path):
                    print(f"{folder.path}: the run is finished, and whole", file=sys.stderr, flush=True)
                    summary = read_summary(folder.path)
                else:
                    if perception is None:
                        with folder.timed(LABELLED, 0), shown.stage("transfer set") as advance:
                            labelled = transfer_set(space.house, preset.transfer_set, external, advance)
                        perception = FromScratch(config.out, preset, labelled, config.seed, device, config.start_4m)
                    summary = run.live(folder, perception, shown, show, cleanup)
                if config.video and not (folder.path / FILM).exists():
                    with folder.timed(FILMING, summary["frames"]), shown.stage("video") as advance:
                        write_run_film(folder.path, folder.path / FILM, config.video, advance)
            sessions = folder.logged("session")
            summary["seconds"] = sum(row["seconds"] for row in sessions)
            summary["peak_rss_mb"] = max(row["peak_rss_mb"] for row in sessions)
            summary["stages"] = stage_seconds(folder, summary["seconds"])
            summary["interruptions"] = [row["frame"] for row in folder.logged("start")[1:]]
            write_json(folder.path / "summary.json", {**settings, **summary})
            write_report(folder.path)
        finally:
            folder.close()
    return {**settings, **summary}


@contextmanager
def _session(folder: RunFolder, started: float) -> Iterator[None]:
    """Log how long the session took, and the most memory that its process had, also where it is interrupted.

    Of a session that was killed, its last row says how long it took at least.
    """
    starts, frame = folder.logged("start"), folder.last_frame()
    if len(starts) > len(folder.logged("session")):
        seconds = max(0.0, folder.last_written - starts[-1]["time"])
        folder.log("session", frame, seconds=seconds, peak_rss_mb=0.0, killed=True)
    folder.log("start", frame, time=time.time())
    try:
        yield
    finally:
        frame = folder.last_frame()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        folder.log("session", frame, seconds=time.perf_counter() - started, peak_rss_mb=peak)


def _view(config: RunConfig, camera: Camera, camera_height: float, light: Light) -> View:
    return View(camera, camera_height, light, config.up, config.scale, config.storey, config.sensors)


def _check_start(config: RunConfig, preset: Preset) -> None:
    """UserError for settings that only a run from scratch has, in one from the generalist."""
    if preset.from_scratch:
        return
    given = {"--start-4m": config.start_4m, "--network": config.network, "--transfer-houses": config.transfer_houses}
    for option, value in given.items():
        if value:
            raise UserError(f"{option} belongs to masked modelling from scratch; add --generalist none")


class _Run:
    """An episode whose settings are known to be good."""

    def __init__(
        self,
        config: RunConfig,
        preset: Preset,
        space: OpenSpace,
        changes: tuple[ScheduledChange, ...],
    ) -> None:
        self.config, self.preset, self.space, self.changes = config, preset, space, changes
        self.policy = make_policy(config.policy, space.env, config.seed)
        if config.asynchronous:
            refuse_async(self.policy, config.policy, config.sim, bool(changes))
        self.states = space.states(changes, config.seed) if space.states is not None else []

    def live(
        self,
        run: RunFolder,
        perception: PerceptionRecipe,
        progress: Progress,
        show: Callable[[], None],
        cleanup: ExitStack,
    ) -> dict[str, Any]:
        """Every stage of the run; each skips what an earlier session of the same run has finished.

        `show` is called when there is more to see: after each rollout and each evaluation. `cleanup` ends what is
        started here.
        """
        space, preset, seed = self.space, self.preset, self.config.seed
        changed = [space.simulator_in(state) for state in self.states[1:]] if space.simulator_in is not None else []
        with run.timed(EVALUATING, 0):
            views, truth = space.draw_views(preset.eval_views, eval_rng(seed), changed)
            per_state = [(views, truth), *(simulator.render_with_labels(views["pose"]) for simulator in changed)]
            if isinstance(space.env, MeasuredWorld):
                noise = np.random.default_rng([seed, 3])
                per_state = [(space.env.measure_views(frames, noise), labels) for frames, labels in per_state]
        if not self.config.allow_blind:
            check_sight(views, space)
        # kept apart only where something can be scored
        held_out = views["pose"] if truth is not None else views["pose"][:0]
        check_frames(held_out, space)
        rooms = rooms_of(views["pose"], [room.polygon for room in space.env.scene.rooms])
        known_rooms = rooms if (rooms >= 0).any() else None
        evaluation = Evaluation(run, perception, per_state, known_rooms, seed, progress)
        with only_actor(run.path / "agent"):
            buffer = ReplayBuffer(
                run.path / "buffer", preset.episode.capacity, preset.camera.height, preset.camera.width, seed,
                resume=True, eviction=preset.episode.eviction,
            )  # fmt: skip
            read_agent(buffer, run.path / "agent")  # goes back to the flush before where it is damaged
        if not buffer.note and run.logged("rollout"):
            print(f"{run.path / 'buffer'}: holds no frames, though the run had some; it acts anew", file=sys.stderr)
        known_threads = run.logged("threads")
        threads = set_fastest_threads(preset, known_threads[-1]["threads"] if known_threads else None)
        if not known_threads:
            run.log("threads", 0, threads=threads)
        evaluation.baseline()
        agent = self._agent(run, buffer, perception, held_out, cleanup)
        self._act_and_evaluate(agent, run, evaluation, progress, show)
        evaluation.test_time_training(agent.trainer, agent.frame, preset.ttt, preset.ttt_views)
        show()
        return self._summary(agent, run, evaluation, threads)

    def _agent(
        self, run: RunFolder, buffer: ReplayBuffer, perception: PerceptionRecipe, held_out: Any, cleanup: ExitStack
    ) -> LiveAgent:
        config, preset, space, seed = self.config, self.preset, self.space, self.config.seed
        folder, episode, camera = run.path / "agent", preset.episode, preset.camera
        admit, semantic_map = partial(separated, held_out), perception.semantic_map
        learner, mix_in, mix_share = perception.training()

        def trainer(frames: ReplayBuffer) -> Trainer:
            return Trainer(frames, learner, mix_in, episode, folder, seed, semantic_map, mix_share)

        passed = sum(change.at < buffer.note.get("frame", 0) for change in self.changes)
        if passed:  # a resumed run starts in the house in which it stopped
            space.env.reset(options={"house": self.states[passed]})
        if not config.asynchronous:
            actor = Actor(space.env, self.policy, buffer, admit, episode, folder, seed, semantic_map)
            return AlternatingAgent(actor, trainer(buffer))
        view = _view(config, camera, space.camera_height, preset.transfer_set.light)
        world = partial(open_world, config.sim, config.house, seed, view, episode.frames, config.policy)
        state, size = self.states[passed] if passed else None, (camera.height, camera.width)
        settings = ActorSettings(world, state, admit, episode, buffer.folder, size, folder, seed)
        shared = SharedBuffer.reader(buffer.folder)
        return cleanup.enter_context(closing(AsyncAgent(space.env, settings, trainer(shared), shared)))

    def _act_and_evaluate(
        self, agent: LiveAgent, run: RunFolder, evaluation: Evaluation, progress: Progress, show: Callable[[], None]
    ) -> None:
        frames, fused = self.preset.episode.frames, evaluation.perception.semantic_map

        def see() -> None:
            _store_map(run.path / "report_data" / "map.npz", agent)
            if fused is not None:
                store_semantic_map(run.path, fused)
            if len(agent.trainer.buffer):
                show()

        for point in eval_points(frames, self.preset.milestones, self.changes):
            with progress.stage(f"acting and learning, to frame {point}") as advance:

                def on_rollout(rollout: Rollout) -> None:
                    if not run.logged("rollout", frame=rollout.frame):
                        run.log("rollout", **asdict(rollout))
                    advance(rollout.frame, frames, f"{rollout.coverage:.0%} of the floor seen")
                    see()

                agent.live(point, on_rollout)
            if agent.frame == point:
                evaluation.specialist(point, agent.trainer)
            elif not run.logged("evaluation", method=SPECIALIST, frame=point):
                print(f"the scores of frame {point} are lost; the run is past it", file=sys.stderr, flush=True)
            for number, change in enumerate(self.changes, 1):
                if change.at == point:
                    if agent.frame == point:  # else an earlier session has done it
                        displaced = agent.change_house(self.states[number])
                        if not run.logged("change", frame=point):
                            kinds = str(change).partition(":")[2]
                            run.log("change", point, change=kinds, displaced=displaced)
                    evaluation.enter(number, point)
            see()

    def _summary(self, agent: LiveAgent, run: RunFolder, evaluation: Evaluation, threads: int) -> dict[str, Any]:
        rollouts, learner = run.logged("rollout"), agent.trainer.learner
        changed: dict[str, Any] = {}
        if self.changes:
            original, evaluated = evaluation.original_house(self.preset.episode.frames), run.logged("evaluation")
            changed = {
                "changes": recoveries(evaluated, self.changes),
                "original_house": {**original, **kept(evaluated, original["miou"])},
            }
        rates = [rollout["samples_per_s"] for rollout in rollouts if rollout["samples_per_s"]]
        return {
            **changed,
            "frames": agent.frame,
            "coverage": rollouts[-1]["coverage"],
            "buffer_coverage": rollouts[-1]["buffer_coverage"],
            "collisions": sum(rollout["collisions"] for rollout in rollouts),
            "frames_not_stored": agent.frame - agent.trainer.buffer.total_seen,
            "simulator_fps": float(np.median([rollout["simulator_fps"] for rollout in rollouts])),
            "samples_per_s": float(np.median(rates or [0])),
            "samples": learner.steps * learner.batch_size,
            "nonfinite_steps": learner.nonfinite_steps,
            "threads": threads,
            **evaluation.perception.facts,
            "notes": [*self.space.notes(), *self._learning_notes(rollouts, evaluation)],
            "segmentation": evaluation.scores(),
        }

    def _learning_notes(self, rollouts: list[dict[str, Any]], evaluation: Evaluation) -> list[str]:
        perception, truth = evaluation.perception, evaluation.truth
        classes = None if truth is None else truth.semantic
        return learning_notes(rollouts, classes, perception.learnable, perception.semantic_map)


def _store_map(file: Path, agent: LiveAgent) -> None:
    """What the report draws as the map: what the agent knows of the floor, where it went, and what it could reach."""
    floor, known = agent.env.floor, agent.map
    rooms = agent.env.scene.rooms
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
            path=np.array(agent.path, np.float64).reshape(-1, 2),
            room_types=np.array([room.type for room in rooms]),
            room_points=np.concatenate([np.zeros((0, 2)), *(room.polygon for room in rooms)]),
            room_starts=ends,
        )
