"""`save_pretrained`, `from_pretrained` and `push_to_hub` by huggingface_hub's mixin: safetensors, config.json, a card.

Unlike the mixin's own PyTorch variant, nothing but safetensors is ever read, and every weight must fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from huggingface_hub import EvalResult, ModelCard, ModelCardData, ModelHubMixin, hf_hub_download
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

MAX_SIZE, MAX_PATCHES = 2**16, 2**16
WEIGHTS, CONFIG = "model.safetensors", "config.json"


class PretrainedError(ValueError):
    """A folder or a repository that does not hold such a model."""


def check_sizes(config: Any, name: str = "config") -> None:
    """ValueError, naming the field, if a model's configuration holds a size that would take the memory of the machine.

    Numbers must be finite and at most MAX_SIZE, `patch` at least 1, and a picture have at most MAX_PATCHES patches.
    """
    if isinstance(config, Mapping):
        for key, value in config.items():
            check_sizes(value, f"{name}.{key}")
        side, patch = config.get("image_size"), config.get("patch")
        if patch is not None and (not isinstance(patch, int) or patch < 1):
            raise ValueError(f"{name}.patch must be a whole number of 1 or more, got {str(patch)[:20]}")
        if isinstance(side, int) and patch is not None and (side // patch) ** 2 > MAX_PATCHES:
            raise ValueError(f"{name}.image_size {side} with patch {patch}: more than {MAX_PATCHES} patches")
    elif isinstance(config, list):
        for number, value in enumerate(config):
            check_sizes(value, f"{name}[{number}]")
    elif isinstance(config, int | float) and not abs(config) <= MAX_SIZE:
        raise ValueError(f"{name}: {str(config)[:20]} is not a number up to {MAX_SIZE}")


class Pretrained(ModelHubMixin):
    """Mixed into a module that says what builds it: `hub_config` and `from_hub_config`.

    `save_pretrained(folder, model_card_kwargs={"house": ..., "frames": ..., "numbers": {...}, "assets": ...})` writes
    model.safetensors, config.json and README.md, the card (`generate_model_card`); `from_pretrained(folder or
    repository)` reads them, in evaluation mode, and raises PretrainedError where they are of another model.
    """

    pipeline_tag: ClassVar[str] = "image-feature-extraction"
    """What the Hub calls its task."""

    def hub_config(self) -> dict[str, Any]:
        """What builds this model, as JSON."""
        raise NotImplementedError

    @classmethod
    def from_hub_config(cls, config: Mapping[str, Any]) -> Self:
        """A model with fresh weights, as `hub_config` described it. May raise KeyError, TypeError, ValueError."""
        raise NotImplementedError

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> str | None:
        """Write the model into a folder; see ModelHubMixin for `repo_id`, `push_to_hub` and the rest.

        Its own `push_to_hub(repo_id, private=..., token=..., model_card_kwargs=...)` uploads what this writes.
        """
        options["config"] = {"model": type(self).__name__, **self.hub_config()}
        return super().save_pretrained(save_directory, **options)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> Self:
        """The model in a folder or a repository; see ModelHubMixin for the options. PretrainedError where it holds none
        or a damaged one."""
        try:
            return super().from_pretrained(pretrained_model_name_or_path, **options)
        except PretrainedError:
            raise
        except (ValueError, RecursionError) as error:  # the mixin reads config.json too
            raise PretrainedError(f"{pretrained_model_name_or_path}: its {CONFIG} is damaged ({error})") from error

    def generate_model_card(
        self,
        house: str = "not stated",
        frames: int | None = None,
        numbers: Mapping[str, float] | None = None,
        licence: str = "apache-2.0",
        assets: str = "not stated",
        **_: Any,
    ) -> ModelCard:
        """The card: which house the model has seen in how many frames, what it reaches there (`numbers`), the `licence`
        of its weights (an identifier of SPDX), and that of the `assets`, the things and textures that it has seen."""
        rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in (numbers or {}).items())
        table = f"| measure | value |\n| --- | --- |\n{rows}\n" if rows else "None were stated.\n"
        results = [
            EvalResult(
                task_type=self.pipeline_tag, dataset_type="test-space", dataset_name=house, metric_name=name,
                metric_type="mean_iou" if name.endswith("mIoU") else name.rpartition(": ")[2].replace(" ", "_"),
                metric_value=value,
            )
            for name, value in (numbers or {}).items()
        ]  # fmt: skip
        data = ModelCardData(
            library_name="testspace", pipeline_tag=self.pipeline_tag, license=licence, tags=["test-space-training"],
            model_name=type(self).__name__, eval_results=results or None,
        )  # fmt: skip
        return ModelCard(
            f"---\n{data.to_yaml()}\n---\n\n"
            f"# {type(self).__name__}\n\n"
            "A specialist of Test-Space Training: learned without labels from frames of one place, to see there.\n\n"
            f"- House: {house}\n- Frames: {'not stated' if frames is None else frames}\n"
            f"- Licence of the weights: {licence}\n- Licence of the assets: {assets}\n\n"
            f"## Numbers\n\n{table}\n"
            f"## Use\n\n`pip install 'testspace[learn]'`, then:\n\n```python\n"
            f"from {type(self).__module__} import {type(self).__name__}\n\n"
            f'model = {type(self).__name__}.from_pretrained("this repository or folder")\n```\n'
        )

    def _save_pretrained(self, save_directory: Path) -> None:
        weights = {name: value.contiguous() for name, value in self.state_dict().items()}  # type: ignore[attr-defined]
        save_file(weights, save_directory / WEIGHTS)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, map_location: str = "cpu", **options: Any) -> Self:
        fetch = {key: options[key] for key in ("revision", "cache_dir", "force_download", "token", "local_files_only")}

        def find(name: str) -> Path:
            if not Path(model_id).is_dir():
                return Path(hf_hub_download(model_id, name, **fetch))
            if not (Path(model_id) / name).is_file():
                raise PretrainedError(f"{model_id}: no {name} there, so no model to read")
            return Path(model_id) / name

        try:
            config = json.loads(find(CONFIG).read_text())
            if config.pop("model") != cls.__name__:
                raise PretrainedError(f"{model_id}: holds no {cls.__name__}; config.json names its class")
            check_sizes(config)
            model = cls.from_hub_config(config)
            model.load_state_dict(load_file(find(WEIGHTS), device=map_location))  # type: ignore[attr-defined]
        except PretrainedError:
            raise
        except (
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            RuntimeError,
            ArithmeticError,
            SafetensorError,
        ) as error:
            raise PretrainedError(f"{model_id}: config and weights do not make a {cls.__name__}: {error}") from error
        return model.to(map_location).eval()  # type: ignore[attr-defined]
