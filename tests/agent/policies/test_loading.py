"""Policies from outside: every form that --policy takes, and that no file of weights runs code."""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from testspace.agent.mapping.egocentric import SPACE, EgocentricObservation
from testspace.agent.policies import PolicyError, UnknownPolicyError, loading, make_policy
from testspace.agent.policies.resolution import resampled
from testspace.agent.policies.sb3 import SB3Policy
from testspace.core.frame import Camera
from testspace.envs.gym_envs.house_env import HouseEnv

pytestmark = pytest.mark.usefixtures("forked_children")

EXAMPLES = Path(__file__).parents[3] / "experiments" / "examples"


@pytest.fixture(scope="module")
def env() -> HouseEnv:
    return HouseEnv(7, camera=Camera(40, 40), light="direct", max_steps=10_000)


def acts(reference: str, env: HouseEnv, seed: int = 0, steps: int = 80) -> list[int]:
    """The actions of a policy that is found, made, reset and followed."""
    policy = make_policy(reference, env, seed)
    observation, info = env.reset()
    policy.reset(seed)
    done = []
    for _ in range(steps):
        action = policy.act(observation, info)
        assert isinstance(action, int)
        done.append(action)
        observation, _, _, _, info = env.step(action)
    return done


@pytest.mark.parametrize(
    "where", [str(EXAMPLES / "turn_when_blocked.py"), "testspace.experiments.examples.turn_when_blocked"]
)
def test_a_class_in_a_file_and_in_a_module(where: str, env: HouseEnv) -> None:
    assert set(acts(f"{where}:TurnWhenBlocked", env)) == {0, 1}


def test_a_module_of_torchrl_follows_the_seed(env: HouseEnv) -> None:
    reference = f"{EXAMPLES / 'torchrl_actor.py'}:actor"
    runs = [acts(reference, env, seed) for seed in (3, 3, 4, 5, 6)]
    assert runs[0] == runs[1]
    assert any(run != runs[0] for run in runs)


def test_an_onnx_file_does_what_its_graph_says(tmp_path: Path, env: HouseEnv) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from testspace.experiments.examples.onnx_follow_depth import NEAR, write

    write(tmp_path / "follow.onnx", 40, 40)
    policy = make_policy(str(tmp_path / "follow.onnx"), env)
    depth = np.full((40, 40), 5.0, np.float32)
    frame = {"depth": depth}
    assert policy.act(frame, {}) == 0
    depth[:, 13:27] = NEAR / 2
    depth[:, 30:] = 6.0
    assert policy.act(frame, {}) == 2
    depth[:, :10] = 9.0
    assert policy.act(frame, {}) == 1


def test_an_onnx_file_that_asks_for_the_unknown_is_refused(tmp_path: Path, env: HouseEnv) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Identity", ["labels"], ["scores"])],
        "spy",
        [helper.make_tensor_value_info("labels", kind, [1, 5])],
        [helper.make_tensor_value_info("scores", kind, [1, 5])],
    )
    file = tmp_path / "spy.onnx"
    opsets = [helper.make_opsetid("", 18)]
    file.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
    with pytest.raises(PolicyError, match=r"unsupported input 'labels'.*depth"):
        make_policy(str(file), env)
    file.write_bytes(b"nonsense")
    with pytest.raises(PolicyError, match="not a valid ONNX model"):
        make_policy(str(file), env)


class Payload:
    """Pickled, it writes a file where it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def sb3_zip(file: Path, env: Any, **policy: Any) -> Any:
    """A PPO with random weights in a zip, and its model."""
    sb3 = pytest.importorskip("stable_baselines3")
    kind = "MultiInputPolicy" if isinstance(env, HouseEnv) else "MlpPolicy"
    model = sb3.PPO(kind, env, n_steps=8, batch_size=8, device="cpu", seed=0, policy_kwargs=policy or None)
    model.save(file)
    return model


def replaced(file: Path, part: str, content: bytes) -> None:
    """Put other bytes in the place of one part of a zip."""
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(file, "w") as new:
        for name, value in {**parts, part: content}.items():
            new.writestr(name, value)


def test_a_zip_of_stable_baselines3_acts_as_its_model(tmp_path: Path, env: HouseEnv) -> None:
    file = tmp_path / "ppo.zip"
    model = sb3_zip(file, EgocentricObservation(env), net_arch=[16])
    policy = SB3Policy(file, env, seed=2)
    view = np.random.default_rng(0).random(SPACE.shape, np.float32)
    tensors = model.policy.obs_to_tensor(view)[0]
    mine = policy.policy.get_distribution(tensors).distribution.logits
    theirs = model.policy.get_distribution(tensors).distribution.logits
    np.testing.assert_allclose(mine.detach(), theirs.detach())
    done = acts(str(file), env, 2)
    assert acts(str(file), env, 2) == done
    assert len(set(done)) > 2


def test_a_zip_trained_on_frames_acts_on_frames(tmp_path: Path, env: HouseEnv) -> None:
    sb3_zip(tmp_path / "frames.zip", env)
    assert len(set(acts(str(tmp_path / "frames.zip"), env, 1))) > 2
    larger = HouseEnv.from_scene(env.scene, camera=Camera(80, 80), light="direct")
    frame, _ = larger.reset(seed=1)
    scaled: Any = make_policy(str(tmp_path / "frames.zip"), larger, seed=1)
    policy: Any = make_policy(str(tmp_path / "frames.zip"), env, seed=1)
    assert scaled.act(frame, {}) == policy.act(resampled(frame, 40, 40), {})
    wide = HouseEnv.from_scene(env.scene, camera=Camera(64, 40), light="direct")
    with pytest.raises(PolicyError, match=r"pictures of 40 x 40 pixels, this camera gives 64 x 40"):
        make_policy(str(tmp_path / "frames.zip"), wide)


def test_a_resampled_frame_is_made_of_ray_hits(env: HouseEnv) -> None:
    frame, _ = env.reset(seed=2)
    half, twice = resampled(frame, 20, 20), resampled(frame, 80, 80)
    for key in ("rgb", "depth", "normals", "edges"):
        np.testing.assert_array_equal(half[key], frame[key][1::2, 1::2])
        np.testing.assert_array_equal(twice[key], frame[key].repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(half["pose"], frame["pose"])


class Recurrent(nn.Module):
    """A policy of channels-first float pixels with a memory."""

    def __init__(self) -> None:
        super().__init__()
        self.see, self.remember, self.choose = nn.Linear(1200, 8), nn.GRU(8, 8), nn.Linear(8, 5)

    def forward(self, rgb: torch.Tensor, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores (1, 5), and the next state (1, 1, 8)."""
        seen, after = self.remember(self.see(rgb.flatten(1) / 255)[None], hidden)
        return self.choose(seen[0]), after


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_a_policy_as_torch_exports_it_acts_as_its_module(
    tmp_path: Path, env: HouseEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(needed)
    torch.manual_seed(0)
    module, file = Recurrent().eval(), tmp_path / "away" / "policy.onnx"
    file.parent.mkdir()
    torch.onnx.export(
        module, (torch.zeros(1, 3, 20, 20), torch.zeros(1, 1, 8)), file, input_names=["rgb", "hidden"],
        output_names=["scores", "next"], dynamo=True, external_data=True, verbose=False,
    )  # fmt: skip
    assert (file.parent / "policy.onnx.data").is_file()
    monkeypatch.chdir(tmp_path)
    policy = make_policy(str(file), env)
    frame, _ = env.reset(seed=0)
    for _ in range(2):
        hidden = torch.zeros(1, 1, 8)
        for _ in range(3):
            pixels = torch.from_numpy(resampled(frame, 20, 20)["rgb"]).float().permute(2, 0, 1)[None]
            scores, hidden = module(pixels, hidden)
            assert policy.act(frame, {}) == int(scores.argmax())
            frame, *_ = env.step(np.int64(1))
        policy.reset()
    (file.parent / "policy.onnx.data").rename(file.parent / "moved")
    with pytest.raises(PolicyError, match=r"policy\.onnx\.data, which is not beside it"):
        make_policy(str(file), env)


@pytest.mark.parametrize(
    ("name", "shape", "refused"),
    [
        ("rgb", ["batch", "height", "width", 3], None),
        ("depth", ["batch", 1, 20, 20], None),
        ("pose", [1, 6], None),
        ("collision", [1], None),
        ("rgb", [4, 20, 20, 3], "a batch of 4; export it with a batch of 1"),
        ("rgb", [1, 20, 30, 3], "pictures of 30 x 20 pixels, this camera gives 40 x 40"),
    ],
)
def test_inputs_of_every_layout_are_given_or_refused(
    name: str, shape: list[Any], refused: str | None, tmp_path: Path, env: HouseEnv
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("ReduceMax", [name], ["largest"], keepdims=0),
         helper.make_node("Less", ["largest", "none"], ["action"])],
        "layout", [helper.make_tensor_value_info(name, kind, shape)],
        [helper.make_tensor_value_info("action", onnx.TensorProto.BOOL, [])],
        [onnx.numpy_helper.from_array(np.array(-1e9, np.float32), "none")],
    )  # fmt: skip
    file = tmp_path / "layout.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    file.write_bytes(model.SerializeToString())
    if refused is not None:
        with pytest.raises(PolicyError, match=refused):
            make_policy(str(file), env)
        return
    assert make_policy(str(file), env).act(env.reset(seed=0)[0], {"collision": True}) == 0


def test_what_is_pickled_in_a_zip_is_never_loaded(tmp_path: Path, env: HouseEnv) -> None:
    torch = pytest.importorskip("torch")
    import base64

    file, trace = tmp_path / "ppo.zip", tmp_path / "was-here"
    sb3_zip(file, EgocentricObservation(env), net_arch=[16])
    evil = {":type:": "<class 'dict'>", ":serialized:": base64.b64encode(pickle.dumps(Payload(trace))).decode()}
    data = json.loads(zipfile.ZipFile(file).read("data"))
    assert {":serialized:"} <= set(data["observation_space"])
    space = {**data["observation_space"], ":serialized:": evil[":serialized:"]}
    replaced(file, "data", json.dumps({**data, "observation_space": space, "policy_class": evil}).encode())
    acts(str(file), env)
    replaced(file, "data", json.dumps({**data, "policy_kwargs": evil}).encode())
    with pytest.raises(PolicyError, match="as a pickle"):
        make_policy(str(file), env)
    replaced(file, "data", json.dumps(data).encode())
    torch.save(Payload(trace), tmp_path / "evil.pth")
    replaced(file, "policy.pth", (tmp_path / "evil.pth").read_bytes())
    with pytest.raises(PolicyError, match="contains more than tensors"):
        make_policy(str(file), env)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Payload(trace)))
    assert trace.exists()  # the payload works


@pytest.mark.parametrize("name", ["actor.pt", "actor.pth", "actor.pkl"])
def test_pickles_are_refused_with_the_safe_way(name: str, env: HouseEnv) -> None:
    with pytest.raises(PolicyError, match=r"weights_only=True.*safetensors.*onnx"):
        make_policy(name, env)


def test_a_package_ships_a_policy_by_its_entry_point(monkeypatch: pytest.MonkeyPatch, env: HouseEnv) -> None:
    where = "testspace.experiments.examples.turn_when_blocked"
    points = EntryPoints(
        [EntryPoint("turn", f"{where}:TurnWhenBlocked", loading.GROUP), EntryPoint("broken", "nosuch:P", loading.GROUP)]
    )
    monkeypatch.setattr(loading, "entry_points", lambda group: points.select(group=group))
    assert set(acts("turn", env)) == {0, 1}
    with pytest.raises(PolicyError, match=r"'broken' of the package nosuch:P: ModuleNotFoundError"):
        make_policy("broken", env)
    with pytest.raises(UnknownPolicyError, match=r"there are: .*random, broken, turn; or"):
        make_policy("fly", env)


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        ("class A:\n    pass\n", "A", r"A has no method act"),
        ("class A:\n    def act(self, o, i): return 0\n", "B", r"no 'B' in it; it defines: A"),
        ("x = 1\nimport nosuchmodule\n", "A", r"ModuleNotFoundError: .*nosuchmodule.*, line 2 of own.py"),
        ("class A:\n    def __init__(self, depth): ...\n", "A", r"unsupported parameter 'depth'.*camera, motion"),
        ("class A:\n    def act(self, o, i): return 7\n", "A", r"action 7 is not one of 0 MOVE_AHEAD"),
        ("class A:\n    def act(self, o, i): return 'left'\n", "A", r"action left is not one of"),
        ("A = 3\n", "A", r"int has no method act"),
    ],
)
def test_a_policy_that_cannot_be_used_ends_in_one_line(
    source: str, name: str, says: str, tmp_path: Path, env: HouseEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own.py").write_text(source)
    with pytest.raises(PolicyError, match=says):
        acts(f"{tmp_path / 'own.py'}:{name}", env, steps=1)


def test_a_constructor_gets_what_it_asks_for(tmp_path: Path, env: HouseEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "asks.py").write_text(
        "import neighbour\n"
        "class P:\n"
        "    def __init__(self, seed, camera, gain=2): self.got = seed, camera.width, gain, neighbour.here\n"
        "    def act(self, observation, info): return 0\n"
    )
    (tmp_path / "neighbour.py").write_text("here = True\n")
    policy: Any = make_policy(f"{tmp_path / 'asks.py'}:P", env, 9)
    assert policy.wrapped.got == (9, 40, 2, True)
    policy.reset(1)  # `reset` is optional
