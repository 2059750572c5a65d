"""`testspace experiment ...`: the paper's results, tried in houses of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from ...core.errors import UserError
from ..paper.options import Ask

experiment = tyro.extras.SubcommandApp()
Asked = Annotated[Ask, tyro.conf.arg(name="")]
"""Options that all experiments share."""
Specialised = Literal[
    "table1", "table2", "mixin", "multimodal", "figure6", "figure7", "figure9", "figure13", "figure17", "figure18"
]  # fmt: skip


@experiment.command(name="list")
def list_() -> None:
    """Say what experiments there are, what a trial of each costs, and what is done already."""
    from ..paper.listing import listing

    print(listing())


@experiment.command
def results(folders: tyro.conf.Positional[tuple[Path, ...]], *, out: Path = Path("RESULTS.md")) -> None:
    """Write the page of all claims tried, from the results.json of experiments.

    Args:
        folders: Folders of experiments, or folders that hold some.
        out: The page, in Markdown.
    """
    from ..paper.results import write_results

    print(write_results(folders, out))


@experiment.command
def specialise(
    result: tyro.conf.Positional[Specialised] = "table1",
    *,
    ask: Asked,
    generalist: tuple[str, ...] = (),
) -> None:
    """The heart of the paper at small scale, one of its results at a time.

    Args:
        result: table1 (pre-training against none and generalists, with Figure 11's bounds), table2 (retrieval across
            modalities), mixin (Tables 4 and 8: the transfer set's rgb in pre-training), multimodal (Table 1's
            multimodal scratch), figure6 (more modalities), figure7 (pre-train in one house, test in another), figure9
            (more houses), figure13 (label propagation from 20 frames), figure17 (TST-MAE, TST-DINO, TST-MM
            over budgets), figure18 (a part of a house).
        generalist: More generalists beside EfficientNet-Lite0, of table1 and figure13: timm's NAME, whose weights come
            from the hub, or NAME=FOLDER with model.safetensors in it, such as vit_base_patch14_dinov2.lvd142m.
    """
    if generalist and result not in ("table1", "figure13"):
        raise UserError(f"--generalist is for table1 and figure13, not for {result}")
    _run(result, ask, **({"generalist": generalist} if generalist else {}))


@experiment.command
def continual(
    *,
    ask: Asked,
    change: Annotated[str, tyro.conf.arg(metavar="KIND=STRENGTH[,...]")] = "lighting=0.5,objects=0.3",
    eviction: tuple[Literal["ring", "reservoir", "balanced", "minred"], ...] = ("reservoir",),
    generalist: tuple[str, ...] = (),
) -> None:
    """Figure 25: the house changes; what that costs, how soon learning on makes up for it, and what is forgotten.

    Args:
        change: Kinds of change (lighting, objects, materials) and their strengths, from 0 to 1.
        eviction: Eviction rules of the replay buffer, which is full when the house changes; each is tried.
        generalist: More generalists beside EfficientNet-Lite0, as `specialise` takes them.
    """
    more = {"generalist": generalist} if generalist else {}
    _run("figure25", ask, change=change, eviction=eviction, **more)


@experiment.command
def houses(*, ask: Asked, policy: str = "frontier") -> None:
    """The live agent in many houses: the specialist beside scratch, and test-time training. The README's table.

    Args:
        policy: What `testspace run --policy` takes.
    """
    _run("houses", ask, policy=policy)


@experiment.command
def fusion(*, ask: Asked) -> None:
    """Rules of multi-view label fusion: votes or probabilities, with the geometric prior and without."""
    _run("fusion", ask)


@experiment.command
def ttt(*, ask: Asked) -> None:
    """Table 7: test-time training of TST-MAE and of a generalist, frame by frame and online, with its cost."""
    _run("table7", ask)


@experiment.command
def policies(
    *,
    ask: Asked,
    policy: tuple[str, ...] = ("random", "frontier", "coverage", "novelty", "curiosity", "dense"),
    shares: tuple[float, ...] = (0.25, 0.5, 1.0),
) -> None:
    """Compare policies, one's own too: floor seen, and mIoU of the specialist, after so many frames.

    Args:
        policy: What `testspace run --policy` takes; FILE.py:CLASS stands beside the built-in ones in one picture.
        shares: Shares of a life's frames at which a specialist is trained and tested; none measures coverage alone.
    """
    _run("policies", ask, policy=policy, shares=shares)


def _run(name: str, ask: Ask, **settings: Any) -> None:
    from ..paper.running import run_experiment
    from ..paper.tables import claims_table, table, told_claims

    summary = run_experiment(name, settings, ask)
    print(f"{table(summary)}\n\n{claims_table(told_claims(summary))}\n\n{ask.out}: results.json, table.md, figure.png")
