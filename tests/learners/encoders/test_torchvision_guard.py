"""timm loads beside whatever torch is installed, in a fresh process."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from testspace.learners.encoders.torchvision_guard import ensure_torchvision
declared = ensure_torchvision()
assert ensure_torchvision() == declared
import timm, torch
model = timm.create_model("vit_tiny_patch16_224", pretrained=False).eval()
with torch.no_grad():
    print(tuple(model(torch.zeros(1, 3, 224, 224)).shape))
"""


def test_timm_imports_and_runs_without_a_warning() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(1, 1000)"
