"""A ROS 2 node that labels what a robot's camera sees, with its depth where there is any.

    source .../setup.bash     # of a ROS 2 distribution: brings rclpy and the messages, which are no dependency
    python -m testspace.experiments.examples.ros2_segmenter --rgb /camera/color/image_raw \\
        --depth /camera/aligned_depth_to_color/image_raw --vertical-fov 42 --camera-height 0.4

It publishes class ids as sensor_msgs/Image, mono8, of the colour image's size and time stamp. A slow computer skips
images: always the newest one is taken. Depth must be aligned to colour; without depth of the same instant, colour alone
is used.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

from ...learners.generalist.perception import Perception, Viewpoint
from .ros2_learner import colour_of, depth_of, seconds


@dataclass(frozen=True)
class Robot:
    """Which topics to hear, where the camera is, and where to publish."""

    rgb: str = "/camera/color/image_raw"
    """Topic of sensor_msgs/Image, colour."""
    depth: str = "/camera/aligned_depth_to_color/image_raw"
    """Topic of sensor_msgs/Image, depth aligned to colour."""
    labels: str = "/perception/labels"
    """Topic that is published: sensor_msgs/Image, mono8, class ids."""
    weights: Path | None = None
    """File of weights; None for those that come with testspace."""
    vertical_fov: float = 42.0
    """Of the colour camera, in degrees."""
    camera_height: float = 0.4
    """Of the camera above the floor, in metres."""
    pitch: float = 0.0
    """Of the camera, in degrees; negative looks down."""


class Segmenter:
    """Labels of the newest colour image, with the depth image of the same instant if it has come."""

    def __init__(self, robot: Robot) -> None:
        self.perception = Perception.load(robot.weights) if robot.weights else Perception.shipped()
        self._view = Viewpoint(robot.vertical_fov, robot.camera_height, robot.pitch)
        self._depths: deque[Any] = deque(maxlen=8)
        self._newest: Any = None

    def depth(self, message: Any) -> None:
        """Remember a depth image for the colour image of its instant."""
        self._depths.append(message)

    def rgb(self, message: Any) -> None:
        """Remember the newest colour image."""
        self._newest = message

    def step(self) -> tuple[Any, NDArray[np.int16]] | None:
        """The newest colour image and its labels (H, W); None if there is no new one. ValueError for images in another
        encoding, and for depth of another size."""
        message, self._newest = self._newest, None
        if message is None:
            return None
        same = [depth for depth in self._depths if abs(seconds(depth) - seconds(message)) <= 0.02]
        depth = depth_of(same[-1]) if same else None
        return message, self.perception(colour_of(message), depth, self._view)


def fill(image: Any, source: Any, labels: NDArray[np.int16]) -> Any:
    """The sensor_msgs/Image `image`, made one of the labels of `source`."""
    image.header, image.encoding, image.is_bigendian = source.header, "mono8", 0
    image.height, image.width = labels.shape
    image.step, image.data = image.width, labels.astype(np.uint8).tobytes()
    return image


def main(robot: Robot) -> None:
    """Listen and publish until Ctrl-C."""
    try:
        import rclpy
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import Image
    except ImportError:
        raise SystemExit("rclpy is missing: source the setup file of a ROS 2 distribution first") from None

    segmenter = Segmenter(robot)
    rclpy.init()
    node = rclpy.create_node("testspace_segmenter")
    publisher = node.create_publisher(Image, robot.labels, qos_profile_sensor_data)

    def step() -> None:
        labelled = segmenter.step()
        if labelled is not None:
            publisher.publish(fill(Image(), *labelled))

    node.create_subscription(Image, robot.depth, segmenter.depth, qos_profile_sensor_data)
    node.create_subscription(Image, robot.rgb, segmenter.rgb, qos_profile_sensor_data)
    node.create_timer(0.01, step)
    names = ", ".join(f"{number} {name}" for number, name in enumerate(segmenter.perception.classes))
    node.get_logger().info(f"labels on {robot.labels}: {names}")
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main(tyro.cli(Robot))
