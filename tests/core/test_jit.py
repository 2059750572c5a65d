"""Compiled kernels on disk: damaged ones are told and made again, and no cache at all is no error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numba
import pytest

from testspace.core import jit


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Imports a module with a kernel anew each time, as another process would."""
    file = tmp_path / "module_of_a_kernel.py"
    file.write_text("from testspace.core.jit import compiled\n\n@compiled\ndef twice(x):\n    return 2 * x\n")

    def load() -> Any:
        spec = spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        made = module_from_spec(spec)
        sys.modules[file.stem] = made
        spec.loader.exec_module(made)
        return made

    yield load
    sys.modules.pop(file.stem, None)


def hits(module: Any) -> int:
    return sum(module.twice.stats.cache_hits.values())


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "numba's own"])
def test_a_damaged_kernel_is_told_and_compiled_again(
    module: Callable[[], Any], tmp_path: Path, ending: str, damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert module().twice(3) == 6
    again = module()
    assert again.twice(3) == 6
    assert hits(again) == 1
    (file,) = tmp_path.rglob(f"*.{ending}")
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes({
        "cut": content[:middle], "empty": b"", "numba's own": content[32:],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
    }[damage])  # fmt: skip
    again = module()
    assert again.twice(3) == 6
    assert hits(again) == 0
    assert capfd.readouterr().err == f"{file}: a compiled kernel is damaged, and is compiled again\n"
    again = module()
    assert again.twice(3) == 6
    assert hits(again) == 1


def test_without_room_for_the_cache_a_kernel_works(
    module: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jit._CheckedFiles, "_write", full)
    assert module().twice(4) == 8
    assert not list(tmp_path.rglob("*.nbc"))


def test_where_no_folder_can_be_written_a_kernel_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any) -> Any:
        raise RuntimeError("cannot cache function 'twice': no locator available for file '/read-only/module.py'")

    monkeypatch.setattr(numba.core.dispatcher.Dispatcher, "enable_caching", nowhere)
    assert jit.compiled(lambda x: 2 * x)(5) == 10


def test_another_version_of_numba_has_a_cache_of_its_own(
    module: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module().twice(3) == 6
    monkeypatch.setattr(numba, "__version__", "0.0.1")
    other = module()
    assert other.twice(3) == 6
    assert hits(other) == 0
    versions = {file.name.partition("checked-")[2].rsplit(".", 1)[0] for file in tmp_path.rglob("*.nbi")}
    assert len(versions) == 2
