"""Networks of transformers as pseudolabel modalities: tiny random ones from folders, and answers in closed form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from frames import boxes

from testspace.learners.encoders.timm_encoders import GeneralistError
from testspace.learners.encoders.torchvision_guard import ensure_torchvision
from testspace.learners.modalities.hub_networks import (
    best_boxes,
    class_codes,
    detected_boxes,
    of_queries,
    outlines,
    sam_edges,
    semantic_masks,
)
from testspace.learners.modalities.modality import MODALITIES, SEQUENCES, register
from testspace.learners.modalities.sequences import read_boxes
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny random networks, as `save_pretrained` leaves them."""
    ensure_torchvision()
    path = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    vision = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 64, "output_channels": 16,
        "global_attn_indexes": [0], "window_size": 2, "mlp_dim": 16, "num_pos_feats": 8,
    }  # fmt: skip
    prompt = {"hidden_size": 16, "image_size": 64, "image_embedding_size": 4, "mask_input_channels": 4}
    decoder = {
        "hidden_size": 16,
        "mlp_dim": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 8,
    }
    sam = transformers.SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
    transformers.SamModel(sam).save_pretrained(path / "sam")
    yolos = transformers.YolosConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=[64, 64],
        num_detection_tokens=5, num_labels=3,
    )  # fmt: skip
    transformers.YolosForObjectDetection(yolos).save_pretrained(path / "yolos")
    segformer = transformers.SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 16], patch_sizes=[7, 3], strides=[4, 2],
        num_attention_heads=[1, 2], mlp_ratios=[2, 2], decoder_hidden_size=8, num_labels=6,
    )  # fmt: skip
    transformers.SegformerForSemanticSegmentation(segformer).save_pretrained(path / "segformer")
    (path / "segformer" / "preprocessor_config.json").write_text(json.dumps({"do_normalize": False}))
    return path


@pytest.fixture
def registry() -> Iterator[None]:
    yield
    for name in ("sam_edges", "found", "masks"):
        MODALITIES.pop(name, None)
        SEQUENCES.pop(name, None)


def test_they_are_learned_beside_what_is_sensed(folders: Path, registry: None) -> None:
    register(sam_edges("sam_edges", folders / "sam", points=2, least=-100.0))
    register(detected_boxes("found", folders / "yolos", most=4, least=0.0, side=64))
    register(semantic_masks("masks", folders / "segformer", side=64))
    names = ("rgb", "depth", "sam_edges", "found", "masks")
    learner = TSTLearner(TSTConfig(modalities=names, input_budget=32, target_budget=32, decoder_layers=1))
    report = learner.step(boxes(4))
    assert all(report[f"loss_{name}"] >= 0 for name in names)
    assert report["nonfinite_steps"] == 0
    rgb = boxes(2)["rgb"]
    edges = MODALITIES["sam_edges"].sense({"rgb": rgb})
    assert edges.shape == (2, 64, 64)
    assert set(edges.unique().tolist()) <= {0, 255}
    corners, classes, there = read_boxes(SEQUENCES["found"].sense({"rgb": rgb}), SEQUENCES["found"])
    assert there.sum() == 8  # the best four of five queries, however bad
    assert ((corners[there] >= 0) & (corners[there] <= 1)).all()
    assert (classes[there] < 3).all()
    ids = MODALITIES["masks"].sense({"rgb": rgb})
    assert ids.shape == (2, 64, 64)
    assert int(ids.max()) < 6


def test_a_mask_is_the_networks_own_at_the_size_of_the_frame(folders: Path) -> None:
    masks, rgb = semantic_masks("masks", folders / "segformer", side=64), boxes(2)["rgb"]
    network = transformers.SegformerForSemanticSegmentation.from_pretrained(folders / "segformer").eval()
    with torch.no_grad():
        logits = network(pixel_values=rgb.permute(0, 3, 1, 2) / 255).logits
    whole = torch.nn.functional.interpolate(logits, (64, 64), mode="bilinear")
    assert torch.equal(masks.sense({"rgb": rgb}), whole.argmax(1))


def test_an_id_is_drawn_as_itself(folders: Path) -> None:
    masks = semantic_masks("masks", folders / "segformer", side=64)
    ids = torch.arange(6).view(1, 2, 3)
    noisy = masks.normalise(ids) + 0.2 * torch.randn(1, 16, 2, 3, generator=torch.Generator().manual_seed(0))
    drawn = masks.draw(noisy)
    assert torch.equal(drawn, masks.draw(masks.normalise(ids)))
    assert len(drawn.view(-1, 3).unique(dim=0)) == 6
    torch.testing.assert_close(class_codes(6).square().mean(1), torch.ones(6))


def test_the_outline_of_a_square_is_its_rim() -> None:
    masks = torch.zeros(1, 2, 8, 8, dtype=torch.bool)
    masks[0, 0, 2:6, 2:6] = True
    masks[0, 1, :, 7] = True  # at the border of the frame: only its inner side is an edge
    rim = torch.zeros(8, 8, dtype=torch.uint8)
    rim[2:6, 2:6] = 255
    rim[3:5, 3:5] = 0
    rim[:, 7] = 255
    assert torch.equal(outlines(masks)[0], rim)
    assert not outlines(torch.ones(1, 1, 8, 8, dtype=torch.bool)).any()


@pytest.mark.parametrize("with_none", [True, False])
def test_boxes_are_the_best_of_the_queries(with_none: bool) -> None:
    logits = torch.full((1, 3, 3 if with_none else 2), -9.0)
    logits[0, 0, 1], logits[0, 2, 0] = 9.0, 5.0  # query 1 says nothing
    if with_none:
        logits[0, 1, 2] = 9.0
    centred = torch.tensor([[[0.5, 0.5, 0.2, 0.4], [0.1, 0.1, 0.1, 0.1], [0.9, 0.9, 0.4, 0.4]]])
    corners, classes, there = best_boxes(logits, centred, 2, 2, 0.6)
    assert there.tolist() == [[True, True]]
    assert classes.tolist() == [[1, 0]]
    torch.testing.assert_close(corners[0], torch.tensor([[0.4, 0.3, 0.6, 0.7], [0.7, 0.7, 1.0, 1.0]]))
    assert best_boxes(logits, centred, 2, 1, 0.6)[2].tolist() == [[True]]


def test_queries_are_weighed_by_their_classes() -> None:
    found = SimpleNamespace(
        class_queries_logits=torch.tensor([[[9.0, -9.0, -9.0], [-9.0, -9.0, 9.0], [-9.0, 9.0, -9.0]]]),
        masks_queries_logits=torch.tensor([[[[9.0, -9.0]], [[9.0, 9.0]], [[-9.0, 9.0]]]]),
    )
    assert of_queries(found).argmax(1).tolist() == [[[0, 1]]]


def test_what_cannot_be_had_is_said(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for source in (tmp_path, tmp_path / "nothing", folders / "segformer"):
        with pytest.raises(GeneralistError, match=r"cannot be had as a SamModel|cannot be had as a Auto"):
            detected_boxes("found", source)
