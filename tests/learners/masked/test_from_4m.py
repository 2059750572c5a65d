"""A checkpoint in ml-4m's layout gives the same logits here as in a reference forward written from the format alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file, save_model
from torch import Tensor

from testspace.learners.masked.encoder import Encoder, Size
from testspace.learners.masked.from_4m import NAMES, Started, start_from_4m
from testspace.learners.masked.masked_model import MaskedModel
from testspace.learners.modalities.modality import SEQUENCES, register
from testspace.learners.modalities.sequences import SequenceModality

DIM, LAYERS, CODES, GRID, PATCH = 128, 2, 40, 4, 4
WORDS = SequenceModality("boxes", 30, unit=5, units=3)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    register(WORDS)
    yield
    del SEQUENCES["boxes"]


def checkpoint() -> dict[str, Tensor]:
    """Random weights under ml-4m's names: rgb pixels, tokens of rgb and depth, a sequence, and one modality more."""
    generator = torch.Generator().manual_seed(0)
    stored: dict[str, Tensor] = {}

    def add(name: str, *shape: int, near: float = 0.0) -> None:
        stored[name] = near + torch.randn(shape, generator=generator) * (shape[-1] ** -0.5 if len(shape) > 1 else 0.3)

    hidden = int(2 * 4 * DIM / 3)
    for part in ("encoder", "decoder"):
        for layer in range(LAYERS):
            at = f"{part}.{layer}"
            for norm in ("norm1", "norm2", *(("query_norm", "context_norm") if part == "decoder" else ())):
                add(f"{at}.{norm}.weight", DIM, near=1.0)
                stored[f"{at}.{norm}.bias"] = torch.zeros(DIM)  # a buffer there
            attention = "attn" if part == "encoder" else "self_attn"
            add(f"{at}.{attention}.qkv.weight", 3 * DIM, DIM)
            add(f"{at}.{attention}.proj.weight", DIM, DIM)
            add(f"{at}.mlp.fc1.weight", hidden, DIM)
            add(f"{at}.mlp.fc2.weight", DIM, hidden)
            add(f"{at}.mlp.fc3.weight", hidden, DIM)
            if part == "decoder":
                add(f"{at}.cross_attn.q.weight", DIM, DIM)
                add(f"{at}.cross_attn.kv.weight", 2 * DIM, DIM)
                add(f"{at}.cross_attn.proj.weight", DIM, DIM)
        add(f"{part}_norm.weight", DIM, near=1.0)
    add("decoder_proj_context.weight", DIM, DIM)
    add("decoder_proj_context.bias", DIM)
    add("mask_token", 1, 1, DIM)
    add("encoder_embeddings.rgb@224.proj.weight", DIM, 3 * PATCH**2)
    add("encoder_embeddings.rgb@224.mod_emb", 1, 1, DIM)
    words = {"tok_rgb@224": CODES, "tok_depth@224": CODES, "tok_clip@224": 9, "det": WORDS.vocabulary}
    for name, vocabulary in words.items():
        add(f"encoder_embeddings.{name}.mod_emb", 1, 1, DIM)
        stored[f"decoder_embeddings.{name}.mod_emb"] = stored[f"encoder_embeddings.{name}.mod_emb"].clone()
        add(f"encoder_embeddings.{name}.token_emb.weight", vocabulary, DIM)
        add(f"decoder_embeddings.{name}.token_emb.weight", vocabulary, DIM)
        add(f"decoder_embeddings.{name}.to_logits.weight", vocabulary, DIM)
    return stored


def sines(positions: Tensor, width: int) -> Tensor:
    rate = 10000.0 ** (-torch.arange(width // 2) / (width // 2))
    return torch.cat([(positions[:, None] * rate).sin(), (positions[:, None] * rate).cos()], dim=1)


def reference(
    w: dict[str, Tensor], seen: list[tuple[str, Tensor, Tensor]], wanted: list[tuple[str, Tensor, Tensor | None]]
) -> list[Tensor]:
    """Logits of each entry of `wanted`, for one frame, in plain loops. An entry is (4M's name, places, content).

    The content of seen entries is pixels or ids; of wanted ones the ids given to a sequence's decoder, or None.
    """

    def normed(x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt() * w[f"{name}.weight"]

    def attention(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor) -> Tensor:
        out = []
        for head in range(DIM // 64):
            part = slice(64 * head, 64 * head + 64)
            scores = (q[:, part] @ k[:, part].T / 8.0).masked_fill(~allowed, -math.inf)
            out.append(scores.softmax(-1) @ v[:, part])
        return torch.cat(out, dim=1)

    def itself(x: Tensor, at: str, allowed: Tensor) -> Tensor:
        q, k, v = (x @ w[f"{at}.qkv.weight"].T).split(DIM, dim=1)
        return attention(q, k, v, allowed) @ w[f"{at}.proj.weight"].T

    def mlp(x: Tensor, at: str) -> Tensor:
        gate = x @ w[f"{at}.fc1.weight"].T
        return (gate * gate.sigmoid() * (x @ w[f"{at}.fc3.weight"].T)) @ w[f"{at}.fc2.weight"].T

    def where(name: str, places: Tensor) -> Tensor:
        if name == "det":
            table = sines(places, DIM)
        else:
            table = torch.cat([sines(places // GRID, DIM // 2), sines(places % GRID, DIM // 2)], dim=1)
        return table + w[f"encoder_embeddings.{name}.mod_emb"][0, 0]

    tokens, marks = [], []
    for name, places, content in seen:
        side = f"encoder_embeddings.{name}"
        if content.is_floating_point():
            tokens.append(content @ w[f"{side}.proj.weight"].T)
        else:
            tokens.append(w[f"{side}.token_emb.weight"][content])
        marks.append(where(name, places))
    x, mark = torch.cat(tokens), torch.cat(marks)
    x, everyone = x + mark, torch.ones(1, 1, dtype=torch.bool)
    for layer in range(LAYERS):
        x = x + itself(normed(x, f"encoder.{layer}.norm1"), f"encoder.{layer}.attn", everyone)
        x = x + mlp(normed(x, f"encoder.{layer}.norm2"), f"encoder.{layer}.mlp")
    x = normed(x, "encoder_norm")
    context = x @ w["decoder_proj_context.weight"].T + w["decoder_proj_context.bias"] + mark
    answers = []
    for name, places, given in wanted:  # modalities do not see each other in the decoder, so each by itself
        y = where(name, places)
        y = y + (w["mask_token"][0] if given is None else w[f"decoder_embeddings.{name}.token_emb.weight"][given])
        allowed = everyone if given is None else torch.ones(len(places), len(places)).tril().bool()
        for layer in range(LAYERS):
            at = f"decoder.{layer}"
            y = y + itself(normed(y, f"{at}.norm1"), f"{at}.self_attn", allowed)
            key, value = (normed(context, f"{at}.context_norm") @ w[f"{at}.cross_attn.kv.weight"].T).split(DIM, dim=1)
            query = normed(y, f"{at}.query_norm") @ w[f"{at}.cross_attn.q.weight"].T
            y = y + attention(query, key, value, everyone) @ w[f"{at}.cross_attn.proj.weight"].T
            y = y + mlp(normed(y, f"{at}.norm2"), f"{at}.mlp")
        answers.append(normed(y, "decoder_norm") @ w[f"decoder_embeddings.{name}.to_logits.weight"].T)
    return answers


def model_of(*modalities: str, layers: int = LAYERS) -> MaskedModel:
    return MaskedModel(
        Size(DIM, layers, layers), GRID * PATCH, PATCH, "tokens", modalities=modalities, rgb_beside_tokens=True,
        codes=dict.fromkeys(("rgb", "depth", "normals"), CODES),
    )  # fmt: skip


def test_same_weights_and_tokens_give_the_same_numbers(tmp_path: Path) -> None:
    stored = checkpoint()
    save_file(stored, tmp_path / "model.safetensors")
    model = model_of("rgb", "depth", "boxes").eval()
    started = start_from_4m(model, tmp_path / "model.safetensors")
    assert started == Started(("rgb", "rgb_tokens", "depth", "boxes"), (), ("tok_clip@224",))

    generator, count = torch.Generator().manual_seed(1), GRID**2
    pixels, length = torch.randn(1, count, 3 * PATCH**2, generator=generator), WORDS.length
    rgb, depth = torch.randint(CODES, (2, 1, count), generator=generator)
    ids, given, wanted = torch.randint(WORDS.vocabulary, (3, 1, length), generator=generator)
    contents = {"rgb patches": pixels, "rgb codes": rgb, "depth codes": depth}
    contents |= {"boxes inputs": ids, "boxes decoder_inputs": given, "boxes targets": wanted}
    places = {
        "rgb": torch.tensor([3, 0, 9]),
        "rgb_tokens": torch.tensor([5, 15]),
        "depth": torch.tensor([7]),
        "boxes": torch.arange(4),
    }
    asked = {"rgb_tokens": torch.tensor([1, 2]), "depth": torch.tensor([0, 11, 12]), "boxes": torch.arange(6)}
    first = dict(zip(model.names, model.index.first.tolist(), strict=True))
    inputs = torch.cat([first[name] + place for name, place in places.items()])
    targets = torch.cat([first[name] + place for name, place in asked.items()])
    seen = {"rgb": pixels, "rgb_tokens": rgb, "depth": depth, "boxes": ids}
    expected = reference(
        stored,
        [(NAMES[name], place, seen[name][0, place]) for name, place in places.items()],
        [(NAMES[name], place, given[0, :6] if name == "boxes" else None) for name, place in asked.items()],
    )
    truth = {"rgb_tokens": rgb, "depth": depth, "boxes": wanted}
    with torch.no_grad():
        marks = model.marks()
        features = model.decode(contents, model.encode(contents, inputs[None], marks), targets[None], marks)[0].split(
            [2, 3, 6]
        )
        losses = model.losses_of_tokens(contents, inputs[None], targets[None])
    for (name, place), part, logits in zip(asked.items(), features, expected, strict=True):
        torch.testing.assert_close(model.heads[name](part), logits, atol=2e-4, rtol=1e-3)
        loss = torch.nn.functional.cross_entropy(logits, truth[name][0, place])
        torch.testing.assert_close(losses[name], loss, atol=1e-4, rtol=1e-4)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    file, stored = tmp_path / "model.safetensors", checkpoint()
    save_file(stored, file)
    assert start_from_4m(model_of("rgb", "normals"), file).fresh == ("normals",)
    with pytest.raises(ValueError, match=r"lacks encoder\.2\.norm1"):
        start_from_4m(model_of("rgb", layers=3), file)
    with pytest.raises(ValueError, match="more than the model's 1 layers"):
        start_from_4m(model_of("rgb", layers=1), file)
    logits = stored["decoder_embeddings.tok_clip@224.to_logits.weight"].clone()
    save_file({**stored, "decoder_embeddings.tok_depth@224.to_logits.weight": logits}, file)
    with pytest.raises(ValueError, match=r"heads\.depth\.weight is \(40, 128\) in the model and \(9, 128\)"):
        start_from_4m(model_of("rgb", "depth"), file)
    save_file({"some": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match="no ml-4m checkpoint"):
        start_from_4m(model_of("rgb"), file)
    file.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        start_from_4m(model_of("rgb"), file)


def test_pixels_are_normalised_as_4m_was_trained(tmp_path: Path) -> None:
    """By ImageNet's mean and deviation; the encoder keeps them wherever it goes."""
    save_file(checkpoint(), tmp_path / "model.safetensors")
    model, side = model_of("rgb"), GRID * PATCH
    start_from_4m(model, tmp_path / "model.safetensors")
    rgb = torch.randint(0, 256, (2, side, side, 3), generator=torch.Generator().manual_seed(3)).to(torch.uint8)
    normal = (rgb / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    first = normal[:, :PATCH, :PATCH].flatten(1)  # row by row, channels last
    torch.testing.assert_close(model.encoder.patches(rgb)[:, 0], first)
    model.encoder.save_pretrained(tmp_path / "encoder")
    again = Encoder.from_pretrained(tmp_path / "encoder")
    assert torch.equal(again(rgb), model.encoder.eval()(rgb))


def test_tensors_that_encoder_and_decoder_share_are_found_under_either_name(tmp_path: Path) -> None:
    """safetensors.torch.save_model stores a shared tensor once."""
    stored, root = checkpoint(), torch.nn.Module()
    parameters = {name: torch.nn.Parameter(value) for name, value in stored.items()}
    for name in [key for key in stored if key.startswith("decoder_embeddings") and key.endswith("mod_emb")]:
        parameters[name] = parameters[name.replace("decoder_embeddings", "encoder_embeddings")]
    for name, parameter in parameters.items():
        *path, last = name.split(".")
        module = root
        for part in path:
            if part not in module._modules:
                module.add_module(part, torch.nn.Module())
            module = module.get_submodule(part)
        module.register_parameter(last, parameter)
    save_model(root, str(tmp_path / "shared.safetensors"))
    with safe_open(tmp_path / "shared.safetensors", framework="pt") as opened:
        assert len(list(opened.keys())) < len(stored)
    save_file(stored, tmp_path / "plain.safetensors")
    shared, plain = model_of("rgb", "depth"), model_of("rgb", "depth")
    assert start_from_4m(shared, tmp_path / "shared.safetensors") == start_from_4m(
        plain, tmp_path / "plain.safetensors"
    )
    for one, other in zip(shared.modality, plain.modality, strict=True):
        assert torch.equal(one, other)
