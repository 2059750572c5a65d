"""The ROS 2 segmenter over a stand-in for the few calls of rclpy it makes: images in, labels out."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from testspace.core.frame import Camera
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.experiments.examples.ros2_segmenter import Robot, main
from testspace.learners.generalist.perception import Perception, Viewpoint


def image(array: np.ndarray, encoding: str, time: float) -> Any:
    rows = np.ascontiguousarray(array).view(np.uint8).reshape(len(array), -1)
    stamp = SimpleNamespace(sec=int(time), nanosec=round(time % 1 * 1e9))
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp), height=array.shape[0], width=array.shape[1], encoding=encoding,
        is_bigendian=0, step=rows.shape[1], data=rows.tobytes(),
    )  # fmt: skip


class Node:
    """What rclpy.create_node gives, as far as the example uses it."""

    def __init__(self) -> None:
        self.heard: dict[str, Any] = {}
        self.published: list[Any] = []
        self.lines: list[str] = []
        self.step: Any = None
        self.destroyed = False

    def create_publisher(self, kind: Any, topic: str, qos: Any) -> Any:
        assert topic == "/perception/labels"
        return SimpleNamespace(publish=self.published.append)

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> None:
        self.heard[topic] = callback

    def create_timer(self, seconds: float, callback: Any) -> None:
        self.step = callback

    def get_logger(self) -> Any:
        return SimpleNamespace(info=self.lines.append)

    def destroy_node(self) -> None:
        self.destroyed = True


def ids(message: Any) -> np.ndarray:
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)


def test_the_node_publishes_what_perception_says(monkeypatch: pytest.MonkeyPatch) -> None:
    node, robot = Node(), Robot(vertical_fov=90.0, camera_height=1.5)
    frame, _ = HouseEnv(7, camera=Camera(96, 64), light="direct").reset(seed=0)

    def drive(_: Node) -> None:
        node.step()  # nothing has come
        node.heard[robot.rgb](image(frame["rgb"], "rgb8", 1.0))
        node.step()
        node.heard[robot.depth](image(frame["depth"], "32FC1", 2.01))
        node.heard[robot.rgb](image(frame["rgb"][::-1], "rgb8", 1.9))  # is never looked at: a newer one comes
        node.heard[robot.rgb](image(frame["rgb"], "rgb8", 2.0))
        node.step()
        node.step()
        raise KeyboardInterrupt

    def module(name: str, **content: Any) -> None:
        made = ModuleType(name)
        vars(made).update(content)
        monkeypatch.setitem(sys.modules, name, made)

    module("rclpy", init=lambda: None, create_node=lambda name: node, spin=drive, try_shutdown=lambda: None)
    module("rclpy.qos", qos_profile_sensor_data=object())
    module("sensor_msgs", msg=None)
    module("sensor_msgs.msg", Image=SimpleNamespace)
    main(robot)
    assert node.destroyed
    assert "0 void, " in node.lines[0]
    perception = Perception.shipped()
    assert [(message.encoding, message.header.stamp.sec) for message in node.published] == [("mono8", 1), ("mono8", 2)]
    colour, both = (ids(message) for message in node.published)
    np.testing.assert_array_equal(colour, perception(frame["rgb"]))
    np.testing.assert_array_equal(both, perception(frame["rgb"], frame["depth"], Viewpoint(90.0, 1.5, 0.0)))
    assert not np.array_equal(colour, both)


def test_without_ros_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rclpy", None)
    with pytest.raises(SystemExit, match="source the setup file of a ROS 2 distribution"):
        main(Robot())
