"""Fixtures of all tests: the sample of real houses beside the checkout, and a cache. And the order of the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST = (
    "experiments/run", "experiments/paper/test_smoke", "test_documentation", "experiments/generalist",
    "learners/training/test_scaling",
)  # fmt: skip
"""Files that take longest. They begin first, so that no process is left with a long one when the others have ended."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by file, LONGEST first; with `make test`, files are handed out in this order."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: not item.path.relative_to(tests).as_posix().startswith(LONGEST))


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
