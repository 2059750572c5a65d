"""Experiments: trials that measure, the paper's numbers for comparison, and claims to test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...envs.house.house import House
from ..protocol.preset import Preset
from ..stages.names import EFFICIENTNET
from ..stages.store import Store

if TYPE_CHECKING:
    from ..stages.stages import Stages

Measures = dict[str, dict[str, float]]
"""Measures of a trial by table row and column."""


@dataclass(frozen=True)
class Trial:
    """One house and one seed."""

    houses: tuple[House, ...]
    """Test spaces of the experiment."""
    index: int
    """Index of this trial's test space."""
    seed: int
    preset: Preset
    store: Store

    @property
    def house(self) -> House:
        """The test space."""
        return self.houses[self.index]

    @property
    def stages(self) -> Stages:
        """The stages of this house and seed."""
        return self.stages_in(self.house)

    def stages_in(self, *states: House) -> Stages:
        """The stages of another house, or of a house and what changes make of it, with this seed."""
        from ..stages.stages import Stages  # torch: experiments are listed without it

        return Stages(self.store, self.preset, states, self.seed)


@dataclass(frozen=True)
class Claim:
    """A finding of the paper that the measures may confirm."""

    says: str
    """The finding, as a sentence."""
    margin: Callable[[Measures], float]
    """Margin by which a trial agrees, in the unit of its columns; positive: it agrees. KeyError: not measured."""
    where_not: str = ""
    """A likely reason why it does not hold at this scale; shown only if it does not."""


def above(better: str, worse: str, measures: Measures) -> float:
    """Difference in mIoU between two rows."""
    return measures[better]["mIoU"] - measures[worse]["mIoU"]


def above_generalists(ours: str, more: Sequence[str], measures: Measures) -> float:
    """Difference in mIoU between a row and the best generalist: EfficientNet-Lite0 or one of `more` (names as for
    `stages.generalists`). KeyError if there is none."""
    names = (EFFICIENTNET, *(one.partition("=")[0] for one in more))
    values = [measures[name]["mIoU"] for name in names if name in measures]
    if not values:
        raise KeyError(EFFICIENTNET)
    return measures[ours]["mIoU"] - max(values)


@dataclass(frozen=True)
class Experiment:
    """One result of the paper, as reproduced here."""

    command: str
    """Command after `testspace experiment`."""
    source: str
    """Place in the paper."""
    question: str
    """The question, in one sentence."""
    unit: str
    """Unit of the columns."""
    trial: Callable[[Trial], Measures]
    """Measures one house with one seed."""
    paper: Mapping[str, Mapping[str, float]]
    """Numbers of the paper, if any, by row and column."""
    claims: Sequence[Claim]
    """Findings to test."""
    draw: Callable[[Summary, Path], None]
    """Draws the figure as a PNG, in the form of the paper's."""
    stages: Mapping[str, float]
    """Number of stages of each kind per trial, to estimate its cost."""
    live: bool = False
    """Whether the numbers come from runs of the live agent, rather than from stages on a finished buffer."""
    note: str = ""
    """Differences from the paper; printed below the table."""
    each: Sequence[tuple[str, str]] = ()
    """Cells (row, column) that are also shown for each trial."""


@dataclass(frozen=True)
class Summary:
    """Results of all trials of an experiment."""

    experiment: Experiment
    trials: Sequence[Measures]

    def lines(self) -> list[str]:
        """Rows of the table, in the order measured."""
        return list(dict.fromkeys(line for one in self.trials for line in one))

    def columns(self) -> list[str]:
        """Columns of the table, in the order measured."""
        return list(dict.fromkeys(name for one in self.trials for values in one.values() for name in values))

    def values(self, line: str, column: str) -> list[float]:
        """Values of a cell over the trials that have it."""
        return [one[line][column] for one in self.trials if column in one.get(line, {})]

    def mean(self, line: str, column: str) -> float:
        """Mean of a cell over trials, NaN if there is none."""
        values = self.values(line, column)
        return float(np.mean(values)) if values else float("nan")

    def spread(self, line: str, column: str) -> float:
        """Standard deviation of a cell over trials, 0 for fewer than two."""
        values = self.values(line, column)
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

    def margins(self, claim: Claim) -> list[float]:
        """Margins of a claim over the trials that measured it."""
        values = []
        for one in self.trials:
            try:
                values.append(claim.margin(one))
            except KeyError:
                continue
        return values
