"""What every task has in common: an encoder with a head on it, stored as weights and a description beside them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn

from ..encoders.frame_encoder import FrameEncoder
from ..masked.encoder import Encoder
from ..nn.checkpoint import load_tensors, save_tensors
from ..nn.pretrained import Pretrained


class TaskError(ValueError):
    """Files that do not hold a network for this task."""


class TaskModel(nn.Module, Pretrained, ABC):
    """An encoder with a task's head. Subclasses name their files, and say what besides the encoder builds them."""

    name: ClassVar[str]
    """Of the task, and of its two files."""

    def __init__(self, encoder: FrameEncoder, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """What `from_description` needs, as JSON holds it."""

    @classmethod
    @abstractmethod
    def from_description(cls, encoder: FrameEncoder, description: dict[str, Any]) -> Self:
        """One with random weights of the head, as `description` says."""

    def hub_config(self) -> dict[str, Any]:
        """The encoder and the head, as JSON; ValueError on an encoder that is not our own."""
        if not isinstance(self.encoder, Encoder):
            raise ValueError(f"{self.name}: on {type(self.encoder).__name__}, which cannot be rebuilt; use save")
        return {"encoder": self.encoder.hub_config(), "task": self.description()}

    @classmethod
    def from_hub_config(cls, config: Mapping[str, Any]) -> Self:
        """Encoder and head with random weights, as `hub_config` described them."""
        return cls.from_description(Encoder.from_hub_config(config["encoder"]), config["task"])

    @contextmanager
    def evaluating(self) -> Iterator[torch.device]:
        """In evaluation mode, the head's device; the training mode is left as it was."""
        was_training = self.training
        self.eval()
        try:
            yield next(self.head.parameters()).device
        finally:
            self.train(was_training)

    @property
    def hidden(self) -> tuple[nn.Module, ...]:
        """The stacks of hidden layers, whose matrices Muon takes (`optimisers.hidden_matrices`)."""
        return (self.encoder.layers,)

    def save(self, folder: str | Path) -> None:
        """Write NAME.safetensors (encoder and head) and NAME.json (the description) into `folder`."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        save_tensors(self.state_dict(), path / f"{self.name}.safetensors")
        (path / f"{self.name}.json").write_text(json.dumps(self.description(), indent=2) + "\n")

    @classmethod
    def load(cls, folder: str | Path, encoder: FrameEncoder) -> Self:
        """What `save` wrote; `encoder` is one of the same shape, and receives its weights.

        Raises TaskError where the files are damaged, of no such task, or of one on an encoder of another shape.
        """
        path = Path(folder)
        try:
            model = cls.from_description(encoder, json.loads((path / f"{cls.name}.json").read_text()))
            model.load_state_dict(load_tensors(path / f"{cls.name}.safetensors"))
        except (OSError, KeyError, TypeError, AttributeError, RuntimeError, ValueError, ArithmeticError) as error:
            raise TaskError(f"{cls.name}: {path} is damaged or does not fit this encoder: {error}") from error
        return model
