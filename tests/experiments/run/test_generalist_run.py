"""A run that starts from the generalist, end to end: what it evaluates, stores, resumes and refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from testspace.agent.episode import EpisodeConfig
from testspace.agent.fusion.surface_places import Places
from testspace.core.errors import UserError
from testspace.core.frame import Camera
from testspace.envs.house.classes import CLASSES
from testspace.experiments.cli import main as cli
from testspace.experiments.protocol.presets import find_preset
from testspace.experiments.protocol.transfer_set_config import TransferSetConfig
from testspace.experiments.run.live_run import run_episode
from testspace.experiments.run.run_config import RunConfig
from testspace.experiments.rundir.networks import chosen_weights, specialist_of, weights_file
from testspace.experiments.rundir.semantic_file import read_semantic_map
from testspace.learners.generalist.specialist_config import SpecialistConfig
from testspace.learners.generalist.weights import WeightsError

PRESET = replace(
    find_preset("adapted-smoke"),
    episode=EpisodeConfig(frames=24, rollout=12, learning_starts=12, replay_ratio=1.0),
    specialist=SpecialistConfig(batch_size=12, generated_houses=1, generated_views=4),
    eval_views=6,
)
METHODS = {"generalist", "generalist_rgbd", "specialist", "specialist_rgbd", "specialist_map", "map"}


def config(out: Path, **more: object) -> RunConfig:
    return replace(RunConfig(out, seed=7, preset="adapted-smoke", video=0), **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("generalist") / "run"
    run_episode(config(out, video=1), PRESET)
    return out


def test_it_leaves_a_video_of_the_asked_length(run: Path) -> None:
    video = cv2.VideoCapture(str(run / "life.mp4"))
    pictures, rate = (video.get(what) for what in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS))
    assert pictures / rate == 1
    assert "<video" in (run / "report.html").read_text()


def test_it_evaluates_networks_and_map_before_and_after(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert set(summary["segmentation"]) == METHODS
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    evaluated = [(row["method"], row["frame"]) for row in rows if row["kind"] == "evaluation"]
    assert {method for method, frame in evaluated if frame == 0} == {"generalist", "generalist_rgbd"}
    assert {method for method, frame in evaluated if frame == PRESET.episode.frames} == METHODS - {
        "generalist",
        "generalist_rgbd",
    }
    assert summary["samples"] == 24
    known, total = summary["generalist_knows"]
    assert 0 <= known <= total > 0
    assert summary["segmentation"]["generalist_rgbd"]["pixel_accuracy"] > 0.8  # far better than chance from the start


def test_the_report_names_all_of_them(run: Path) -> None:
    page = (run / "report.html").read_text()
    for words in (
        "Generalist",
        "generalist, rgb-d",
        "Specialist and map",
        "The house as it is understood",
        "assets known before",
        "making labelled views",
        "testspace segment PICTURES --run run",
    ):
        assert words in page
    with np.load(run / "report_data" / "panels.npz") as panels:
        assert {f"prediction_{method}" for method in METHODS} <= set(panels)


def test_the_first_look_shows_views_and_predictions(run: Path) -> None:
    sheet = cv2.imread(str(run / "first-look.png"))
    assert sheet is not None
    assert sheet.shape[1] > 4 * 256  # camera, rgb, rgb-d, truth
    assert sheet.shape[0] > 6 * 256


def test_the_fused_map_is_stored_as_it_was_evaluated(run: Path) -> None:
    stored = read_semantic_map(run)
    assert stored is not None
    assert len(stored.places) > 1000
    assert (np.diff(stored.places) > 0).all()
    assert np.allclose(Places(PRESET.camera, stored.cell).centres(stored.places), stored.centres, atol=1e-5)
    assert (stored.doubt >= 0).all()
    assert (stored.doubt < 1).all()
    assert set(np.unique(stored.classes)) <= set(range(1, len(CLASSES)))


def test_it_says_what_took_its_time(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    stages = summary["stages"]
    named = ("making labelled views", "acting", "fusing", "learning", "evaluating")
    assert all(stages[name] > 0 for name in named)
    assert sum(stages.values()) == pytest.approx(summary["seconds"])


def test_the_specialist_is_stored_and_can_be_used(run: Path) -> None:
    assert weights_file(run, "specialist").stat().st_size < 15e6
    predict = specialist_of(run)
    assert predict is not None
    with np.load(run / "report_data" / "panels.npz") as panels:
        agreement = (predict(panels["rgb"]) == panels["prediction_specialist"]).mean()
    assert agreement > 0.999


def test_a_run_that_was_stopped_resumes_to_the_same_specialist(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"

    class Stop(Exception):
        pass

    from testspace.experiments.run import live_run as module

    kept, stops = module.Evaluation.specialist, iter([False, True])  # at the end: a resumed policy plans anew

    def stop_once(self, frame, trainer):  # type: ignore[no-untyped-def]
        if next(stops, False):
            raise Stop
        kept(self, frame, trainer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Evaluation, "specialist", stop_once)
        with pytest.raises(Stop):
            run_episode(config(out), PRESET)
    run_episode(config(out, resume=True), PRESET)
    stored, straight = (load_file(weights_file(folder, "specialist")) for folder in (out, run))
    assert stored.keys() == straight.keys()
    assert all(torch.equal(value, straight[name]) for name, value in stored.items())


def test_a_robot_measures_with_noise_and_its_held_out_views_too(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    short = replace(PRESET, episode=replace(PRESET.episode, frames=12), milestones=(1.0,))
    summary = run_episode(config(out, sensors="slam"), short)
    assert summary["sensors"] == "slam"
    with np.load(run / "report_data" / "panels.npz") as exact, np.load(out / "report_data" / "panels.npz") as measured:
        assert (exact["truth"] == measured["truth"]).all()
        assert (exact["depth"] != measured["depth"]).any()
        assert (measured["depth"] == 0).mean() > (exact["depth"] == 0).mean()  # a stereo camera has no depth at edges
    with pytest.raises(UserError, match="a recording has the noise of its own camera"):
        run_episode(config(tmp_path / "other", sensors="odometry", sim="recording", house=str(tmp_path)), short)


def test_what_does_not_go_together_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    out = tmp_path / "run"
    small = replace(PRESET, transfer_set=TransferSetConfig(camera=Camera(64, 64)))
    for changed, preset, message in (
        ({"network": ("lite=efficientnet",)}, PRESET, "--network .* --generalist none"),
        ({}, small, "128 x 128 pixels.* 64 x 64; .*--generalist none"),
    ):
        with pytest.raises(UserError, match=message):
            run_episode(config(out, **changed), preset)
    with pytest.raises(WeightsError, match="no such file"):
        run_episode(config(out), replace(PRESET, generalist=str(tmp_path / "none.safetensors")))
    assert not out.exists()


def test_the_specialist_segments_pictures_of_ones_own(run: Path, tmp_path: Path) -> None:
    with np.load(run / "report_data" / "panels.npz") as panels:
        rgb, expected = panels["rgb"][0], panels["prediction_specialist"][0]
    cv2.imwrite(str(tmp_path / "view.png"), rgb[..., ::-1])
    cli.main(["segment", str(tmp_path / "view.png"), "--run", str(run), "--out", str(tmp_path / "out")])
    labels = cv2.imread(str(tmp_path / "out" / "labels" / "view.png"), cv2.IMREAD_UNCHANGED)
    assert (labels == expected).mean() > 0.99


@pytest.mark.parametrize(("made", "message"), [("", "no run"), ("segmenters/specialist", "from scratch")])
def test_a_run_without_such_a_specialist_is_refused(made: str, message: str, tmp_path: Path) -> None:
    (tmp_path / made).mkdir(parents=True, exist_ok=True)
    with pytest.raises(UserError, match=message):
        chosen_weights(None, tmp_path)
    with pytest.raises(UserError, match="both"):
        chosen_weights(tmp_path / "file", tmp_path)
