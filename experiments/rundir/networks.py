"""The networks that a run stores: where they lie, and how they are read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.frame import Camera
from ...envs.house.classes import CLASSES
from ...learners.generalist.inference import classify_frames, folded
from ...learners.generalist.network import Generalist
from ...learners.generalist.weights import load_generalist, load_weights
from ...learners.heads.segmentation import Segmenter
from ...learners.masked.encoder import Encoder
from .run_folder import read_config

Classify = Callable[[NDArray[np.uint8]], NDArray[np.int16]]
"""Pictures rgb uint8 (N, H, W, 3) to class ids int16 (N, H, W)."""


def weights_file(run: Path, method: str) -> Path:
    """Where the network of a method lies that began as the generalist."""
    return run / "segmenters" / f"{method}.safetensors"


def specialist_of(run: Path) -> Classify | None:
    """The specialist that was stored last; None before the first. ValueError (WeightsError) where it is damaged."""
    return _stored(run, "specialist")


def baseline_of(run: Path) -> tuple[str, Classify] | None:
    """Name and network of what the specialist is compared with; None where a run has none yet. Raises WeightsError."""
    try:
        start = read_config(run)["sizes"]["generalist"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{run / 'config.json'}: it does not say which generalist was used ({error!r})") from None
    if start == "none":
        scratch = _stored(run, "scratch")
        return None if scratch is None else ("scratch", scratch)
    network = load_generalist(CLASSES)[0] if start == "shipped" else load_weights(Path(start), CLASSES)
    return "generalist", _by(network)


def _stored(run: Path, method: str) -> Classify | None:
    folder, file = run / "segmenters" / method, weights_file(run, method)
    if file.is_file():
        return _by(load_weights(file, CLASSES))
    if folder.is_dir():
        try:
            sizes = read_config(run)["sizes"]["learner"]
            encoder = Encoder(sizes["size"], sizes["image_size"], sizes["patch"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{run / 'config.json'}: the sizes of the specialist cannot be read ({error!r})") from None
        return Segmenter.load(folder, encoder).predict
    return None


def _by(network: Generalist) -> Classify:
    quick = folded(network)
    return lambda rgb: classify_frames(quick, {"rgb": rgb}, Camera(rgb.shape[2], rgb.shape[1]), depth=False)


def chosen_weights(weights: Path | None, run: Path | None) -> Path | None:
    """The file of weights that a command names by --weights or --run; None for those that come with the package.

    UserError where both are named, or the run has no specialist that began as the generalist.
    """
    if weights is not None and run is not None:
        raise UserError("--weights and --run both name a network; give one of them")
    if run is None:
        return weights
    file = weights_file(run, "specialist")
    if file.is_file():
        return file
    if (run / "segmenters" / "specialist").is_dir():
        raise UserError(f"{run}: its specialist was trained from scratch; this needs one from the generalist")
    raise UserError(f"{run}: no run with a specialist; name the folder that `testspace run --out` wrote")
