"""A ROS 2 node that learns from a robot's depth camera as it drives, and leaves an encoder.

    source .../setup.bash     # of a ROS 2 distribution: brings rclpy and the messages, which are no dependency
    python -m testspace.experiments.examples.ros2_learner runs/robot --rgb /camera/color/image_raw \\
        --depth /camera/aligned_depth_to_color/image_raw --vertical-fov 42

Depth must be aligned to colour. Frames go into a replay buffer on disk; between them the learner trains. Ctrl-C stores
the encoder; the same command goes on with the buffer. Where no odometry comes, the pose is 0.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from ...core.edges import canny
from ...core.frame import Camera, Frame
from ...core.normals import normals_from_depth
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.objectives.tst import TSTLearner
from ...learners.objectives.tst_config import TSTConfig

COLOURS = {"rgb8": cv2.COLOR_RGB2RGBA, "bgr8": cv2.COLOR_BGR2RGBA, "rgba8": None, "bgra8": cv2.COLOR_BGRA2RGBA}
"""Encodings of colour images that are read, and how OpenCV makes RGBA of them."""
DEPTHS = {"16UC1": (np.uint16, 0.001), "32FC1": (np.float32, 1.0)}
"""Encodings of depth images (REP 118), and metres of one unit."""


@dataclass(frozen=True)
class Robot:
    """Which topics to hear, and how to learn from them."""

    out: tyro.conf.Positional[Path]
    """Folder for the frames and the encoder."""
    rgb: str = "/camera/color/image_raw"
    """Topic of sensor_msgs/Image, colour."""
    depth: str = "/camera/aligned_depth_to_color/image_raw"
    """Topic of sensor_msgs/Image, depth aligned to colour."""
    odometry: str = "/odom"
    """Topic of nav_msgs/Odometry."""
    vertical_fov: float = 42.0
    """Of the colour camera, in degrees."""
    camera_height: float = 0.4
    """Of the camera above the floor, in metres."""
    size: int = 64
    """Pixels of a side of the frames: the middle square of each image, scaled."""
    capacity: int = 20_000
    """Frames that are remembered."""
    apart: float = 0.2
    """Least time between two frames, in seconds: neighbours are alike."""
    batch: int = 32
    """Frames of a step of training; as many must be there before the first."""


class Frames:
    """Makes Frames of the newest colour image, the depth image of the same instant, and the newest odometry."""

    def __init__(self, robot: Robot) -> None:
        self.robot = robot
        self._depths: deque[Any] = deque(maxlen=8)
        self._pose = np.array([0, robot.camera_height, 0, 0, 0, 0], np.float32)
        self._last = -np.inf

    def depth(self, message: Any) -> None:
        """Remember a depth image for the colour image of its instant."""
        self._depths.append(message)

    def odometry(self, message: Any) -> None:
        """Take the pose: ROS's x ahead, y left, z up (REP 103) is the contract's -z, -x, y."""
        place, turn = message.pose.pose.position, message.pose.pose.orientation
        yaw = np.arctan2(2 * (turn.w * turn.z + turn.x * turn.y), 1 - 2 * (turn.y**2 + turn.z**2))
        self._pose = np.array(
            [-place.y, place.z + self.robot.camera_height, -place.x, -np.degrees(yaw) % 360, 0, 0], np.float32
        )

    def rgb(self, message: Any) -> Frame | None:
        """The Frame of a colour image; None where it comes too soon, or no depth within 20 ms of it has come."""
        when = seconds(message)
        depths = [depth for depth in self._depths if abs(seconds(depth) - when) <= 0.02]
        if when - self._last < self.robot.apart or not depths:
            return None
        self._last = when
        image, depth = colour_of(message), depth_of(depths[-1])
        if image.shape[:2] != depth.shape:
            raise ValueError(f"depth is {depth.shape} and colour {image.shape[:2]}: use the depth aligned to colour")
        camera = Camera(depth.shape[1], depth.shape[0], self.robot.vertical_fov)
        rgb = self._square(image, cv2.INTER_AREA)
        return {
            "rgb": rgb,
            "depth": self._square(depth, cv2.INTER_NEAREST),  # no mean of two surfaces
            "normals": self._square(normals_from_depth(depth[None], camera)[0], cv2.INTER_NEAREST),
            "edges": canny(rgb),
            "pose": self._pose.copy(),
        }

    def _square(self, image: NDArray[Any], how: int) -> NDArray[Any]:
        height, width = image.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        cut = np.ascontiguousarray(image[top : top + side, left : left + side])
        return np.asarray(cv2.resize(cut, (self.robot.size, self.robot.size), interpolation=how), image.dtype)


def seconds(message: Any) -> float:
    """The time stamp of a message."""
    return float(message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec)


def colour_of(message: Any) -> NDArray[np.uint8]:
    """rgb uint8 (H, W, 3) of a sensor_msgs/Image; ValueError for an encoding that is none of COLOURS."""
    if message.encoding not in COLOURS:
        raise ValueError(f"colour image of encoding {message.encoding!r}; can read {', '.join(COLOURS)}")
    channels = 4 if "a" in message.encoding else 3
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    image = np.ascontiguousarray(rows[:, : message.width * channels]).reshape(message.height, message.width, channels)
    code = COLOURS[message.encoding]
    return np.asarray(image if code is None else cv2.cvtColor(image, code), np.uint8)[..., :3]


def depth_of(message: Any) -> NDArray[np.float32]:
    """Depth float32 (H, W) in metres, 0 = no return, of a sensor_msgs/Image; ValueError for another encoding."""
    if message.encoding not in DEPTHS:
        raise ValueError(f"depth image of encoding {message.encoding!r}; can read {', '.join(DEPTHS)}")
    kind, metres = DEPTHS[message.encoding]
    dtype = np.dtype(kind).newbyteorder(">" if message.is_bigendian else "<")
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    values = np.ascontiguousarray(rows[:, : message.width * dtype.itemsize]).view(dtype) * metres
    return np.where(np.isfinite(values) & (values > 0), values, 0.0).astype(np.float32)


class Learning:
    """The buffer and the learner that its frames go to."""

    def __init__(self, robot: Robot) -> None:
        self.robot, size = robot, robot.size
        self.buffer = ReplayBuffer(robot.out / "buffer", robot.capacity, size, size, resume=True)
        self.learner = TSTLearner(TSTConfig(image_size=size, batch_size=robot.batch))
        self.loss = float("nan")

    def add(self, frame: Frame) -> None:
        """Remember a Frame."""
        self.buffer.extend({key: value[None] for key, value in frame.items()})

    def learn(self) -> None:
        """One step, once there are frames enough."""
        if len(self.buffer) >= self.robot.batch:
            self.loss = self.learner.step(self.buffer.sample(self.robot.batch))["loss"]

    def store(self) -> None:
        """Make frames and encoder survive."""
        self.buffer.flush()
        card = {"house": "a robot's own", "frames": self.buffer.total_seen, "numbers": {"loss": self.loss}}
        self.learner.encoder.save_pretrained(self.robot.out / "encoder", model_card_kwargs=card)


def main(robot: Robot) -> None:
    """Listen and learn until Ctrl-C."""
    try:
        import rclpy
        from nav_msgs.msg import Odometry
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import Image
    except ImportError:
        raise SystemExit("rclpy is missing: source the setup file of a ROS 2 distribution first") from None

    frames, learning = Frames(robot), Learning(robot)
    rclpy.init()
    node = rclpy.create_node("testspace_learner")

    def seen(message: Any) -> None:
        frame = frames.rgb(message)
        if frame is not None:
            learning.add(frame)

    def report() -> None:
        learning.store()
        node.get_logger().info(f"{learning.buffer.total_seen} frames, loss {learning.loss:.3f}")

    node.create_subscription(Image, robot.depth, frames.depth, qos_profile_sensor_data)
    node.create_subscription(Image, robot.rgb, seen, qos_profile_sensor_data)
    node.create_subscription(Odometry, robot.odometry, frames.odometry, qos_profile_sensor_data)
    node.create_timer(0.05, learning.learn)
    node.create_timer(60.0, report)
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        report()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main(tyro.cli(Robot))
