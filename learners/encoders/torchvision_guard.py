"""Lets torchvision, and timm that imports it, load beside a torch that torchvision's compiled operators do not fit.

The package index's torchvision wheel is linked against CUDA libraries, which a CPU-only torch does not bring. Its
compiled part then fails to load, silently, and its Python part dies on import with "operator torchvision::nms does
not exist", since it describes two operators that nobody declared. timm and torchmetrics fail with it, although they
need none of the operators.

`ensure_torchvision()` declares the two before that import. Models and transforms then work; calling nms or RoI
operators says that there is no kernel. Where torchvision loads by itself, or is not installed, nothing is done.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""What torchvision describes without looking whether its compiled part is there."""
_declared: list[torch.library.Library] = []  # a Library that is collected takes its operators with it


def ensure_torchvision() -> bool:
    """Make `import torchvision` and `import timm` work; call it before either. Whether operators had to be declared.

    Raises ImportError where torchvision is not installed.
    """
    if _declared:
        return True
    if "torchvision" in sys.modules:
        return False
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ImportError("torchvision is not installed; timm needs it: pip install 'testspace[generalists]'")
    if _operators_load(Path(spec.origin).parent):
        return False
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    _declared.append(library)
    return True


def operators_load() -> bool:
    """Whether torchvision is there with all its operators (nms, RoIAlign); after this, importing it works."""
    try:
        return not ensure_torchvision()
    except ImportError:
        return False


def _operators_load(folder: Path) -> bool:
    """Whether torchvision's compiled operators (`_C.so`, `_C.pyd`) fit this torch; loads them, as its import would."""
    for file in sorted(folder.glob("_C*")):
        try:
            ctypes.CDLL(str(file))
        except OSError:
            continue
        return True
    return False
