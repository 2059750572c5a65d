"""A known room seen from known poses, written in the byte layouts of the data sets that recordings are read from.

The writers follow the data sets' own documentation and share no code with the readers.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scenes import box_room
from scipy.spatial.transform import Rotation

from testspace.core.frame import Camera, Frame, Labels
from testspace.envs.render.raycast import RayCastSimulator

CAMERA = Camera(48, 36, 60.0)
SMALL = Camera(24, 18, 60.0)
"""The depth sensor of a phone: the same view, fewer pixels."""
COUNT = 8
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""From our world (y up) to a z-up one: (x, y, z) becomes (x, -z, y)."""
FLIP = np.diag([1.0, -1.0, -1.0])


@dataclass
class Truth:
    """What was rendered."""

    poses: NDArray[np.float64]
    frame: Frame
    small: Frame
    labels: Labels

    def matrices(self, z_up: bool, opencv: bool) -> NDArray[np.float64]:
        """Camera to world, from Euler angles by scipy: an independent way to the same rotations."""
        yaw, pitch, roll = self.poses[:, 3:].T
        turned = Rotation.from_euler("YXZ", np.stack([-yaw, pitch, roll], 1), degrees=True).as_matrix()
        out = np.tile(np.eye(4), (len(self.poses), 1, 1))
        world = Z_UP if z_up else np.eye(3)
        out[:, :3, :3] = world @ turned @ (FLIP if opencv else np.eye(3))
        out[:, :3, 3] = self.poses[:, :3] @ world.T
        return out


def truth() -> Truth:
    """The room of `scenes.box_room` from COUNT poses on a walk round it, held a little askew."""
    angle = np.linspace(0, 2 * np.pi, COUNT, endpoint=False)
    rng = np.random.default_rng(0)
    poses = np.stack(
        [0.8 * np.sin(angle), np.full(COUNT, 1.4), 1.2 * np.cos(angle), np.degrees(angle) % 360,
         rng.uniform(-40, -10, COUNT), rng.uniform(-8, 8, COUNT)], axis=1,
    )  # fmt: skip
    scene = box_room()
    frame, labels = RayCastSimulator(scene, CAMERA, light="direct").render_with_labels(poses)
    small = RayCastSimulator(scene, SMALL, light="direct").render(poses)
    return Truth(poses, frame, small, labels)


def numbers(camera: Camera) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy, counted from the middle of the first pixel."""
    return camera.focal, camera.focal, camera.width / 2 - 0.5, camera.height / 2 - 0.5


def k(camera: Camera, size: int = 3) -> NDArray[np.float64]:
    """The matrix of intrinsics."""
    fx, fy, cx, cy = numbers(camera)
    out = np.eye(size)
    out[0, 0], out[1, 1], out[0, 2], out[1, 2] = fx, fy, cx, cy
    return out


def png(file: Path, image: NDArray[np.generic]) -> None:
    """Write a picture (rgb, or one channel)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), image[..., ::-1] if image.ndim == 3 else image)


def units(depth: NDArray[np.float32], scale: float) -> NDArray[np.uint16]:
    """Depth as 16-bit units."""
    return np.round(depth * scale).astype(np.uint16)


def lines(file: Path, rows: list[list[float]], header: str = "", between: str = " ") -> None:
    """Write numbers as text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(header + "".join(between.join(f"{value:.9f}" for value in row) + "\n" for row in rows))


def quaternions(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """x, y, z, w."""
    return Rotation.from_matrix(matrices[:, :3, :3]).as_quat()


def write_tum(folder: Path, seen: Truth) -> Path:
    """TUM RGB-D."""
    poses = seen.matrices(z_up=True, opencv=True)
    rgb, depth, rows = [], [], []
    for n in range(COUNT):
        time = 1305031102.0 + n / 30
        png(folder / f"rgb/{time:.6f}.png", seen.frame["rgb"][n])
        png(folder / f"depth/{time + 0.004:.6f}.png", units(seen.frame["depth"][n], 5000))
        rgb.append(f"{time:.6f} rgb/{time:.6f}.png\n")
        depth.append(f"{time + 0.004:.6f} depth/{time + 0.004:.6f}.png\n")
        rows.append([time - 0.003, *poses[n, :3, 3], *quaternions(poses)[n]])
    lines(folder / "calibration.txt", [list(numbers(CAMERA))])
    (folder / "rgb.txt").write_text("# color images\n# timestamp filename\n" + "".join(rgb))
    (folder / "depth.txt").write_text("# depth maps\n" + "".join(depth))
    lines(folder / "groundtruth.txt", rows, "# timestamp tx ty tz qx qy qz qw\n")
    return folder


def write_scannet(folder: Path, seen: Truth) -> Path:
    """ScanNet's exported frames, with labels."""
    poses = seen.matrices(z_up=True, opencv=True)
    raw = {1: 1, 2: 3, 3: 41}  # our Wall, Floor, Ceiling by ScanNet's raw ids
    for n in range(COUNT):
        png(folder / f"color/{n}.jpg", seen.frame["rgb"][n])
        png(folder / f"depth/{n}.png", units(seen.small["depth"][n], 1000))
        lines(folder / f"pose/{n}.txt", poses[n].tolist())
        labels = np.vectorize(lambda c: raw.get(c, 0))(seen.labels.semantic[n]).astype(np.uint16)
        png(folder / f"label-filt/{n}.png", labels)
    lines(folder / "intrinsic/intrinsic_color.txt", k(CAMERA, 4).tolist())
    lines(folder / "intrinsic/intrinsic_depth.txt", k(SMALL, 4).tolist())
    table = "id\traw_category\tcategory\tcount\tnyu40id\tnyu40class\n1\twall\twall\t1\t1\twall\n"
    (folder / "scannetv2-labels.combined.tsv").write_text(
        table + "3\tfloor\tfloor\t1\t2\tfloor\n41\tceiling\tceiling\t1\t22\tceiling\n"
    )
    return folder


def write_scannet_25k(folder: Path, seen: Truth) -> Path:
    """A scene of scannet_frames_25k: every 100th frame, labels by NYU40's ids in 8 bits."""
    poses = seen.matrices(z_up=True, opencv=True)
    nyu40 = {1: 1, 2: 2, 3: 22}  # our Wall, Floor, Ceiling
    for n in range(COUNT):
        name = f"{n * 100:06d}"
        png(folder / f"color/{name}.jpg", seen.frame["rgb"][n])
        png(folder / f"depth/{name}.png", units(seen.small["depth"][n], 1000))
        lines(folder / f"pose/{name}.txt", poses[n].tolist())
        labels = np.vectorize(lambda c: nyu40.get(c, 40))(seen.labels.semantic[n]).astype(np.uint8)
        png(folder / f"label/{name}.png", labels)
        png(folder / f"instance/{name}.png", labels)
    lines(folder / "intrinsics_color.txt", k(CAMERA, 4).tolist())
    lines(folder / "intrinsics_depth.txt", k(SMALL, 4).tolist())
    return folder


def write_sens(file: Path, seen: Truth) -> Path:
    """ScanNet's .sens, version 4: JPEG colours, depth compressed by zlib."""
    poses = seen.matrices(z_up=True, opencv=True)
    name = b"StructureSensor"
    out = struct.pack("<IQ", 4, len(name)) + name
    for values in (k(CAMERA, 4), np.eye(4), k(SMALL, 4), np.eye(4)):
        out += values.astype("<f4").tobytes()
    out += struct.pack("<iiIIIIfQ", 2, 1, CAMERA.width, CAMERA.height, SMALL.width, SMALL.height, 1000.0, COUNT)
    for n in range(COUNT):
        picture = cv2.imencode(".jpg", seen.frame["rgb"][n][..., ::-1])[1].tobytes()
        depth = zlib.compress(units(seen.small["depth"][n], 1000).tobytes())
        out += poses[n].astype("<f4").tobytes() + struct.pack("<QQQQ", n * 33333, n * 33333, len(picture), len(depth))
        out += picture + depth
    file.write_bytes(out + struct.pack("<Q", 0))
    return file


def write_scannetpp(folder: Path, seen: Truth) -> Path:
    """ScanNet++'s iPhone part."""
    poses = seen.matrices(z_up=True, opencv=True)
    told = {}
    for n in range(COUNT):
        png(folder / f"iphone/rgb/frame_{n:06d}.jpg", seen.frame["rgb"][n])
        png(folder / f"iphone/depth/frame_{n:06d}.png", units(seen.small["depth"][n], 1000))
        told[f"frame_{n:06d}"] = {
            "timestamp": 100.0 + n / 60, "pose": np.eye(4).tolist(), "aligned_pose": poses[n].tolist(),
            "intrinsic": k(CAMERA).tolist(), "imu": {},
        }  # fmt: skip
    (folder / "iphone/pose_intrinsic_imu.json").write_text(json.dumps(told))
    return folder


def write_arkitscenes(folder: Path, seen: Truth) -> Path:
    """ARKitScenes: world to camera as rotation vectors, times in the names."""
    poses = np.linalg.inv(seen.matrices(z_up=True, opencv=True))
    rows = []
    for n in range(COUNT):
        time = 78980.003 + n / 10
        name = f"42444946_{time:.3f}"
        png(folder / f"lowres_wide/{name}.png", seen.frame["rgb"][n])
        png(folder / f"lowres_depth/{name}.png", units(seen.frame["depth"][n], 1000))
        png(folder / f"confidence/{name}.png", np.full(seen.frame["depth"][n].shape, 2, np.uint8))
        lines(folder / f"lowres_wide_intrinsics/{name}.pincam", [[CAMERA.width, CAMERA.height, *numbers(CAMERA)]])
        rows.append([time, *Rotation.from_matrix(poses[n, :3, :3]).as_rotvec(), *poses[n, :3, 3]])
    lines(folder / "lowres_wide.traj", rows)
    return folder


def write_stray(folder: Path, seen: Truth, repeat: int = 1) -> Path:
    """Stray Scanner: a video, and ARKit's y-up world with the camera's axes turned to OpenCV's."""
    poses = seen.matrices(z_up=False, opencv=True)
    folder.mkdir(parents=True, exist_ok=True)
    size = (CAMERA.width * repeat, CAMERA.height * repeat)
    video = cv2.VideoWriter(str(folder / "rgb.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, size)
    rows = []
    for n in range(COUNT):
        video.write(cv2.resize(seen.frame["rgb"][n][..., ::-1], size, interpolation=cv2.INTER_NEAREST))
        png(folder / f"depth/{n:06d}.png", units(seen.small["depth"][n], 1000))
        png(folder / f"confidence/{n:06d}.png", np.full(seen.small["depth"][n].shape, 1, np.uint8))
        rows.append([50 + n / 60, n, *poses[n, :3, 3], *quaternions(poses)[n]])
    video.release()
    fx, fy, cx, cy = numbers(Camera(size[0], size[1], CAMERA.vertical_fov))
    lines(folder / "camera_matrix.csv", [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], between=", ")
    lines(folder / "odometry.csv", rows, "timestamp, frame, x, y, z, qx, qy, qz, qw\n", ", ")
    lines(
        folder / "imu.csv", [[50.0, 0, 9.8, 0, 0, 0, 0]], "timestamp, a_x, a_y, a_z, alpha_x, alpha_y, alpha_z\n", ", "
    )
    return folder


def write_record3d(file: Path, seen: Truth) -> Path:
    """Record3D's .r3d; depth is packed by the function that stands in for LZFSE in the tests (zlib)."""
    poses = seen.matrices(z_up=False, opencv=False)
    told = {
        "w": CAMERA.width, "h": CAMERA.height, "dw": SMALL.width, "dh": SMALL.height, "fps": 30,
        "K": k(CAMERA).T.ravel().tolist(),
        "poses": np.concatenate([quaternions(poses), poses[:, :3, 3]], axis=1).tolist(),
    }  # fmt: skip
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("metadata", json.dumps(told))
        for n in range(COUNT):
            out.writestr(f"rgbd/{n}.jpg", cv2.imencode(".jpg", seen.frame["rgb"][n][..., ::-1])[1].tobytes())
            out.writestr(f"rgbd/{n}.depth", zlib.compress(seen.small["depth"][n].astype("<f4").tobytes()))
    return file


def write_record3d_export(folder: Path, seen: Truth) -> Path:
    """Record3D's export EXR + JPG, as its app names it; the camera zooms."""
    import OpenEXR

    poses, told = seen.matrices(z_up=False, opencv=False), folder / "EXR_RGBD"
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    fx, fy, cx, cy = numbers(CAMERA)
    (told / "depth").mkdir(parents=True)
    for n in range(COUNT):
        png(told / f"rgb/{n}.jpg", seen.frame["rgb"][n])
        OpenEXR.File(header, {"R": seen.small["depth"][n]}).write(str(told / f"depth/{n}.exr"))
    (told / "metadata.json").write_text(
        json.dumps(
            {
                "w": CAMERA.width, "h": CAMERA.height, "dw": SMALL.width, "dh": SMALL.height, "fps": 30,
                "K": k(CAMERA).T.ravel().tolist(),
                "perFrameIntrinsicCoeffs": [[fx + n, fy + n, cx, cy] for n in range(COUNT)],
                "frameTimestamps": [7 + n / 10 for n in range(COUNT)],
                "poses": np.concatenate([quaternions(poses), poses[:, :3, 3]], axis=1).tolist(),
            }
        )
    )  # fmt: skip
    return folder


def write_nice_slam(folder: Path, seen: Truth) -> Path:
    """Replica as NICE-SLAM lays it out; the camera's file lies beside the scenes."""
    poses = seen.matrices(z_up=True, opencv=True)
    scale = 6553.5
    for n in range(COUNT):
        png(folder / f"results/frame{n:06d}.jpg", seen.frame["rgb"][n])
        png(folder / f"results/depth{n:06d}.png", units(seen.frame["depth"][n], scale))
    lines(folder / "traj.txt", [pose.ravel().tolist() for pose in poses])
    fx, fy, cx, cy = numbers(CAMERA)
    camera = {"w": CAMERA.width, "h": CAMERA.height, "fx": fx, "fy": fy, "cx": cx, "cy": cy, "scale": scale}
    (folder.parent / "cam_params.json").write_text(json.dumps({"camera": camera}))
    return folder
