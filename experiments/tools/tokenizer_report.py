"""Tokenizer report: a picture of each modality's reconstruction, and metrics that reveal a bad tokenizer.

    python -m testspace.experiments.tools.tokenizer_report --buffer runs/first/buffer --out pictures
    python -m testspace.experiments.tools.tokenizer_report --frames my_frames --out pictures

With --frames or --buffer, tokenizers are fitted first. With --run, those of its learner are evaluated; preset nano
predicts patches and has none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import cv2
import torch
import tyro

from ...core.errors import UserError, ending_in_one_line
from ...core.progress import Progress
from ...core.text_table import row
from ...learners.data.frame_folder import FrameFolder
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.modalities.fidelity import Fidelity, fidelity
from ...learners.modalities.modality import MODALITIES
from ...learners.modalities.tokenizers import Sample, Tokenizer
from ...learners.objectives.tst import TSTLearner
from ...learners.objectives.tst_config import TSTConfig
from ..report.drawings import Image, beside
from .predict_retrieve import SIDE, load_learner


@dataclass(frozen=True)
class TokenizersConfig:
    """Source of tokenizers and frames. Set exactly one of run, buffer and frames."""

    out: Path
    """Folder for MODALITY.png (image above, round trip below) and tokenizers.json."""
    run: Path | None = None
    """Folder of a run whose learner predicts tokens."""
    buffer: Path | None = None
    """Folder of a replay buffer."""
    frames: Path | None = None
    """Folder of frames (`learners.data.frame_folder`)."""
    count: int = 8
    """Number of frames to draw."""
    seed: int = 0
    """Seed of the frames and of fitted tokenizers."""
    learner: TSTConfig = field(default_factory=lambda: TSTConfig(targets="tokens"))
    """Settings of fitted tokenizers: image_size, patch, levels, quantiser, tokenizer_steps."""


def look(config: TokenizersConfig) -> list[Fidelity]:
    """Write pictures and metrics to `config.out`. UserError, FrameFolderError or BufferError for invalid sources."""
    if sum(source is not None for source in (config.run, config.buffer, config.frames)) != 1:
        raise UserError("give one of --run, --buffer and --frames")
    sample: Sample
    if config.run is not None:
        learner, sample = load_learner(config.run), ReplayBuffer.reader(config.run / "buffer", config.seed).sample
    else:
        learner, sample = _fitted(config)
    if not learner.model.tokenizers:
        raise UserError(
            f"{config.run}: its learner predicts patches and has no tokenizers; use --buffer with its buffer/"
        )
    config.out.mkdir(parents=True, exist_ok=True)
    batch, results = sample(max(config.count, 64)), []
    for name, tokenizer in learner.model.tokenizers.items():
        assert isinstance(tokenizer, Tokenizer)
        kept, truth, restored = fidelity(tokenizer, batch)
        results.append(kept)
        rows = [
            beside([_scaled(p) for p in MODALITIES[name].draw(i[: config.count]).numpy()]) for i in (truth, restored)
        ]
        picture = cv2.cvtColor(beside(rows, 0), cv2.COLOR_RGB2BGR)
        if not cv2.imwrite(str(config.out / f"{name}.png"), picture):
            raise UserError(f"{config.out / name}.png cannot be written")
    metrics = {kept.modality: {**asdict(kept), "bad": kept.bad} for kept in results}
    (config.out / "tokenizers.json").write_text(json.dumps(metrics, indent=2) + "\n")
    return results


def table(results: Sequence[Fidelity]) -> str:
    """A line for each modality."""
    lines = [row("", "tokenizer", "mean image", "unexplained", "perplexity")]
    for kept in results:
        values = [f"{value:.2f} {kept.unit}" for value in (kept.value, kept.of_mean)]
        values += [f"{share:.1%}" for share in (kept.variance_unexplained, kept.perplexity)]
        lines.append(row(f"{kept.modality:<12}{kept.measure}", *values) + ("   BAD" if kept.bad else ""))
    return "\n".join(lines)


def _fitted(config: TokenizersConfig) -> tuple[TSTLearner, Sample]:
    """A learner with tokenizers fitted to the buffer or the folder."""
    size = config.learner.image_size
    sample: Sample
    if config.buffer is not None:
        buffer = ReplayBuffer.reader(config.buffer, config.seed)
        if (buffer.height, buffer.width) != (size, size):
            raise UserError(f"{config.buffer}: frames of {buffer.height} x {buffer.width}; give --learner.image-size")
        sample, modalities = buffer.sample, config.learner.modalities
    else:
        assert config.frames is not None
        folder = FrameFolder(config.frames, size, seed=config.seed)
        sample, modalities = folder.sample, folder.modalities
    learner_config = replace(config.learner, targets="tokens", modalities=modalities, input_budget=1, target_budget=1)
    learner = TSTLearner(learner_config, config.seed)
    torch.manual_seed(config.seed)
    with Progress() as progress, progress.stage("fitting tokenizers") as advance:
        learner.fit_tokenizers(sample, progress=advance)
    return learner, sample


def _scaled(image: Image) -> Image:
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command; exits with status 2 and one line on user errors."""
    with ending_in_one_line():
        print(table(look(tyro.cli(TokenizersConfig, args=arguments))))


if __name__ == "__main__":
    main()
