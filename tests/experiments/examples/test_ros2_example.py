"""The ROS 2 example over a stand-in for the few calls of rclpy it makes: messages in, Frames and an encoder out."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from testspace.core.frame import Camera, check_frame
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.experiments.examples.ros2_learner import Frames, Robot, colour_of, depth_of, main
from testspace.learners.data.replay_buffer import ReplayBuffer
from testspace.learners.masked.encoder import Encoder


def image(array: np.ndarray, encoding: str, time: float = 0.0, pad: int = 0) -> Any:
    """A sensor_msgs/Image; `pad` bytes end each row."""
    rows = np.pad(np.ascontiguousarray(array).view(np.uint8).reshape(len(array), -1), ((0, 0), (0, pad)))
    stamp = SimpleNamespace(sec=int(time), nanosec=round(time % 1 * 1e9))
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp), height=array.shape[0], width=array.shape[1], encoding=encoding,
        is_bigendian=0, step=rows.shape[1], data=rows.tobytes(),
    )  # fmt: skip


def odometry(x: float, y: float, yaw: float) -> Any:
    """A nav_msgs/Odometry: metres ahead and to the left, radians to the left."""
    turn = SimpleNamespace(x=0.0, y=0.0, z=np.sin(yaw / 2), w=np.cos(yaw / 2))
    pose = SimpleNamespace(position=SimpleNamespace(x=x, y=y, z=0.0), orientation=turn)
    return SimpleNamespace(pose=SimpleNamespace(pose=pose))


def test_images_are_read_in_every_encoding() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    alpha = np.full((6, 5, 1), 7, np.uint8)
    np.testing.assert_array_equal(colour_of(image(rgb, "rgb8", pad=3)), rgb)
    np.testing.assert_array_equal(colour_of(image(rgb[..., ::-1], "bgr8")), rgb)
    np.testing.assert_array_equal(colour_of(image(np.concatenate([rgb, alpha], -1), "rgba8")), rgb)
    np.testing.assert_array_equal(colour_of(image(np.concatenate([rgb[..., ::-1], alpha], -1), "bgra8")), rgb)
    with pytest.raises(ValueError, match="encoding 'mono8'; can read rgb8"):
        colour_of(image(rgb, "mono8"))
    metres = np.array([[0.0, 1.5], [np.nan, 2.25]], np.float32)
    expected = np.array([[0.0, 1.5], [0.0, 2.25]], np.float32)
    np.testing.assert_array_equal(depth_of(image(metres, "32FC1", pad=4)), expected)
    np.testing.assert_allclose(depth_of(image((expected * 1000).astype(np.uint16), "16UC1")), expected)
    with pytest.raises(ValueError, match="encoding '8UC1'"):
        depth_of(image(metres, "8UC1"))


def test_a_frame_needs_depth_of_its_instant_and_time_between() -> None:
    frames = Frames(Robot(Path("unused"), size=8, apart=0.2))
    rgb, depth = np.zeros((8, 12, 3), np.uint8), np.full((8, 12), 2.0, np.float32)
    assert frames.rgb(image(rgb, "rgb8", 1.0)) is None
    frames.depth(image(depth, "32FC1", 1.01))
    frames.odometry(odometry(1.0, 2.0, np.pi / 2))
    frame = frames.rgb(image(rgb, "rgb8", 1.0))
    assert frame is not None
    check_frame(frame, Camera(8, 8))
    np.testing.assert_allclose(frame["pose"], [-2.0, 0.4, -1.0, 270.0, 0, 0], atol=1e-4)
    np.testing.assert_allclose(frame["normals"][4, 4], [0, 0, 1], atol=1e-5)
    frames.depth(image(depth, "32FC1", 1.1))
    assert frames.rgb(image(rgb, "rgb8", 1.1)) is None  # too soon
    assert frames.rgb(image(rgb, "rgb8", 1.5)) is None  # its depth has not come
    frames.depth(image(depth[:4], "32FC1", 2.0))
    with pytest.raises(ValueError, match="aligned to colour"):
        frames.rgb(image(rgb, "rgb8", 2.0))


class Node:
    """What rclpy.create_node gives, as far as the example uses it."""

    def __init__(self) -> None:
        self.heard: dict[str, Any] = {}
        self.timers: list[tuple[float, Any]] = []
        self.lines: list[str] = []
        self.destroyed = False

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> None:
        self.heard[topic] = callback

    def create_timer(self, seconds: float, callback: Any) -> None:
        self.timers.append((seconds, callback))

    def get_logger(self) -> Any:
        return SimpleNamespace(info=self.lines.append)

    def destroy_node(self) -> None:
        self.destroyed = True


def test_the_node_hears_learns_and_leaves_an_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node, robot = Node(), Robot(tmp_path, batch=4, vertical_fov=90.0)
    env = HouseEnv(7, camera=Camera(80, 64), light="direct")

    def drive(_: Node) -> None:
        frame, _ = env.reset(seed=0)
        for step in range(6):
            node.heard["/odom"](odometry(-frame["pose"][2], -frame["pose"][0], -np.radians(frame["pose"][3])))
            depth = (frame["depth"] * 1000).astype(np.uint16)
            node.heard[robot.depth](image(depth, "16UC1", 0.3 * step))
            node.heard[robot.rgb](image(frame["rgb"], "rgb8", 0.3 * step))
            for seconds, callback in node.timers:
                if seconds < 1:
                    callback()
            frame = env.step(1)[0]
        raise KeyboardInterrupt

    def module(name: str, **content: Any) -> None:
        made = ModuleType(name)
        vars(made).update(content)
        monkeypatch.setitem(sys.modules, name, made)

    down: list[bool] = []
    module(
        "rclpy", init=lambda: None, create_node=lambda name: node, spin=drive, try_shutdown=lambda: down.append(True)
    )
    module("rclpy.qos", qos_profile_sensor_data=object())
    module("sensor_msgs", msg=None)
    module("sensor_msgs.msg", Image=object)
    module("nav_msgs", msg=None)
    module("nav_msgs.msg", Odometry=object)
    main(robot)
    assert node.destroyed
    assert down == [True]
    assert node.lines[0].startswith("6 frames, loss ")
    assert "nan" not in node.lines[0]
    stored = ReplayBuffer.reader(tmp_path / "buffer")
    assert len(stored) == 6
    yaws = sorted(stored.all(("pose",))["pose"][:, 3].tolist())
    turned = np.diff(yaws)
    assert (np.isclose(turned, 30, atol=0.01) | (turned > 200)).all()
    encoder = Encoder.from_pretrained(tmp_path / "encoder")
    assert encoder(stored.sample(2)["rgb"]).shape[0] == 2
    assert "a robot's own" in (tmp_path / "encoder" / "README.md").read_text()


def test_without_ros_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rclpy", None)
    with pytest.raises(SystemExit, match="source the setup file of a ROS 2 distribution"):
        main(Robot(tmp_path))
