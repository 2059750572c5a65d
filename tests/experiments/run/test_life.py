"""A whole life below preset smoke: what it leaves behind, that it survives being killed, and that nothing bad is half
done."""

from __future__ import annotations

import importlib.util
import json
import re
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from forks import Testspace
from tiny_preset import tiny_preset

from testspace.envs.generator import generate_house
from testspace.envs.house.house_io import save_house
from testspace.experiments.cli import main as cli
from testspace.experiments.protocol.presets import PRESETS
from testspace.experiments.report.drawings import GAP
from testspace.experiments.run.from_scratch import FromScratch
from testspace.experiments.tools import tasks
from testspace.experiments.tools import tokenizer_report as tokenizers
from testspace.experiments.tools.predict_retrieve import SIDE
from testspace.learners.data.replay_buffer import ReplayBuffer
from testspace.learners.encoders.torchvision_guard import operators_load
from testspace.learners.modalities.modality import MODALITIES

pytestmark = pytest.mark.usefixtures("small_networks")

SMOKE = replace(
    PRESETS["smoke"],
    episode=replace(PRESETS["smoke"].episode, replay_ratio=1.0),
    eval_views=20,
)
SHORT = (
    "--episode.replay-ratio", "1.0", "--learner.batch-size", "8", "--transfer-set.houses", "1",
    "--transfer-set.frames-per-house", "8", "--transfer.steps", "4", "--transfer.batch-size", "8",
    "--eval-views", "20", "--ttt-views", "4",
)  # fmt: skip
"""SMOKE on the command line, and less of what is not asked for here."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of its own, so that the tests neither use nor fill the user's."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def killed_and_resumed(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Path, int]:
    """A smoke run that was killed (kill -9) after its first turns and went on, and the frames that were flushed
    before."""
    folder = tmp_path_factory.mktemp("life")
    house, out = folder / "house.json", folder / "run"
    save_house(generate_house(5, rooms=2), house)
    command = ["run", "--house", str(house), "--preset", "smoke", *SHORT, "--video", "1", "--out", str(out)]
    environment = {"TESTSPACE_CACHE": str(cache), "DISPLAY": None, "WAYLAND_DISPLAY": None}
    run = Testspace(command, folder / "killed.log", environment, small=True)
    metrics, deadline = out / "metrics.jsonl", time.monotonic() + 120
    while not (metrics.exists() and '"rollout"' in metrics.read_text()) and time.monotonic() < deadline:
        assert run.poll() is None, "the run ended before it could be killed"
        time.sleep(0.05)
    run.kill()
    flushed = len(ReplayBuffer.reader(out / "buffer"))
    status, errors = Testspace(command, folder / "refused.log", environment, small=True).wait()
    assert status == 2
    assert "--resume" in errors
    assert len(errors.splitlines()) == 1
    view = ["--view"] if importlib.util.find_spec("rerun") else []
    resumed = Testspace([*command, "--resume", *view], folder / "resumed.log", environment, small=True)
    status, errors = resumed.wait()
    assert status == 0, errors
    assert ("no display here: open http://127.0.0.1:" in errors) == bool(view)
    return out, flushed


def test_a_killed_run_resumes_from_its_last_flush(killed_and_resumed: tuple[Path, int]) -> None:
    out, flushed = killed_and_resumed
    summary = json.loads((out / "summary.json").read_text())
    steps = ReplayBuffer.reader(out / "buffer").all(("step",))["step"].numpy()
    assert flushed > 0
    assert summary["frames"] == SMOKE.episode.frames
    assert (np.diff(steps) > 0).all(), "a frame was stored twice"
    assert len(steps) + summary["frames_not_stored"] == SMOKE.episode.frames
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    evaluated = [(row["method"], row["frame"]) for row in rows if row["kind"] == "evaluation"]
    lived = [round(share * SMOKE.episode.frames) for share in SMOKE.milestones]
    assert evaluated == [("scratch", 0), *(("specialist", n) for n in lived), ("specialist_ttt", lived[-1])]


def test_what_a_run_leaves_behind(killed_and_resumed: tuple[Path, int]) -> None:
    out, _ = killed_and_resumed
    summary = json.loads((out / "summary.json").read_text())
    numbers = {"seed", "frames", "coverage", "simulator_fps", "samples_per_s", "seconds", "peak_rss_mb"}
    assert numbers | {"house", "preset", "segmentation"} <= summary.keys()
    assert summary["house"].endswith("house.json")
    assert summary["preset"] == "smoke"
    assert all(np.isfinite(summary[name]) for name in numbers)
    assert 0 < summary["coverage"] <= 1
    assert summary["shared_assets"] == []
    assert summary["samples"] == SMOKE.episode.frames * SMOKE.episode.replay_ratio
    for method in ("scratch", "specialist", "specialist_ttt"):
        score = summary["segmentation"][method]
        assert 0 <= score["miou"] <= 1
        assert 0 < score["pixel_accuracy"] <= 1
    page = (out / "report.html").read_text()
    assert "data:image/png;base64" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert list((out / "tensorboard").iterdir())
    assert cv2.VideoCapture(str(out / "life.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert (out / "agent" / "learner" / "model.safetensors").is_file()


def test_a_viewed_run_leaves_a_recording_of_all_of_it(killed_and_resumed: tuple[Path, int]) -> None:
    chunk = pytest.importorskip("rerun.chunk")
    out, _ = killed_and_resumed
    times: dict[str, set[int]] = {}
    for one in chunk.RrdReader(out / "watch.rrd").stream():
        batch = one.to_record_batch()
        if "frame" in batch.schema.names:
            times.setdefault(one.entity_path, set()).update(batch.column("frame").to_pylist())
        else:
            times.setdefault(one.entity_path, set())
    steps = ReplayBuffer.reader(out / "buffer").all(("step",))["step"].tolist()
    assert {steps[0], steps[-1]} <= times["/house/agent"] <= set(steps)  # what was lived before the kill too
    assert times["/coverage/floor"] == set(
        range(SMOKE.episode.rollout, SMOKE.episode.frames + 1, SMOKE.episode.rollout)
    )
    assert {"/house/rooms", "/house/path", "/held_out/prediction_specialist", "/mIoU/scratch"} <= times.keys()
    assert not list(out.glob("*.tmp"))


def test_no_label_of_the_house_is_where_the_learner_reads(killed_and_resumed: tuple[Path, int]) -> None:
    out, _ = killed_and_resumed
    keys = json.loads((out / "buffer" / "frames" / "meta.json").read_text())
    names = {name for name in keys if isinstance(keys[name], dict)}
    assert {"rgb", "depth", "normals", "edges", "pose"} <= names
    assert names <= {"rgb", "depth", "normals", "edges", "pose", "step", "sequence_number", "checksum"}


def test_a_finished_run_is_finished_again_at_once(
    killed_and_resumed: tuple[Path, int],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, _ = killed_and_resumed
    monkeypatch.setenv("TESTSPACE_CACHE", str(cache))
    monkeypatch.setattr(FromScratch, "prepare", lambda *_: pytest.fail("it made its baseline anew"))
    before = json.loads((out / "summary.json").read_text())
    house = str(out.parent / "house.json")
    cli.main(["run", "--house", house, "--preset", "smoke", *SHORT, "--out", str(out), "--resume"])
    assert "finished, and whole" in capsys.readouterr().err
    after = json.loads((out / "summary.json").read_text())
    assert after["segmentation"] == before["segmentation"]
    assert after["seconds"] >= before["seconds"]
    assert after["peak_rss_mb"] >= before["peak_rss_mb"]


def test_predict_draws_input_prediction_and_truth(
    killed_and_resumed: tuple[Path, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = killed_and_resumed
    picture = tmp_path / "new" / "prediction.png"
    asked = ["predict", str(out), "--frames", "2", "--seed", "3"]
    cli.main([*asked, "--from", "rgb", "--to", "depth", "edges", "--out", str(picture)])
    assert capsys.readouterr().out.strip() == str(picture)
    image = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB)
    assert image.shape == (2 * SIDE + GAP, 5 * SIDE + 4 * GAP, 3)
    seen = ReplayBuffer.reader(out / "buffer", 3).sample(2)
    for column, name in ((0, "rgb"), (2, "depth"), (4, "edges")):
        truth = MODALITIES[name].draw(MODALITIES[name].of(seen)).numpy()
        left = column * (SIDE + GAP)
        for row in range(2):
            top = row * (SIDE + GAP)
            shown = image[top : top + SIDE : SIDE // 32, left : left + SIDE : SIDE // 32]
            assert np.array_equal(shown, truth[row]), name
    with pytest.raises(SystemExit, match="2"):
        cli.main([*asked, "--to", "smell"])
    assert "'smell'" in capsys.readouterr().err


def test_retrieve_prints_recalls_that_rise_with_k(
    killed_and_resumed: tuple[Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = killed_and_resumed
    house = str(out.parent / "house.json")
    cli.main(["retrieve", str(out), "--house", house, "--frames", "20"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["rgb to depth", "depth to rgb"]
    for line in lines:
        assert line.endswith("of 20")
        one, five, ten = (float(share) for share in re.findall(r"R@\d+ +([\d.]+)%", line))
        assert 0 <= one <= five <= ten <= 100
    with pytest.raises(SystemExit, match="2"):
        cli.main(["retrieve", str(out)])
    assert "name it with --house" in capsys.readouterr().err


def test_detection_and_captioning_are_scored_and_repeat_themselves(
    killed_and_resumed: tuple[Path, int],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("pycocotools")
    out, _ = killed_and_resumed
    monkeypatch.setenv("TESTSPACE_CACHE", str(cache))
    asked = [str(out), "--house", str(out.parent / "house.json"), "--steps", "2"]
    for task, measures in (
        ("probes", ["kNN-acc", "kNN-mIoU", "linear-acc", "linear-mIoU"]),
        ("detection", ["mAP", "mAP50", "mAP75"]),
        ("captioning", ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr-D"]),
    ):
        tasks.main([task, *asked])
        told = capsys.readouterr().out
        assert told.splitlines()[0].split() == measures
        stored = json.loads((out / f"{task}.json").read_text())
        assert stored["views"] == SMOKE.eval_views
        assert list(stored["scores"]) == ["scratch", "specialist"]
        assert all(0 <= value <= 10 for score in stored["scores"].values() for value in score.values())
    if operators_load():
        tasks.main(["detection", *asked, "--detector", "cascade"])
        assert json.loads((out / "detection.json").read_text())["detector"] == "cascade"
    else:
        with pytest.raises(SystemExit, match="2"):
            tasks.main(["detection", *asked, "--detector", "cascade"])
        assert "operators do not match this torch" in capsys.readouterr().err
    tasks.main(["captioning", *asked, "--json", str(out / "again.json")])
    assert json.loads((out / "again.json").read_text()) == stored


def test_tokenizers_of_a_run_can_be_looked_at(
    killed_and_resumed: tuple[Path, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = killed_and_resumed
    tokenizers.main(["--run", str(out), "--out", str(tmp_path), "--count", "3"])
    told = json.loads((tmp_path / "tokenizers.json").read_text())
    assert list(told) == ["rgb", "depth", "normals", "edges"]
    assert capsys.readouterr().out.count("BAD") == sum(kept["bad"] for kept in told.values())
    for name in told:
        assert cv2.imread(str(tmp_path / f"{name}.png")).shape == (2 * SIDE + GAP, 3 * SIDE + 2 * GAP, 3)
    fitted = ["--buffer", str(out / "buffer"), "--out", str(tmp_path / "fitted"), "--learner.image-size", "32"]
    tokenizers.main([*fitted, "--learner.tokenizer-steps", "3"])
    assert (tmp_path / "fitted" / "depth.png").is_file()
    with pytest.raises(SystemExit, match="2"):
        tokenizers.main(["--out", str(tmp_path)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--policy", "fly"], ("fly", "frontier", "random")),
        (["--preset", "huge"], ("huge", "nano", "smoke")),
        (["--house", "nowhere.json"], ("nowhere.json", "no such file")),
        (["--seed", "-1"], ("--seed", "0 or more", "-1")),
        (["--house", "-3"], ("0 or more", "-3")),
        (["--video", "-2"], ("--video", "0 seconds")),
    ],
)
def test_what_does_not_exist_is_named_and_nothing_is_written(
    arguments: list[str], words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "--out", str(tmp_path / "run"), *arguments])
    message = capsys.readouterr().err
    assert stop.value.code == 2
    assert len(message.splitlines()) == 1
    assert all(word in message for word in words)
    assert not (tmp_path / "run").exists()


def test_a_custom_policy_file_acts_in_a_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.py").write_text("class Turn:\n    def act(self, observation, info):\n        return 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(PRESETS, "smoke", tiny_preset(frames=60, rollout=20, learning_starts=20, replay_ratio=0.4))
    cli.main(["run", "--policy", "my.py:Turn", "--seed", "7", "--preset", "smoke", "--video", "0", "--out", "run"])
    stored = ReplayBuffer.reader(tmp_path / "run" / "buffer").all(("pose",))["pose"].numpy()
    assert np.ptp(stored[:, [0, 2]], axis=0).max() == 0  # it only turned
    assert len(np.unique(stored[:, 3].round())) == 12
