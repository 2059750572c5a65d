"""`testspace experiment ...`: the paper's experiments at small scale, in your own houses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from ...core.errors import UserError
from ...envs.choices import Sensors
from ..paper.options import ExperimentOptions
from ..protocol.presets import find_preset

experiment = tyro.extras.SubcommandApp()
Options = Annotated[ExperimentOptions, tyro.conf.arg(name="")]
"""Options that all experiments share."""
Specialised = Literal[
    "table1", "table2", "mixin", "multimodal", "figure6", "figure7", "figure9", "figure13", "figure17", "figure18"
]  # fmt: skip


@experiment.command(name="list")
def list_() -> None:
    """List the experiments, the cost of a trial of each, and the stages that are already cached."""
    from ..paper.listing import listing

    print(listing())


@experiment.command
def results(
    folders: tyro.conf.Positional[tuple[Path, ...]],
    *,
    out: Path = Path("RESULTS.md"),
    readme: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None,
) -> None:
    """Write one page of all tested claims from the results.json of experiments.

    Args:
        folders: Folders of experiments, or parent folders of several.
        out: Markdown file to write.
        readme: Write the section of results of this README too.
    """
    from ..paper.readme_results import write_readme_results
    from ..paper.results import write_results

    print(write_results(folders, out))
    if readme is not None:
        write_readme_results(folders, readme)


@experiment.command
def specialise(
    result: tyro.conf.Positional[Specialised] = "table1",
    *,
    options: Options,
    generalist: tuple[str, ...] = (),
) -> None:
    """Run one of the paper's main experiments at small scale, offline.

    Args:
        result: table1 (pre-training against scratch and generalists, with Figure 11's bounds), table2 (cross-modal
            retrieval), mixin (Tables 4 and 8: the transfer set's rgb in pre-training), multimodal (Table 1's
            multimodal scratch), figure6 (number of modalities), figure7 (pre-train in one house, evaluate in another),
            figure9 (number of houses), figure13 (label propagation from 20 frames), figure17 (TST-MAE, TST-DINO and
            TST-MM over budgets), figure18 (parts of a house).
        generalist: Generalists in addition to EfficientNet-Lite0, for table1 and figure13: a timm NAME such as
            vit_base_patch14_dinov2.lvd142m, with weights from the hub, or NAME=FOLDER with model.safetensors.
    """
    if generalist and result not in ("table1", "figure13"):
        raise UserError(f"--generalist is for table1 and figure13, not for {result}")
    _run(result, options, **({"generalist": generalist} if generalist else {}))


@experiment.command
def continual(
    *,
    options: Options,
    change: Annotated[str, tyro.conf.arg(metavar="KIND=STRENGTH[,...]")] = "lighting=0.5,objects=0.3",
    eviction: tuple[Literal["ring", "reservoir", "balanced", "minred"], ...] = ("reservoir",),
    generalist: tuple[str, ...] = (),
) -> None:
    """Figure 25: drop, recovery and forgetting of the live agent when the house changes.

    Args:
        change: Kinds of change (lighting, objects, materials) and their strengths, from 0 to 1.
        eviction: Eviction rules to compare, for a replay buffer that is full when the house changes.
        generalist: Generalists in addition to EfficientNet-Lite0, as for `specialise`; for presets from scratch.
    """
    if generalist and not find_preset(options.preset).from_scratch:
        raise UserError(
            f"--generalist is for presets from scratch; {options.preset} is compared with its own generalist"
        )
    more = {"generalist": generalist} if generalist else {}
    _run("figure25", options, change=change, eviction=eviction, **more)


@experiment.command
def houses(*, options: Options, policy: str = "frontier") -> None:
    """Run the live agent from scratch in many houses: specialist against scratch, and test-time training.

    Args:
        policy: A policy as for `testspace run --policy`.
    """
    _run("houses", options, policy=policy)


@experiment.command
def adapted(*, options: Options, policy: str = "frontier", references: bool = True, sensors: Sensors = "exact") -> None:
    """Run the live agent from the generalist in many houses, beside control and bound. The README's table.

    Args:
        policy: A policy as for `testspace run --policy`.
        references: Train what the specialist is compared with too, each as long: on generated views alone (control),
            with labels of single frames, of hard votes, and true ones (bound).
        sensors: What the agent measures, as for `testspace run --sensors`; others than exact with --no-references.
    """
    _needs_generalist(options)
    _run("adapted", options, policy=policy, references=references, sensors=sensors)


@experiment.command
def masked(*, options: Options, policy: str = "frontier") -> None:
    """Run the live agent from the generalist with masked modelling and without: what it adds to the specialist.

    Args:
        policy: A policy as for `testspace run --policy`.
    """
    _needs_generalist(options)
    _run("masked", options, policy=policy)


@experiment.command
def simulators(
    *, options: Options, sims: tuple[Literal["raycast", "thor", "habitat"], ...] = ("raycast", "thor"),
    policy: str = "frontier",
) -> None:  # fmt: skip
    """Run the live agent from the generalist in the same house in several simulators, and score each specialist in the
    pictures of all.

    Args:
        sims: Simulators to compare, the first with each of the others: raycast, thor (AI2-THOR), habitat (habitat-sim).
        policy: A policy as for `testspace run --policy`.
    """
    _needs_generalist(options)
    if len(set(sims)) < max(2, len(sims)):
        raise UserError(f"--sims needs two simulators or more, each once, not: {' '.join(sims)}")
    _run("simulators", options, sims=sims, policy=policy)


@experiment.command
def fusion(*, options: Options) -> None:
    """Rules of multi-view label fusion: votes or probabilities, with the geometric prior and without."""
    _run("fusion", options)


@experiment.command
def ttt(*, options: Options) -> None:
    """Table 7: test-time training of TST-MAE and of a generalist, per frame and online, with its cost."""
    _run("table7", options)


@experiment.command
def policies(
    *,
    options: Options,
    policy: tuple[str, ...] = ("random", "frontier", "coverage", "novelty", "curiosity", "dense"),
    shares: tuple[float, ...] = (0.25, 0.5, 1.0),
) -> None:
    """Compare policies: coverage, and mIoU of the specialist over the number of frames.

    Args:
        policy: Policies as for `testspace run --policy`, custom ones included.
        shares: Fractions of the episode at which a specialist is trained and evaluated; empty: coverage only.
    """
    _run("policies", options, policy=policy, shares=shares)


def _needs_generalist(options: ExperimentOptions) -> None:
    """UserError for a preset from scratch."""
    if find_preset(options.preset).from_scratch:
        raise UserError(f"preset {options.preset} starts from scratch; use --preset adapted")


def _run(name: str, options: ExperimentOptions, **settings: Any) -> None:
    from ..paper.running import run_experiment
    from ..paper.tables import claim_results, claims_table, table

    summary = run_experiment(name, settings, options)
    claims = claims_table(claim_results(summary))
    print(f"{table(summary)}\n\n{claims}\n\n{options.out}: results.json, table.md, figure.png")
