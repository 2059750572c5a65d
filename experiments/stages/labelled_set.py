"""D_t as an input of stages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ...agent.fusion.surface_prior import SurfacePrior
from ...learners.heads.transfer import LabelledFrames
from ..protocol.transfer_set import TransferSet


@dataclass(frozen=True)
class LabelledSet:
    """D_t with a digest of its content, which stands for it in the settings of a stage."""

    frames: LabelledFrames
    surfaces: SurfacePrior
    sensors: Callable[[], dict[str, NDArray[Any]]]
    """Reads depth, normals and edges of its frames."""
    key: str

    @classmethod
    def of(cls, made: TransferSet) -> LabelledSet:
        """This D_t."""
        content = hashlib.sha256(made.labelled.rgb.tobytes())
        content.update(made.labelled.semantic.tobytes())
        content.update(made.surfaces.counts.tobytes())
        return cls(made.labelled, made.surfaces, made.sensory, content.hexdigest()[:24])
