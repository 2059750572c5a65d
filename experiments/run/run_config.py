"""The settings of a run, beside its sizes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ...envs.choices import Sensors

Sim = Literal["raycast", "thor", "habitat", "recording"]
"""What stands behind the Simulator protocol."""
Flag = tyro.conf.FlagCreatePairsOff[bool]
"""An option without a value."""


@dataclass(frozen=True)
class RunConfig:
    """One run: where, by which policy. Its sizes are those of a `protocol.preset.Preset`."""

    out: Path
    """Folder for what the run leaves behind: report.html, summary.json, metrics.jsonl, checkpoint."""
    house: Annotated[str | None, tyro.conf.arg(metavar="FILE[:LINE]|SEED")] = None
    """Test space: a house file in ProcTHOR's format, or a mesh (.glb, .gltf, .ply, .obj, a Replica folder); with --sim
    thor also procthor-10k:train/17 or FloorPlan1; with habitat also CONFIG.json:SCENE; with recording its folder or
    file; or the number of a generated house. Without it, a house is generated from --seed."""
    seed: int = 0
    """Seed of everything random, and of the generated house."""
    policy: str = "frontier"
    """Exploration policy: frontier, random, coverage, curiosity, novelty, dense, or a custom one: FILE.py:CLASS,
    MODULE:CLASS, a Stable-Baselines3 .zip, an .onnx file."""
    preset: str = "adapted"
    """Sizes to start from: adapted (from the generalist, minutes on two CPU cores), adapted-smoke (a minute); from
    scratch smoke (seconds), nano-short, nano (minutes), nano-long, small, base (the paper's). Every size below can be
    changed."""
    resume: Flag = False
    """Continue the run in the output folder; start it where there is none."""
    sim: Sim = "raycast"
    """Simulator: our ray caster; AI2-THOR (pip install 'testspace[thor]'); habitat-sim (by conda); or a recording (the
    policy then has no say)."""
    change: tyro.conf.UseAppendAction[
        Annotated[tuple[str, ...], tyro.conf.arg(metavar="at=FRAME:KIND=STRENGTH[,...]")]
    ] = ()
    """Change the house during the episode, as at=2000:lighting=0.6; may be given several times."""
    transfer_houses: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Houses to label the transfer set in: FILE.jsonl[.gz]. Without it, houses are generated."""
    device: str = "auto"
    """Where networks are trained and run: auto (the GPU if there is one), cpu, cuda, cuda:1."""
    network: tyro.conf.UseAppendAction[Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=KIND:SOURCE")]] = ()
    """Off-the-shelf network whose output on rgb is a further modality (Section 4.3); may be given several times:
    dinov2=features:vit_small_patch14_dinov2.lvd142m, lite=efficientnet, sam_edges=sam:facebook/sam-vit-base,
    boxes=boxes:FOLDER, masks=masks:FOLDER. Weights are from the hub or a folder."""
    start_4m: Annotated[Path | None, tyro.conf.arg(name="start-4m", metavar="FILE")] = None
    """Start from the weights of an ml-4m checkpoint in safetensors ("adapted" in Table 1)."""
    asynchronous: Annotated[Flag, tyro.conf.arg(name="async")] = False
    """Act in a process of its own while the learner learns: for slow simulators, and machines with cores to spare.
    Without it, acting and learning alternate."""
    view: Flag = False
    """Show the run in Rerun as it goes on (pip install 'testspace[view]'): in a window or, without a display, on a page
    whose link is printed. The recording is kept as OUT/watch.rrd."""
    wandb: Annotated[str | None, tyro.conf.arg(metavar="PROJECT")] = None
    """Show the curves in this project of Weights & Biases too (pip install 'testspace[wandb]'); with
    WANDB_MODE=offline in the environment nothing is sent, and no account is needed."""
    video: Annotated[int, tyro.conf.arg(metavar="SECONDS")] = 30
    """Length of OUT/life.mp4, the run as a video; 0 for none. It takes about as long to make."""
    up: Literal["y", "z", "-y"] | None = None
    """Axis of a mesh file that points up. Without it: y in .glb, .gltf and .obj, z in .ply and Replica folders; with
    --sim habitat also z in the .glb files of Matterport3D, Gibson and HM3D."""
    scale: float = 1.0
    """Metres of one unit of a mesh file: 0.001 for millimetres."""
    storey: int = 0
    """Storey of a mesh file that the agent walks on, 0 for the lowest."""
    sensors: Sensors = "exact"
    """What the agent measures: exact; slam (a stereo camera's depth and colour, poses off by 3 cm and 1 degree, slowly
    varying); odometry (the same camera; poses drift by metres and tens of degrees, and the agent corrects them by
    aligning depth)."""
    allow_blind: Flag = False
    """Run even where the agent would see almost nothing of the place or nothing of its floor."""
