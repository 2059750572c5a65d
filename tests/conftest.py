"""Fixtures of all tests: the sample of real houses beside the checkout, and a cache. And the order of the files."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST = (
    "experiments/run", "experiments/paper", "test_documentation", "experiments/robustness", "agent/policies",
    "agent/test_live", "learners/training/test_scaling", "experiments/tools/test_export_onnx", "experiments/generalist",
)  # fmt: skip
"""Files that take longest. They begin first, so that no process is left with a long one when the others have ended."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by file, LONGEST first; with `make test`, files are handed out in this order."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: not item.path.relative_to(tests).as_posix().startswith(LONGEST))


def pytest_collection_finish() -> None:
    """Let the garbage collector leave out what was imported: it stays to the end, and is most of what there is."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real ProcTHOR houses beside the checkout; tests that need it skip where it is missing."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the sample of real houses (../shared/data) is not on this machine")
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests keep nothing in the user's cache and find nothing there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESTSPACE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """What is written need not outlive the machine: tests end processes, and no power fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="module")
def small_networks() -> Iterator[None]:
    """Networks of size nano have less than a tenth of its weights: for runs that only have to go their whole way."""
    from forks import SMALL

    from testspace.learners.masked.encoder import SIZES, Size

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "nano", Size(*SMALL))
        yield


@pytest.fixture
def forked_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that the code spawns are forked from the server of `forks`, and have nothing to import."""
    from forks import FORKS

    real = multiprocessing.get_context
    monkeypatch.setattr(multiprocessing, "get_context", lambda how=None: FORKS if how == "spawn" else real(how))
