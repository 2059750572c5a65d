"""A model's configuration is checked before memory is taken for it."""

from __future__ import annotations

from typing import Any

import pytest

from testspace.learners.nn.pretrained import check_sizes


@pytest.mark.parametrize(("config", "says"), [
    ({"encoder": {"image_size": 100_000, "patch": 16}}, r"config\.encoder\.image_size: 100000"),
    ({"encoder": {"image_size": 60_000, "patch": 16}}, "more than 65536 patches"),
    ({"encoder": {"image_size": 64, "patch": 0}}, r"config\.encoder\.patch must be"), ({"patch": "x"}, "patch must be"),
    ({"size": {"width": [1e300]}}, r"config\.size\.width\[0\]: 1e\+300"), ({"x": float("nan")}, "nan"),
])  # fmt: skip
def test_sizes_out_of_range_are_named(config: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_sizes(config)


def test_the_sizes_of_the_paper_pass() -> None:
    check_sizes(
        {"encoder": {"size": {"width": 768, "layers": 12}, "image_size": 224, "patch": 16}, "task": {"a": None}}
    )
