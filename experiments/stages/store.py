"""Where the stages of experiments are kept: a folder each, named by the digest of all that its content follows from.

Two experiments that need the same stage share it; a changed setting makes anew only what follows from it; a killed one
leaves what is finished, and its unfinished folder for the stage to go on from.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.cache import cache_folder
from ...core.digests import code_digest, digest, library_versions
from ...core.progress import Advance, Progress
from ...core.storage import check_folder, locked, seal, write_json

NOTED_EVERY = 2.0
"""Seconds between two notes of how long a stage took so far."""


@dataclass(frozen=True)
class Entry:
    """A finished stage."""

    kind: str
    """Which stage: "collect", "pretrain", ..."""
    key: str
    """Digest of its settings, its inputs and its code; as an input of another stage it stands for all of them."""
    folder: Path
    """What it left."""
    seconds: float
    """What it took, in all sessions together; a kill can cost the last few of a session."""
    settings: Mapping[str, Any]
    """What it was made from."""


class Store:
    """Finished stages under `root`/KIND/KEY."""

    def __init__(self, progress: Progress, root: Path | None = None, preset: str = "", device: str = "cpu") -> None:
        """`root`: the cache folder's stages where not given. `preset` is noted beside each stage, for its cost."""
        self.root, self.progress, self.preset = root or cache_folder() / "stages", progress, preset
        self.device = device
        """Where stages train and run networks, as `find_device` names it; not part of any key."""
        self.used: dict[str, Entry] = {}
        """The entries that were requested, by kind and key."""

    def get(
        self, kind: str, settings: Mapping[str, Any], make: Callable[[Path, Advance], None], *, title: str
    ) -> Entry:
        """The entry of these settings; `make(folder, advance)` fills its folder where it is not there yet.

        `settings` are JSON, and hold every setting and input that the content follows from. The code that it follows
        from, and the versions of libraries, join the key here: the module of `make` and all that it imports, so each
        stage has a module of its own. `make` may find in the folder what an earlier call that was killed has left.
        `title` tells a person what is going on.
        """
        code = code_digest(make.__module__.partition(".")[2])
        key = digest({"settings": settings, "code": code, "libraries": library_versions()})
        folder = self.root / kind / key
        if f"{kind}/{key}" in self.used:
            return self.used[f"{kind}/{key}"]
        if not _whole(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with locked(folder.with_name(f"{key}.lock")):
                if not _whole(folder):
                    shutil.rmtree(folder, ignore_errors=True)
                    self._make(kind, folder, title, settings, make)
        noted = json.loads((folder / "stage.json").read_text())
        entry = Entry(kind, key, folder, float(noted["seconds"]), noted["settings"])
        self.used[f"{kind}/{key}"] = entry
        return entry

    def _make(
        self, kind: str, folder: Path, title: str, settings: Mapping[str, Any], make: Callable[[Path, Advance], None]
    ) -> None:
        unfinished = folder.with_name(f"{folder.name}.part")
        unfinished.mkdir(exist_ok=True)
        clock = _Clock(unfinished / "seconds.json")
        with self.progress.stage(title) as advance:

            def report(done: int, total: int, note: str = "") -> None:
                advance(done, total, note)
                clock.note()

            make(unfinished, report)
        noted = {"kind": kind, "title": title, "preset": self.preset, "seconds": clock.seconds()}
        clock.file.unlink(missing_ok=True)
        for before in [path for path in unfinished.rglob("*.old") if path.is_dir()]:
            shutil.rmtree(before)
        write_json(unfinished / "stage.json", {**noted, "settings": settings})
        seal(unfinished)
        os.rename(unfinished, folder)


def _whole(folder: Path) -> bool:
    """Whether a stage is finished, and as it was written; a line on stderr says where it is damaged."""
    if not (folder / "stage.json").exists():
        return False
    wrong = check_folder(folder)
    if wrong is not None:
        print(f"{wrong}; the stage is made again", file=sys.stderr, flush=True)
    return wrong is None


class _Clock:
    """Seconds of this session and of those before it, noted in a file every now and then."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.before = float(json.loads(file.read_text())) if file.exists() else 0.0
        self.started = self.noted = time.perf_counter()

    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.started

    def note(self) -> None:
        if time.perf_counter() - self.noted >= NOTED_EVERY:
            write_json(self.file, self.seconds())
            self.noted = time.perf_counter()
