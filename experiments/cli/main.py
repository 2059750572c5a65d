"""The command line: `testspace` and its commands.

What is slow to import is imported inside the commands, so that `--help` and a mistyped option answer at once.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ...core.errors import ending_in_one_line
from ...learners.training.train_config import PresetConfig
from ..generalist.cli import pretrain_generalist
from ..report.report_page import NAMES
from .bench_cli import add_robustness, bench
from .dataset_cli import dataset
from .demo_cli import WELCOME, demo, play
from .experiment_cli import experiment
from .navigation_cli import navigate
from .perception_cli import export_onnx, segment
from .run_cli import RUN_DEFAULT, RunArguments, parse_run

app = tyro.extras.SubcommandApp()

HouseRef = Annotated[str | None, tyro.conf.arg(metavar="FILE[:LINE]|SEED")]
"""A ProcTHOR house: FILE.json, FILE.jsonl[.gz] with a line number from 0, or the number of a generated one."""
SceneRef = Annotated[str | None, tyro.conf.arg(metavar="FILE[:LINE]|FOLDER|SEED")]
"""A ProcTHOR house, the number of a generated one, or a mesh."""

app.command(demo)
app.command(navigate)


@app.command
def run(arguments: Annotated[RunArguments, tyro.conf.arg(name="")] = RUN_DEFAULT) -> None:
    """Run one agent in one test space: explore it, learn it without labels, and be evaluated in it."""
    from ..run.live_run import run_episode

    run_episode(arguments.run, arguments.sizes)
    print(headline(arguments.run.out))


@app.command
def pretrain(config: PresetConfig) -> None:
    """Pre-train a masked model (TST-MM, TST-MAE) from folders of frames or a replay buffer, without an agent."""
    from ...learners.training.train import train

    train(config)


@app.command(name="watch")
def watch_(
    run: Path,
    /,
    *,
    out: Path | None = None,
    frames: int = 400,
    view: tyro.conf.FlagCreatePairsOff[bool] = False,
    follow: tyro.conf.FlagCreatePairsOff[bool] = False,
) -> None:
    """Write a run as a Rerun recording: house, path, camera with all modalities, predictions, curves.

    Args:
        run: Folder of the run; it may still be going on.
        out: The recording; without it, RUN/watch.rrd. It opens in Rerun's viewer, on the desktop or in a browser.
        frames: Frames of the agent in it, at most, evenly over its life.
        view: Show it in the viewer too; without a display, on a page whose link is printed.
        follow: Add what the run adds, until it ends.
    """
    from ..report.rerun_recording import watch

    print(watch(run, out, frames, view, follow))


@app.command
def report(out: Path, /) -> None:
    """Write report.html again from what a run has stored.

    Args:
        out: Folder of the run.
    """
    from ..report.report import write_report

    print(write_report(out))


@app.command
def record(run: Path, /, *, out: Path, layout: Literal["plain", "lerobot", "mp4"] = "plain") -> None:
    """Write the frames that a run's agent remembers as a recording, for other programs or to run in, or as a video.

    Args:
        run: Folder of the run.
        out: New or empty folder for the recording; with mp4, a file.
        layout: plain (pictures, depth and poses; --sim recording reads it), lerobot (LeRobot's dataset format 3.0:
            parquet and video; pip install 'testspace[lerobot]') or mp4 (the video that a run leaves as life.mp4).
    """
    from ..tools.record import record_run

    print(record_run(run, out, layout))


@app.command
def reconstruct(recording: Path, /, *, out: Path, voxel: float = 0.02) -> None:
    """Fuse a recording's depth, or a run's, into a coloured mesh to live in (pip install 'testspace[open3d]').

    Args:
        recording: Folder or file of a recording, or folder of a run, for the mesh of what its agent has seen so far.
        out: File to write: .ply or .glb.
        voxel: Metres between the points at which the distance to a surface is kept.
    """
    from ..tools.reconstruct import reconstruct as run

    print("\n".join(run(recording, out, voxel)))


add_robustness(lambda words: main(words))
app.command(bench, name="bench", help="Benchmarks.")


@app.command
def render(
    *,
    out: Path,
    house: SceneRef = None,
    seed: int = 12,
    views: int = 4,
    size: str = "480x360",
    antialias: int = 3,
    change: Annotated[str | None, tyro.conf.arg(metavar="KIND=STRENGTH[,...]")] = None,
    assets: str | None = None,
    up: Literal["y", "z", "-y"] | None = None,
    scale: float = 1.0,
) -> None:
    """Draw a house: its best views in every modality, and its plan.

    Args:
        out: New or empty folder for the pictures: panels.png, plan.png, views/, index.json.
        house: A ProcTHOR house, a Replica folder, or a .glb, .obj or .ply file. Without it, a house is generated.
        seed: Number of the generated house, and seed of the choice of views and of the change.
        views: How many views.
        size: Pixels of a view, WIDTHxHEIGHT.
        antialias: Rays a pixel each way, for the colour; depth, normals and labels come from one.
        change: Draw the house after a change: lighting, objects, materials, each with a strength from 0 to 1.
        assets: Furnish it with an installed pack: sweethome3d. Writes ATTRIBUTION.txt, to go with the pictures.
        up: Axis of a mesh file that points up. Without it: y in .glb and .obj, z in .ply and Replica folders.
        scale: Metres of one unit of a mesh file.
    """
    from ..tools.render import RenderConfig, render_house

    written, messages = render_house(
        RenderConfig(
            out=out,
            house=house,
            seed=seed,
            views=views,
            size=size,
            antialias=antialias,
            change=change,
            assets=assets,
            up=up,
            scale=scale,
        )
    )
    print(f"{len(written)} files in {out}: {written[-3].name}, {written[-2].name}, {written[-1].name}, views/")
    if messages:
        print("\n".join(messages))


@app.command
def export(
    *,
    glb: Path | None = None,
    coco: Path | None = None,
    house: SceneRef = None,
    seed: int = 0,
    views: int = 100,
    size: str = "640x480",
    up: Literal["y", "z", "-y"] | None = None,
    scale: float = 1.0,
    assets: str | None = None,
) -> None:
    """Write a house for other programs: as a GLB file, or as labelled views in COCO's format.

    Args:
        glb: File to write: a node for each thing, named by its id, with its class, colours and textures.
        coco: New or empty folder to write views of the house into, with boxes, masks and classes: annotations.json.
        house: A ProcTHOR house, a Replica folder, or a .glb, .obj or .ply file. Without it, a house is generated.
        seed: Number of the generated house, and seed of the views.
        views: How many views, with --coco.
        size: Pixels of a view, WIDTHxHEIGHT, with --coco.
        up: Axis of a mesh file that points up. Without it: y in .glb and .obj, z in .ply and Replica folders.
        scale: Metres of one unit of a mesh file.
        assets: Furnish it with an installed pack: sweethome3d. Writes ATTRIBUTION.txt, to go with the file.
    """
    from ..tools.export import ExportConfig, export_scene

    config = ExportConfig(
        glb=glb, coco=coco, house=house, seed=seed, up=up, scale=scale, assets=assets, views=views, size=size
    )
    print("\n".join(export_scene(config)))


app.command(dataset)
app.command(play)
app.command(segment)
app.command(name="export-onnx")(export_onnx)


@app.command(name="predict")
def predict_(
    run: Path,
    /,
    *,
    from_: Annotated[tuple[str, ...], tyro.conf.arg(name="from", metavar="MODALITY ...")] = ("rgb",),
    to: Annotated[tuple[str, ...], tyro.conf.arg(metavar="MODALITY ...")] = ("depth", "normals", "edges"),
    frames: int = 6,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Draw what a run's learner predicts of some modalities from others, in one pass, beside the truth.

    Args:
        run: Folder of the run.
        from_: What is given: rgb, depth, normals, edges.
        to: What is predicted.
        frames: Frames that the agent remembers, one a row.
        seed: Seed of the choice of frames.
        out: PNG file; without it, RUN/prediction.png.
    """
    from ..tools.predict_retrieve import predict_grid

    print(predict_grid(run, from_, to, frames, seed, out or run / "prediction.png"))


@app.command(name="retrieve")
def retrieve_(
    run: Path, /, *, house: HouseRef = None, target: str = "normals", frames: int = 400, cells: int = 1
) -> None:
    """Find views across modalities, rgb to depth and back, by what is predicted of a third: Recall@1, 5 and 10.

    Args:
        run: Folder of the run.
        house: What the run was given as --house.
        target: The modality whose predictions are compared.
        frames: Held-out views to choose from, at most as many as the run's preset has.
        cells: Parts of a view along each side of which the means are compared; 1, as the paper, compares whole views.
    """
    from ..tools.predict_retrieve import retrieval

    found = retrieval(run, house, target, frames, cells)
    for name, recall in (("rgb to depth", found.forth), ("depth to rgb", found.back)):
        print(f"{name}: " + "   ".join(f"R@{k} {share:6.1%}" for k, share in recall.items()) + f"   of {found.frames}")


app.command(name="pretrain-generalist")(pretrain_generalist)


@app.command(name="doctor")
def doctor_(run: Annotated[Path | None, tyro.conf.Positional] = None, /) -> None:
    """Say what this machine can do: cores, memory, GPU, worlds, extras; or, of a run, which of its files are damaged.

    Args:
        run: Folder of a run to check; exits with status 1 where a file is damaged.
    """
    if run is None:
        from .doctor import diagnosis

        print(diagnosis())
        return
    from ..rundir.check_run import check_run

    checks = check_run(run)
    print("\n".join(str(check) for check in checks))
    if any(check.wrong for check in checks):
        sys.exit(1)


app.command(experiment, name="experiment", help="The paper's results, tried in houses of one's own.")

assets = tyro.extras.SubcommandApp()
app.command(assets, name="assets", help="Real furniture models: install, list, remove.")


@assets.command
def install(*, from_: Annotated[Path | None, tyro.conf.arg(name="from", metavar="FOLDER|FILE")] = None) -> None:
    """Install Sweet Home 3D's furniture (CC0 and CC-BY) for --assets sweethome3d; a download of 120 MB by apt.

    Args:
        from_: Take the libraries from here instead: a folder, a .deb or a .sh3f file.
    """
    from .assets_cli import install_assets

    print(install_assets(from_))


@assets.command(name="list")
def list_() -> None:
    """Say what is installed, and under which licences."""
    from .assets_cli import list_assets

    print(list_assets())


@assets.command
def remove() -> None:
    """Remove the installed furniture."""
    from .assets_cli import remove_assets

    print(remove_assets())


def headline(out: Path) -> str:
    """What the run came to, in a few lines, from its summary.json."""
    from ..rundir.run_folder import read_summary

    summary = read_summary(out)
    lines = ["{frames} frames, {coverage:.0%} of the floor seen, {seconds:.0f} s".format(**summary)]
    scores = summary["segmentation"]
    for method in sorted(scores, key=list(NAMES).index):
        score = scores[method]
        line = f"  {NAMES[method]:<18} mIoU {score['miou']:6.1%}   pixel accuracy {score['pixel_accuracy']:6.1%}"
        if "before" in score:
            line += f"   (mIoU {score['before']['miou']:.1%} without, on the same {score['views']} views)"
        lines.append(line)
    for change in summary.get("changes", ()):
        line = f"  {change['change']} at {change['at']}: mIoU {change['before']:.1%} → {change['right_after']:.1%}"
        lines.append(line + "".join(f" → {later['miou']:.1%} (frame {later['frame']})" for later in change["later"]))
    lines += summary.get("notes", [])
    lines.append(f"report: {out / 'report.html'}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 0, 2 (the user's to mend, one line on stderr), or 130 (interrupted).

    SIGTERM and SIGHUP interrupt as Ctrl-C does.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # OpenMP reads this when torch is imported. Without a bound, threads that wait by spinning make a training step a
    # hundred times slower as soon as another program wants one of the cores; with far less, waking them costs more.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    description = "An agent that explores one house and trains a vision model there. --version prints the release."
    if words == ["--version"]:
        from ... import __version__

        print(f"testspace {__version__}")
        return
    if not words:
        print(WELCOME)
        return
    try:
        with _interrupted_by_signals(), ending_in_one_line("testspace"):
            if words[:1] == ["run"]:  # its defaults depend on the preset and on a file
                run(parse_run(words[1:]))
                return
            app.cli(prog="testspace", description=description, args=words)
    except KeyboardInterrupt:
        print(f"\ntestspace: stopped. {_how_to_go_on(words)}", file=sys.stderr)
        sys.exit(130)


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, where nobody has chosen otherwise (nohup ignores SIGHUP)."""
    ours = threading.current_thread() is threading.main_thread()
    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if ours and signal.getsignal(one) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _how_to_go_on(words: Sequence[str]) -> str:
    if words[:1] == ["dataset"]:
        return f"Continue with the same command: testspace {shlex.join(words)}"
    if words[:1] not in (["run"], ["pretrain"]):
        return "Nothing was lost."
    again = [*words] if "--resume" in words else [*words, "--resume"]
    return f"Continue with: testspace {shlex.join(again)}"
