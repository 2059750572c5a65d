"""What an experiment is: trials that measure, the paper's numbers to set beside them, claims to hold them to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...envs.house.house import House
from ..protocol.preset import Preset
from ..stages import Stages, Store
from ..stages.baselines import EFFICIENTNET

Measures = dict[str, dict[str, float]]
"""What a trial measured: by line of the table, by column."""


@dataclass(frozen=True)
class Trial:
    """One house and one seed."""

    houses: tuple[House, ...]
    """All test spaces of the experiment."""
    index: int
    """Which of them this trial is about."""
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
        return Stages(self.store, self.preset, (self.house,), self.seed)


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper that the measures agree with or not."""

    says: str
    """What the paper finds."""
    margin: Callable[[Measures], float]
    """By how much a trial agrees, in the unit of its columns: above 0 it does. KeyError: the trial does not tell."""
    where_not: str = ""
    """Why it may not hold at this size, in a paragraph; shown where it does not."""


def above(better: str, worse: str, measures: Measures) -> float:
    """The margin by which a line is above another in mIoU."""
    return measures[better]["mIoU"] - measures[worse]["mIoU"]


def above_generalists(ours: str, more: Sequence[str], measures: Measures) -> float:
    """The margin by which a line is above the best generalist in mIoU: EfficientNet-Lite0, or one of `more` by the
    names that `stages.generalists` takes. KeyError where there is none."""
    names = (EFFICIENTNET, *(one.partition("=")[0] for one in more))
    found = [measures[name]["mIoU"] for name in names if name in measures]
    if not found:
        raise KeyError(EFFICIENTNET)
    return measures[ours]["mIoU"] - max(found)


@dataclass(frozen=True)
class Experiment:
    """One result of the paper, as it is tried here."""

    command: str
    """What starts it, after `testspace experiment`."""
    source: str
    """Where the paper has it."""
    question: str
    """What it asks, in a sentence."""
    unit: str
    """Of the columns."""
    trial: Callable[[Trial], Measures]
    """Measures one house with one seed."""
    paper: Mapping[str, Mapping[str, float]]
    """The paper's numbers, where it has them: by line, by column."""
    claims: Sequence[Claim]
    """What is held to be seen."""
    draw: Callable[[Summary, Path], None]
    """Draws the figure in the paper's form, a PNG."""
    stages: Mapping[str, float]
    """How many stages of each kind a trial takes, for the estimate of its cost."""
    live: bool = False
    """Whether the numbers come from runs of the live agent, rather than from stages on a finished buffer."""
    note: str = ""
    """How this differs from the paper's; stands under the table."""


@dataclass(frozen=True)
class Summary:
    """What the trials of an experiment came to."""

    experiment: Experiment
    trials: Sequence[Measures]

    def lines(self) -> list[str]:
        """Lines of the table, as measured."""
        return list(dict.fromkeys(line for one in self.trials for line in one))

    def columns(self) -> list[str]:
        """Columns of the table, as measured."""
        return list(dict.fromkeys(name for one in self.trials for values in one.values() for name in values))

    def values(self, line: str, column: str) -> list[float]:
        """The trials' measures of a cell; of the trials that have it."""
        return [one[line][column] for one in self.trials if column in one.get(line, {})]

    def mean(self, line: str, column: str) -> float:
        """Their mean, NaN where there is none."""
        found = self.values(line, column)
        return float(np.mean(found)) if found else float("nan")

    def spread(self, line: str, column: str) -> float:
        """Their standard deviation, 0 for less than two."""
        found = self.values(line, column)
        return float(np.std(found, ddof=1)) if len(found) > 1 else 0.0

    def margins(self, claim: Claim) -> list[float]:
        """By how much each trial agrees with a claim; of the trials that tell."""
        found = []
        for one in self.trials:
            try:
                found.append(claim.margin(one))
            except KeyError:
                continue
        return found
