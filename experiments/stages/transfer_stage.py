"""The stage of transfer: an encoder and a head become a segmenter, on D_t and optionally on the agent's own frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from ...core.progress import Advance
from ...envs.house.classes import CLASSES
from ...learners.adaptation.label_propagation import FewLabels, propagate_labels
from ...learners.encoders.frame_encoder import FrameEncoder
from ...learners.heads.head_config import HeadConfig
from ...learners.heads.segmentation import Segmenter
from ...learners.heads.transfer import LabelledFrames
from ...learners.heads.transfer_config import TransferConfig
from ...learners.masked.encoder import Encoder
from ...learners.nn.device import find_device
from ...learners.objectives.tst import scratch_encoder
from ...learners.objectives.tst_config import TSTConfig
from ..protocol import score
from .baselines import Generalist
from .store import Entry, Store


def transfer(
    store: Store,
    encoder: Entry | TSTConfig | Generalist,
    frames: Callable[[], LabelledFrames | FewLabels],
    frames_key: Any,
    config: TransferConfig,
    head: HeadConfig,
    seed: int,
    title: str,
) -> Entry:
    """A segmenter on this encoder: `read_segmenter`.

    `encoder`: the stage of a learner; a generalist; or the sizes of one that begins at random weights (scratch).
    `frames` are made where they are needed; `frames_key`, JSON, stands for their content. A few labels of the test
    space itself are propagated (Appendix C), with the same recipe.
    """
    if isinstance(encoder, Entry):
        sizes = encoder.settings["config"]
        start: dict[str, Any] = {"learner": encoder.key, **{key: sizes[key] for key in ("size", "image_size", "patch")}}
    elif isinstance(encoder, Generalist):
        start = encoder.start()
    else:
        start = {"scratch": seed, "size": encoder.size, "image_size": encoder.image_size, "patch": encoder.patch}
    settings = {"encoder": start, "frames": frames_key, "config": asdict(config), "head": asdict(head), "seed": seed}

    def make(folder: Path, advance: Advance) -> None:
        network: FrameEncoder
        if isinstance(encoder, Entry):
            network = read_encoder(encoder)
        elif isinstance(encoder, Generalist):
            network = encoder.encoder()
        else:
            network = scratch_encoder(encoder, seed)

        network.to(find_device(store.device))
        labelled = frames()
        if isinstance(labelled, FewLabels):
            segmenter = propagate_labels(
                network, labelled, len(CLASSES), config, head, seed=seed,
                progress=lambda done, total, metrics: advance(done, total, f"loss {metrics['loss']:.2f}"),
            )  # fmt: skip
        else:
            segmenter = score.transfer(network, labelled, config, head, seed, advance)
        segmenter.save(folder)

    return store.get("transfer", settings, make, title=title)


def read_encoder(learner: Entry) -> Encoder:
    """The encoder of a pre-trained learner."""
    sizes = learner.settings["config"]
    encoder = Encoder(sizes["size"], sizes["image_size"], sizes["patch"])
    file, prefix = learner.folder / "learner" / "model.safetensors", "encoder."
    if learner.settings.get("objective") == "dino":
        file, prefix = file.with_name("dino.safetensors"), "teacher/encoder."
    stored = load_file(file)
    encoder.load_state_dict({k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)})
    return encoder


def read_segmenter(entry: Entry) -> Segmenter:
    """The segmenter that `transfer` left."""
    start = entry.settings["encoder"]
    if "generalist" in start:
        return Segmenter.load(entry.folder, Generalist.of_start(start).encoder(random=True))
    return Segmenter.load(entry.folder, Encoder(start["size"], start["image_size"], start["patch"]))
