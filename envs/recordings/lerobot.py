"""Writer of LeRobot's dataset format, version 3.0: one episode, readable by the lerobot library.

    meta/info.json                          features, sizes, paths of the files; written last
    meta/stats.json                         least, largest, mean and spread of each feature
    meta/tasks.parquet                      the task, as the index
    meta/episodes/chunk-000/file-000.parquet
    data/chunk-000/file-000.parquet         a row a frame: pose, depth, numbers and time
    videos/observation.images.rgb/chunk-000/file-000.mp4

`observation.state` is the camera's pose, `action` the next frame's. Depth is a 16-bit picture in millimetres inside the
row, 0 = none. The rgb is lossy video. pyarrow is the extra `lerobot`.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from .recording import RecordingError

RGB, DEPTH = "observation.images.rgb", "observation.images.depth"
POSE = ("x", "y", "z", "yaw", "pitch", "roll")
_ROWS = 500  # of one group in a parquet file: what is in memory at a time
_VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
_DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_EPISODES = "meta/episodes/chunk-000/file-000.parquet"


class LeRobotWriter:
    """Writes frames of the contract into a new or empty folder, one by one. A context manager: complete at its exit."""

    def __init__(self, folder: Path, camera: Camera, rate: int, task: str) -> None:
        """rate: frames a second. task: what the episode is about. RecordingError if the folder is not empty or
        pyarrow is missing."""
        self._arrow, self._parquet = _pyarrow()
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RecordingError(folder, "it exists and is not empty; name a new folder")
        self.folder, self.camera, self.rate, self.task, self.count = folder, camera, rate, task, 0
        data, video = (self._made(name.format(video_key=RGB, chunk_index=0, file_index=0)) for name in (_DATA, _VIDEO))
        self._schema = self._fields()
        self._table = self._parquet.ParquetWriter(data, self._schema)
        self._video = _open_video(video, camera, rate)
        self._rows: list[dict[str, Any]] = []
        self._last: dict[str, Any] | None = None
        self._spread = {"observation.state": _Spread(6), RGB: _Spread(3), DEPTH: _Spread(1)}

    def add(self, frame: Frame) -> None:
        """Write one frame's rgb, depth and pose."""
        import cv2

        pose = frame["pose"].astype(np.float32)
        millimetres = np.round(frame["depth"].astype(np.float64) * 1000)
        depth = np.where(millimetres < 65535, millimetres, 0).astype(np.uint16)
        self._video.write(np.ascontiguousarray(frame["rgb"][..., ::-1]))
        self._spread["observation.state"].add(pose[None])
        self._spread[RGB].add(frame["rgb"].reshape(-1, 3) / 255)
        self._spread[DEPTH].add(depth.reshape(-1, 1))
        self._finish_row(pose)
        self._last = {
            "observation.state": pose.tolist(),
            DEPTH: {"bytes": bytes(cv2.imencode(".png", depth)[1]), "path": f"frame-{self.count:06d}.png"},
            "timestamp": self.count / self.rate,
            "frame_index": self.count,
            "episode_index": 0,
            "index": self.count,
            "task_index": 0,
        }
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._last is not None:
            self._finish_row(np.array(self._last["observation.state"], np.float32))
        self._flush()
        self._table.close()
        self._video.release()
        if kind is None:
            self._describe()

    def _finish_row(self, following: NDArray[np.float32]) -> None:
        """Complete the last frame's row: its action is the next frame's pose."""
        if self._last is not None:
            self._rows.append({**self._last, "action": following.tolist()})
            if len(self._rows) >= _ROWS:
                self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._table.write_table(self._arrow.Table.from_pylist(self._rows, self._schema))
            self._rows = []

    def _fields(self) -> Any:
        pa = self._arrow
        six = pa.list_(pa.float32(), 6)
        picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        numbers = [(name, pa.int64()) for name in ("frame_index", "episode_index", "index", "task_index")]
        return pa.schema(
            [("observation.state", six), ("action", six), (DEPTH, picture), ("timestamp", pa.float32()), *numbers]
        )

    def _describe(self) -> None:
        pa, write = self._arrow, self._parquet.write_table
        # The library reads the tasks as a pandas table indexed by task; pandas finds the index by this metadata.
        index = {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object",
                 "metadata": None}  # fmt: skip
        column = {**index, "name": "task_index", "field_name": "task_index", "pandas_type": "int64",
                  "numpy_type": "int64"}  # fmt: skip
        note = {"index_columns": ["task"], "column_indexes": [], "columns": [column, index], "pandas_version": "2.0.0"}
        tasks = pa.table({"task_index": [0], "task": [self.task]})
        write(tasks.replace_schema_metadata({"pandas": json.dumps(note)}), self._made("meta/tasks.parquet"))
        episode: dict[str, Any] = {
            "episode_index": 0, "tasks": [self.task], "length": self.count, "data/chunk_index": 0,
            "data/file_index": 0, "dataset_from_index": 0, "dataset_to_index": self.count,
            f"videos/{RGB}/chunk_index": 0, f"videos/{RGB}/file_index": 0, f"videos/{RGB}/from_timestamp": 0.0,
            f"videos/{RGB}/to_timestamp": self.count / self.rate, "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
        }  # fmt: skip
        write(pa.table({key: [value] for key, value in episode.items()}), self._made(_EPISODES))
        stats = {
            name: spread.statistics(name.startswith("observation.images")) for name, spread in self._spread.items()
        }
        stats["action"] = stats["observation.state"]
        self._made("meta/stats.json").write_text(json.dumps(stats, indent=2) + "\n")
        self._made("meta/info.json").write_text(json.dumps(self._info(), indent=2) + "\n")

    def _info(self) -> dict[str, Any]:
        size = [self.camera.height, self.camera.width]
        video = {
            "video.height": size[0], "video.width": size[1], "video.codec": "mpeg4", "video.pix_fmt": "yuv420p",
            "video.fps": self.rate, "video.channels": 3, "video.is_depth_map": False, "has_audio": False,
        }  # fmt: skip
        names = ["height", "width", "channels"]
        single = {"shape": [1], "names": None}
        features: dict[str, Any] = {
            "observation.state": {"dtype": "float32", "shape": [6], "names": list(POSE)},
            "action": {"dtype": "float32", "shape": [6], "names": [f"next_{name}" for name in POSE]},
            RGB: {"dtype": "video", "shape": [*size, 3], "names": names, "info": video},
            DEPTH: {"dtype": "image", "shape": [*size, 1], "names": names,
                    "info": {"is_depth_map": True, "depth_unit": "mm"}},
            "timestamp": {"dtype": "float32", **single},
        }  # fmt: skip
        features |= {name: {"dtype": "int64", **single} for name in ("frame_index", "episode_index", "index",
                                                                     "task_index")}  # fmt: skip
        return {
            "codebase_version": "v3.0", "robot_type": "testspace", "total_episodes": 1, "total_frames": self.count,
            "total_tasks": 1, "chunks_size": 1000, "data_files_size_in_mb": 100, "video_files_size_in_mb": 200,
            "fps": self.rate, "splits": {"train": "0:1"}, "data_path": _DATA, "video_path": _VIDEO,
            "features": features,
        }  # fmt: skip

    def _made(self, name: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        return file


class _Spread:
    """Running minimum, maximum, mean and standard deviation of columns."""

    def __init__(self, columns: int) -> None:
        self.count, self.sum, self.squares = 0, np.zeros(columns), np.zeros(columns)
        self.least, self.largest = np.full(columns, np.inf), np.full(columns, -np.inf)

    def add(self, rows: NDArray[Any]) -> None:
        values = rows.astype(np.float64)
        self.count += len(values)
        self.sum += values.sum(axis=0)
        self.squares += (values**2).sum(axis=0)
        self.least, self.largest = np.minimum(self.least, values.min(0)), np.maximum(self.largest, values.max(0))

    def statistics(self, image: bool) -> dict[str, Any]:
        """Statistics in the library's form: those of an image are (channels, 1, 1)."""
        mean = self.sum / max(1, self.count)
        deviation = np.sqrt(np.maximum(self.squares / max(1, self.count) - mean**2, 0))
        values = {"min": self.least, "max": self.largest, "mean": mean, "std": deviation}
        lists = {key: (value[:, None, None] if image else value).tolist() for key, value in values.items()}
        return {**lists, "count": [self.count]}


def _open_video(file: Path, camera: Camera, rate: int) -> Any:
    import cv2

    video = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), rate, (camera.width, camera.height))
    if not video.isOpened():
        raise RecordingError(file, f"no video of {camera.width} x {camera.height} pixels can be written here")
    return video


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RecordingError("LeRobot's format", "it needs pyarrow: pip install 'testspace[lerobot]'") from None
    return pyarrow, pyarrow.parquet
