"""Writer of LeRobot's dataset format, version 3.0, readable by the lerobot library.

    meta/info.json                          features, sizes, paths of the files; written last
    meta/stats.json                         least, largest, mean and spread of each feature
    meta/tasks.parquet                      the task, as the index
    meta/episodes/chunk-000/file-000.parquet
    data/chunk-000/file-000.parquet         a row a frame: pose, depth, numbers and time
    videos/observation.images.rgb/chunk-000/file-000.mp4   one for each episode

`observation.state` is the camera's pose; `action` is what was done next, by its number in HouseEnv's action space, -1
where that is not known or the agent was put elsewhere. Depth is a 16-bit picture in millimetres inside the row, 0 =
none. The rgb is lossy video, in VP9. pyarrow is the extra `lerobot`.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from ...core.video import VideoWriter
from .recording import RecordingError

RGB, DEPTH = "observation.images.rgb", "observation.images.depth"
POSE = ("x", "y", "z", "yaw", "pitch", "roll")
_CHUNK = 1000  # files of a folder
_ROWS = 500  # of one group in a parquet file: what is in memory at a time
_VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
_DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_EPISODES = "meta/episodes/chunk-000/file-000.parquet"


class LeRobotWriter:
    """Writes frames of the contract into a new or empty folder, one by one, in episodes without a gap.

    A context manager: complete at its exit.
    """

    def __init__(self, folder: Path, camera: Camera, rate: int, task: str) -> None:
        """rate: frames a second. task: what the episode is about. RecordingError if the folder is not empty or
        pyarrow is missing."""
        self._arrow, self._parquet = _pyarrow()
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RecordingError(folder, "it exists and is not empty; name a new folder")
        self.folder, self.camera, self.rate, self.task, self.count = folder, camera, rate, task, 0
        data = self._made(_DATA.format(chunk_index=0, file_index=0))
        self._schema = self._fields()
        self._table = self._parquet.ParquetWriter(data, self._schema)
        self._video: VideoWriter | None = None
        self._rows: list[dict[str, Any]] = []
        self._starts: list[int] = []
        self._spread = {"observation.state": _Spread(6), "action": _Spread(1), RGB: _Spread(3), DEPTH: _Spread(1)}

    def begin(self) -> None:
        """Begin an episode with the next frame. It has a video of its own, so that readers need not cut one."""
        if not self._starts or self._starts[-1] < self.count:
            if self._video is not None:
                self._video.close()
            chunk, number = divmod(len(self._starts), _CHUNK)
            file = self._made(_VIDEO.format(video_key=RGB, chunk_index=chunk, file_index=number))
            self._video = VideoWriter(file, self.rate)
            self._starts.append(self.count)

    def add(self, frame: Frame, action: int) -> None:
        """Write one frame's rgb, depth and pose, and what was done next."""
        import cv2

        pose = frame["pose"].astype(np.float32)
        millimetres = np.round(frame["depth"].astype(np.float64) * 1000)
        depth = np.where(millimetres < 65535, millimetres, 0).astype(np.uint16)
        if self._video is None:
            self.begin()
        assert self._video is not None
        number = self.count - self._starts[-1]
        self._video.add(frame["rgb"])
        self._spread["action"].add(np.array([[action]]))
        self._spread["observation.state"].add(pose[None])
        self._spread[RGB].add(frame["rgb"].reshape(-1, 3) / 255)
        self._spread[DEPTH].add(depth.reshape(-1, 1))
        self._rows.append({
            "observation.state": pose.tolist(), "action": action,
            DEPTH: {"bytes": bytes(cv2.imencode(".png", depth)[1]), "path": f"frame-{self.count:06d}.png"},
            "timestamp": number / self.rate, "frame_index": number, "episode_index": len(self._starts) - 1,
            "index": self.count, "task_index": 0,
        })  # fmt: skip
        self.count += 1
        if len(self._rows) >= _ROWS:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        self._table.close()
        if self._video is not None:
            self._video.close()
        if kind is None:
            self._describe()

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
            [
                ("observation.state", six),
                ("action", pa.int64()),
                (DEPTH, picture),
                ("timestamp", pa.float32()),
                *numbers,
            ]
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
        ends = [*self._starts[1:], self.count]
        episodes: list[dict[str, Any]] = [
            {
                "episode_index": number, "tasks": [self.task], "length": end - start, "data/chunk_index": 0,
                "data/file_index": 0, "dataset_from_index": start, "dataset_to_index": end,
                f"videos/{RGB}/chunk_index": number // _CHUNK, f"videos/{RGB}/file_index": number % _CHUNK,
                f"videos/{RGB}/from_timestamp": 0.0, f"videos/{RGB}/to_timestamp": (end - start) / self.rate,
                "meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0,
            }
            for number, (start, end) in enumerate(zip(self._starts, ends, strict=True))
        ]  # fmt: skip
        write(pa.Table.from_pylist(episodes), self._made(_EPISODES))
        stats = {
            name: spread.statistics(name.startswith("observation.images")) for name, spread in self._spread.items()
        }
        self._made("meta/stats.json").write_text(json.dumps(stats, indent=2) + "\n")
        self._made("meta/info.json").write_text(json.dumps(self._info(), indent=2) + "\n")

    def _info(self) -> dict[str, Any]:
        size = [self.camera.height, self.camera.width]
        video = {
            "video.height": size[0], "video.width": size[1], "video.codec": "vp9", "video.pix_fmt": "yuv420p",
            "video.fps": self.rate, "video.channels": 3, "video.is_depth_map": False, "has_audio": False,
        }  # fmt: skip
        names = ["height", "width", "channels"]
        single = {"shape": [1], "names": None}
        features: dict[str, Any] = {
            "observation.state": {"dtype": "float32", "shape": [6], "names": list(POSE)},
            "action": {"dtype": "int64", "shape": [1], "names": ["action"]},
            RGB: {"dtype": "video", "shape": [*size, 3], "names": names, "info": video},
            DEPTH: {"dtype": "image", "shape": [*size, 1], "names": names,
                    "info": {"is_depth_map": True, "depth_unit": "mm"}},
            "timestamp": {"dtype": "float32", **single},
        }  # fmt: skip
        features |= {name: {"dtype": "int64", **single} for name in ("frame_index", "episode_index", "index",
                                                                     "task_index")}  # fmt: skip
        return {
            "codebase_version": "v3.0", "robot_type": "testspace", "total_episodes": len(self._starts),
            "total_frames": self.count, "total_tasks": 1, "chunks_size": _CHUNK, "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200, "fps": self.rate, "splits": {"train": f"0:{len(self._starts)}"},
            "data_path": _DATA, "video_path": _VIDEO,
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


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RecordingError("LeRobot's format", "it needs pyarrow: pip install 'testspace[lerobot]'") from None
    return pyarrow, pyarrow.parquet
