"""Models to a folder and back, without a network, and without ever reading anything that can run code."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from frames import boxes
from huggingface_hub import ModelCard

from testspace.learners.heads.head_config import HeadConfig
from testspace.learners.heads.segmentation import Segmenter
from testspace.learners.masked.encoder import Encoder, Size
from testspace.learners.nn.pretrained import PretrainedError

SMALL = Size(64, 2, 1)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a local folder needs no network")

    monkeypatch.setattr("testspace.learners.nn.pretrained.hf_hub_download", refuse)


def test_an_encoder_comes_back_with_its_size_and_its_numbers(tmp_path: Path) -> None:
    encoder, rgb = Encoder(SMALL, 32, 8), boxes(2, size=32)["rgb"]
    encoder.save_pretrained(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"model.safetensors", "config.json", "README.md"}
    again = Encoder.from_pretrained(tmp_path)
    assert (again.size, again.image_size, again.patch, again.training) == (SMALL, 32, 8, False)
    assert torch.equal(again(rgb), encoder(rgb))


def test_a_segmenter_comes_back_with_its_encoder(tmp_path: Path) -> None:
    segmenter, rgb = Segmenter(Encoder(SMALL, 32, 8), [3, 7], HeadConfig(width=8, depth=1)), boxes(2, size=32)["rgb"]
    segmenter.save_pretrained(tmp_path)
    again = Segmenter.from_pretrained(tmp_path)
    assert again.classes == (3, 7)
    assert torch.equal(torch.from_numpy(again.predict(rgb)), torch.from_numpy(segmenter.predict(rgb)))


STATED = {
    "house": "kitchen.json", "frames": 4000, "numbers": {"mIoU": 0.4321},
    "licence": "cc-by-4.0", "assets": "CC0 and CC-BY",
}  # fmt: skip


def states_all(card: str) -> bool:
    words = ("House: kitchen.json", "Frames: 4000", "| mIoU | 0.4321 |", "license: cc-by-4.0", "assets: CC0 and CC-BY")
    return all(word in card for word in words)


def test_the_card_states_house_frames_numbers_and_licences(tmp_path: Path) -> None:
    Encoder(SMALL, 32, 8).save_pretrained(tmp_path, model_card_kwargs=STATED)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.pipeline_tag == "image-feature-extraction"
    (result,) = card.data.eval_results or ()
    assert (result.dataset_name, result.metric_type, result.metric_value) == ("kitchen.json", "mean_iou", 0.4321)
    (snippet,) = re.findall(r"```python\n(.*?)```", card.text, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(snippet.replace("this repository or folder", str(tmp_path)), scope)
    assert isinstance(scope["model"], Encoder)
    assert states_all((tmp_path / "README.md").read_text())


def test_what_is_pushed_has_the_card_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: dict[str, bytes] = {}

    def upload(_: object, *, repo_id: str, folder_path: str | Path, **__: object) -> None:
        pushed.update({f"{repo_id}/{file.name}": file.read_bytes() for file in Path(folder_path).iterdir()})

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", lambda _, repo_id, **__: SimpleNamespace(repo_id=repo_id))
    monkeypatch.setattr("huggingface_hub.HfApi.upload_folder", upload)
    Encoder(SMALL, 32, 8).push_to_hub("me/kitchen", model_card_kwargs=STATED)
    assert pushed.keys() == {f"me/kitchen/{name}" for name in ("model.safetensors", "config.json", "README.md")}
    assert states_all(pushed["me/kitchen/README.md"].decode())


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    Encoder(SMALL, 32, 8).save_pretrained(tmp_path)
    with pytest.raises(PretrainedError, match="holds no Segmenter"):
        Segmenter.from_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "patch": 4}))
    with pytest.raises(PretrainedError, match="do not make a Encoder"):
        Encoder.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(pickle.dumps({"embed.weight": 1}))
    with pytest.raises(PretrainedError, match="do not make a Encoder"):
        Encoder.from_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({"embed.weight": 1}))
    with pytest.raises(PretrainedError, match=r"no model\.safetensors"):
        Encoder.from_pretrained(tmp_path)


def test_a_damaged_configuration_is_one_line(tmp_path: Path) -> None:
    for content in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        (tmp_path / "config.json").write_bytes(content)
        with pytest.raises(PretrainedError, match=r"config\.json is damaged"):
            Segmenter.from_pretrained(str(tmp_path))
