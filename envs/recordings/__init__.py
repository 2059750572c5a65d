"""Recordings (Appendices F and R) by a phone, a robot or of a data set, as worlds that can be replayed but not steered.

Public: `open_recording`, `Recording`, `RecordingError`, `FrameError`, `LAYOUTS`, `recording_env.RecordingEnv`,
`upright.UprightFrames`.
"""

from .layouts import LAYOUTS, open_recording
from .recording import FrameError, Recording, RecordingError

__all__ = ["LAYOUTS", "FrameError", "Recording", "RecordingError", "open_recording"]
