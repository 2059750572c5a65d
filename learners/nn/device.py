"""The device of training and inference, as `--device` names it."""

from __future__ import annotations

import torch


class DeviceError(ValueError):
    """A device that this machine or this torch does not have."""


def find_device(name: str = "auto") -> torch.device:
    """The device of this name: "cpu", "cuda", "cuda:1", ...; "auto" is the GPU if there is one, else the CPU.

    DeviceError for one that is not available.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise DeviceError(f"--device {name}: not available here ({reason}); use auto or cpu") from None
    return device
