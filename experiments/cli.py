"""The command line: `testspace run` and `testspace report`.

What is slow to import is imported inside the commands, so that `--help` and a mistyped option answer at once.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro

from .errors import one_line

app = tyro.extras.SubcommandApp()

HouseRef = Annotated[str | None, tyro.conf.arg(metavar="FILE[:LINE]")]
"""A ProcTHOR house: FILE.json, or FILE.jsonl[.gz] with a line number from 0."""
SceneRef = Annotated[str | None, tyro.conf.arg(metavar="FILE[:LINE]|FOLDER")]
"""A ProcTHOR house, or a mesh."""
HousesRef = Annotated[str | None, tyro.conf.arg(metavar="FILE")]
"""Many ProcTHOR houses: FILE.jsonl[.gz]."""


@app.command
def run(
    *,
    out: Path,
    house: HouseRef = None,
    seed: int = 0,
    policy: str = "frontier",
    preset: str = "nano",
    resume: tyro.conf.FlagCreatePairsOff[bool] = False,
    transfer_houses: HousesRef = None,
) -> None:
    """Live in a house: explore it, learn it without labels, and be tested in it.

    Args:
        out: Folder for what the run leaves behind: report.html, summary.json, metrics.jsonl, checkpoint.
        house: House to live in: a file in ProcTHOR's format. Without it, one is generated from the seed.
        seed: Seed of everything random, and number of the generated house where no house is given.
        policy: Who acts: frontier or random.
        preset: Size and budget: smoke (seconds) or nano (minutes on two CPU cores).
        resume: Go on with the run that stands in the output folder; starts it where there is none.
        transfer_houses: Houses to label the transfer set in. Without it, houses are generated.
    """
    from .life import RunConfig, run_life

    run_life(
        RunConfig(
            house=house,
            seed=seed,
            policy=policy,
            preset=preset,
            out=out,
            resume=resume,
            transfer_houses=transfer_houses,
        )
    )
    print(headline(out))


@app.command
def report(out: Path, /) -> None:
    """Write report.html again from what a run has stored.

    Args:
        out: Folder of the run.
    """
    from .report import write_report

    print(write_report(out))


bench = tyro.extras.SubcommandApp()
app.command(bench, name="bench", help="Benchmarks.")


@bench.command
def sim(
    *,
    house: str = "7",
    json: Path | None = None,
    peers: tyro.conf.FlagCreatePairsOff[bool] = False,
    threads: int = 2,
    rounds: int = 5,
) -> None:
    """Time the simulator: every modality beside bare ray hits, a triangle's cost, the first frame, memory, and more.

    Args:
        house: FILE.json, FILE.jsonl[.gz]:LINE, or the seed of a generated house.
        json: Where to write every figure.
        peers: Also time MiniWorld, moderngl and MuJoCo (pip install 'testspace[peers]').
        threads: Python threads that share the pixels; one thread is measured too.
        rounds: The best of this many.
    """
    from .bench.sim import SimBench, main

    main(SimBench(house=house, json_file=json, peers=peers, threads=threads, rounds=rounds))


@app.command
def render(
    *,
    out: Path,
    house: SceneRef = None,
    seed: int = 12,
    views: int = 4,
    size: str = "480x360",
    change: Annotated[str | None, tyro.conf.arg(metavar="KIND=STRENGTH[,...]")] = None,
    assets: str | None = None,
    up: Literal["y", "z"] | None = None,
    scale: float = 1.0,
) -> None:
    """Draw a house: its best views in every modality, and its plan.

    Args:
        out: New or empty folder for the pictures: panels.png, plan.png, views/, index.json.
        house: A ProcTHOR house, a Replica folder, or a .glb, .obj or .ply file. Without it, a house is generated.
        seed: Number of the generated house, and seed of the choice of views and of the change.
        views: How many views.
        size: Pixels of a view, WIDTHxHEIGHT.
        change: Draw the house after a change: lighting, objects, materials, each with a strength from 0 to 1.
        assets: Furnish it with an installed pack: sweethome3d. Writes ATTRIBUTION.txt, to go with the pictures.
        up: Axis of a mesh file that points up. Without it: y in .glb and .obj, z in .ply and Replica folders.
        scale: Metres of one unit of a mesh file.
    """
    from .render import RenderConfig, render_house

    written, told = render_house(
        RenderConfig(
            out=out, house=house, seed=seed, views=views, size=size, change=change, assets=assets, up=up, scale=scale
        )
    )
    print(f"{len(written)} files in {out}: {written[-3].name}, {written[-2].name}, {written[-1].name}, views/")
    if told:
        print("\n".join(told))


@app.command
def export(
    *,
    glb: Path,
    house: SceneRef = None,
    seed: int = 0,
    up: Literal["y", "z"] | None = None,
    scale: float = 1.0,
    assets: str | None = None,
) -> None:
    """Write a house as a GLB file: one node for each thing, named by its id, with its class, colours and textures.

    Args:
        glb: File to write.
        house: A ProcTHOR house, a Replica folder, or a .glb, .obj or .ply file. Without it, a house is generated.
        seed: Number of the generated house.
        up: Axis of a mesh file that points up. Without it: y in .glb and .obj, z in .ply and Replica folders.
        scale: Metres of one unit of a mesh file.
        assets: Furnish it with an installed pack: sweethome3d. Writes ATTRIBUTION.txt, to go with the file.
    """
    from .export import ExportConfig, export_scene

    print("\n".join(export_scene(ExportConfig(glb=glb, house=house, seed=seed, up=up, scale=scale, assets=assets))))


assets = tyro.extras.SubcommandApp()
app.command(assets, name="assets", help="Real furniture models: install, list, remove.")


@assets.command
def install(*, from_: Annotated[Path | None, tyro.conf.arg(name="from", metavar="FOLDER|FILE")] = None) -> None:
    """Install Sweet Home 3D's furniture (CC0 and CC-BY) for --assets sweethome3d; a download of 120 MB by apt.

    Args:
        from_: Take the libraries from here instead: a folder, a .deb or a .sh3f file.
    """
    from .assets import install_assets

    print(install_assets(from_))


@assets.command(name="list")
def list_() -> None:
    """Say what is installed, and under which licences."""
    from .assets import list_assets

    print(list_assets())


@assets.command
def remove() -> None:
    """Remove the installed furniture."""
    from .assets import remove_assets

    print(remove_assets())


def headline(out: Path) -> str:
    """What the run came to, in a few lines, from its summary.json."""
    summary = json.loads((out / "summary.json").read_text())
    lines = ["{frames} frames lived, {coverage:.0%} of the floor seen, {seconds:.0f} s".format(**summary)]
    for method, score in summary["segmentation"].items():
        line = f"  {method:<16} mIoU {score['miou']:6.1%}   pixel accuracy {score['pixel_accuracy']:6.1%}"
        if "before" in score:
            line += f"   (mIoU {score['before']['miou']:.1%} without, on the same {score['views']} views)"
        lines.append(line)
    lines.append(f"report: {out / 'report.html'}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 0, 2 (the user's to mend, one line on stderr), or 130 (interrupted)."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    # OpenMP reads this when torch is imported. Without a bound, threads that wait by spinning make a training step a
    # hundred times slower as soon as another program wants one of the cores; with far less, waking them costs more.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        app.cli(prog="testspace", description="An agent that lives in one house and learns to see in it.", args=asked)
    except KeyboardInterrupt:
        print(f"\ntestspace: stopped. {_how_to_go_on(asked)}", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        message = one_line(error)
        if message is None:
            raise
        print(f"testspace: error: {message}", file=sys.stderr)
        sys.exit(2)


def _how_to_go_on(asked: Sequence[str]) -> str:
    if "run" not in asked[:1]:
        return "Nothing was lost."
    again = [*asked] if "--resume" in asked else [*asked, "--resume"]
    return f"Go on with: testspace {shlex.join(again)}"
