"""The environment by Gymnasium's own checker, by geometry, and in real houses of every size."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordVideo
from two_rooms import two_rooms

import testspace
from testspace.agent.policies import make_policy
from testspace.core.frame import Camera, check_frame
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.gym_envs.motion import Action, Motion
from testspace.envs.house.house_io import load_houses

SMALL = Camera(16, 16)


@pytest.fixture(scope="module")
def env() -> HouseEnv:
    return HouseEnv(7, camera=SMALL)


def test_gymnasium_finds_nothing_to_complain_of() -> None:
    made = gymnasium.make("testspace/House-v0", house=7, camera=SMALL, render_mode="rgb_array")
    check_env(made.unwrapped)  # warnings are errors
    made.reset()
    picture = made.render()
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (16, 16, 3)
    made.close()


def test_gymnasium_records_a_video(tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    made = gymnasium.make("testspace/House-v0", house=two_rooms(), camera=Camera(64, 48), render_mode="rgb_array")
    recorded = RecordVideo(made, str(tmp_path / "videos"), disable_logger=True)
    recorded.reset(seed=0)
    for _ in range(4):
        recorded.step(np.int64(Action.ROTATE_LEFT))
    recorded.close()
    (file,) = tmp_path.glob("videos/*.mp4")
    assert cv2.VideoCapture(str(file)).get(cv2.CAP_PROP_FRAME_COUNT) >= 4


def test_copies_and_pickles_go_on_as_the_original_does() -> None:
    env = HouseEnv(two_rooms(), camera=SMALL)
    env.reset(seed=3)
    env.step(np.int64(Action.ROTATE_LEFT))
    others = [copy.deepcopy(env), pickle.loads(pickle.dumps(env))]
    for action in (0, 2, 4):
        seen = env.step(np.int64(action))[0]
        for other in others:
            assert all(np.array_equal(seen[key], value) for key, value in other.step(np.int64(action))[0].items())
    seen = env.reset()[0]
    for other in others:
        assert all(np.array_equal(seen[key], value) for key, value in other.reset()[0].items())


def test_vector_environments_step_together() -> None:
    envs = gymnasium.make_vec(
        "testspace/House-v0", num_envs=2, vectorization_mode="sync", house=7, camera=SMALL, max_steps=3
    )
    first, _ = envs.reset(seed=1)
    assert first["rgb"].shape == (2, 16, 16, 3)
    assert not np.array_equal(first["pose"][0], first["pose"][1])
    truncations = [envs.step(np.array([2, 2]))[3].tolist() for _ in range(3)]
    assert truncations == [[False] * 2, [False] * 2, [True] * 2]
    envs.close()


def test_importing_the_package_registers_and_loads_no_learner() -> None:
    code = (
        "import sys, testspace, gymnasium; print('testspace/House-v0' in gymnasium.registry,"
        " [m for m in ('torch', 'numba', 'scipy', 'testspace.envs.gym_envs.house_env') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "True []"


def test_every_name_of_the_table_of_contents_is_there() -> None:
    pytest.importorskip("torch")
    for name in testspace.__all__:
        assert getattr(testspace, name).__name__ == name
    assert set(testspace.__all__) <= set(dir(testspace))
    with pytest.raises(AttributeError, match="no attribute 'Teleporter'"):
        _ = testspace.Teleporter


def test_a_full_circle_ends_exactly_where_it_began(env: HouseEnv) -> None:
    x, z = env.floor.sample(1, np.random.default_rng(0))[0]
    env.reset(options={"pose": (x, 0, z, 17.3, -30, 0)})
    start = env.pose
    for action in [Action.ROTATE_RIGHT] * 12 + [Action.ROTATE_LEFT] * 24:
        env.step(action)
    assert np.array_equal(env.pose, start)
    env.step(Action.ROTATE_RIGHT)
    assert env.pose[3] == pytest.approx(47.3)


def test_moves_go_ahead_by_a_step_or_leave_the_pose_alone(env: HouseEnv) -> None:
    rng = np.random.default_rng(1)
    observation, info = env.reset(seed=1)
    moves = collisions = 0
    for _ in range(300):
        before, action = env.pose, int(rng.choice([0, 0, 1, 2]))
        observation, reward, terminated, _, info = env.step(action)
        assert (reward, terminated) == (0.0, False)
        assert np.array_equal(observation["pose"], env.pose.astype(np.float32))
        yaw = np.radians(before[3])
        ahead = before + np.array([0.25 * np.sin(yaw), 0, -0.25 * np.cos(yaw), 0, 0, 0])
        free = env.floor.segment_free((before[0], before[2]), (ahead[0], ahead[2]))
        if action == Action.MOVE_AHEAD:
            assert info["collision"] is not free
            assert np.allclose(env.pose, ahead if free else before, atol=1e-12)
            moves, collisions = moves + free, collisions + (not free)
        else:
            assert info["collision"] is False
        assert env.floor.contains(env.pose[0], env.pose[2])
    assert info["step"] == 300
    assert moves > 20
    assert collisions > 5


def test_moving_ahead_shortens_the_depth_ahead(env: HouseEnv) -> None:
    """The middle of the image shows the same point of a wall, a step nearer."""
    odd = HouseEnv(env.house, camera=Camera(15, 15))
    steps = 0
    for seed in range(20):
        before, _ = odd.reset(seed=seed)
        after, _, _, _, info = odd.step(Action.MOVE_AHEAD)
        if not info["collision"]:
            assert before["depth"][7, 7] - after["depth"][7, 7] == pytest.approx(0.25, abs=1e-3)
            steps += 1
    assert steps > 5


def test_the_same_world_by_scene_by_simulator_or_shared(env: HouseEnv) -> None:
    expected = env.reset(seed=3)[0]
    by_scene, by_simulator = HouseEnv.from_scene(env.scene, SMALL), HouseEnv.from_simulator(env.simulator)
    shared = HouseEnv(env.loaded, camera=Camera(8, 8))
    for other in (by_scene, by_simulator, shared):
        for key, array in other.reset(seed=3)[0].items():
            np.testing.assert_array_equal(array, expected[key])
    assert by_scene.house is None
    assert by_simulator.house is None
    assert shared.house is env.house
    with pytest.raises(ValueError, match="has no house file and cannot be changed"):
        by_scene.change(env.house)


def test_looking_is_clamped(env: HouseEnv) -> None:
    env.reset(seed=0)
    pitches = [env.step(action)[0]["pose"][4] for action in [Action.LOOK_UP] * 2 + [Action.LOOK_DOWN] * 4]
    assert pitches == [30, 30, 0, -30, -60, -60]


def test_where_an_episode_starts(env: HouseEnv) -> None:
    fresh = HouseEnv(env.house, camera=SMALL)
    start = fresh.scene.start
    assert start is not None
    assert fresh.floor.contains(start[0], start[1])
    for _ in range(2):
        assert fresh.reset()[0]["pose"][[0, 2, 3]] == pytest.approx(start, abs=1e-5)
    drawn = [fresh.reset(seed=5)[0]["pose"], fresh.reset()[0]["pose"], fresh.reset(seed=5)[0]["pose"]]
    assert np.array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[1])
    x, z = fresh.floor.sample(1, np.random.default_rng(2))[0]
    assert fresh.reset(options={"position": (x, z)})[0]["pose"][[0, 2]] == pytest.approx([x, z], abs=1e-5)
    pose = fresh.reset(options={"pose": (x, 9, z, 370, -80, 5)})[0]["pose"]
    assert pose == pytest.approx([x, 1.5, z, 10, -60, 0], abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"place": 1}, "no option 'place'; there are: pose, position"),
        ({"position": (1e3, 0)}, "cannot stand at x=1000, z=0"),
        ({"position": (np.nan, 0)}, "position must be 2 finite numbers"),
        ({"pose": (0, 0)}, "pose must be 6 finite numbers"),
    ],
)
def test_bad_starts_say_what_is_wrong(env: HouseEnv, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        env.reset(options=options)


def test_bad_arguments_say_what_is_wrong(env: HouseEnv) -> None:
    with pytest.raises(ValueError, match="max_steps must be 1 or more"):
        HouseEnv(env.house, max_steps=0)
    with pytest.raises(TypeError, match=r"got Scene; for a Scene use HouseEnv\.from_scene"):
        HouseEnv(env.scene)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="render_mode must be"):
        HouseEnv(env.house, render_mode="human")
    with pytest.raises(ValueError, match="step must be a finite number above 0"):
        Motion(step=0.0)
    with pytest.raises(ValueError, match="action must be 0 to 4"):
        env.step(5)


def test_real_houses_of_every_size_can_be_walked(shared_data: Path) -> None:
    """50 steps in one house of each number of rooms: frames keep the contract, and the explorer moves.

    `test_raycast` holds all 48 to a floor that reaches every room, and to sound frames.
    """
    by_rooms = {len(house.rooms): house for house in reversed(load_houses(shared_data / "procthor-houses.jsonl.gz"))}
    assert sorted(by_rooms) == [1, 2, 3, 4, 5, 6, 7, 8, 10]
    for rooms, house in by_rooms.items():
        env = HouseEnv(house, camera=SMALL, light="direct")
        policy = make_policy("frontier", env, rooms)
        observation, info = env.reset()
        places = set()
        for _ in range(50):
            check_frame(observation, SMALL)
            places.add(tuple(observation["pose"][[0, 2]].tolist()))
            observation, _, _, _, info = env.step(policy.act(observation, info))
        assert (observation["depth"] > 0).mean() > 0.5, house.source
        assert len(places) > 1, f"{house.source}: never moved"
