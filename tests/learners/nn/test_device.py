"""`--device` names what this machine has, or is an error in one line."""

from __future__ import annotations

import pytest
import torch

from testspace.learners.nn.device import find_device


def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert find_device() == torch.device("cuda")


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "", "nosuch:0"])
def test_what_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(ValueError, match="--device") as error:
        find_device(name)
    assert len(str(error.value).splitlines()) == 1
