"""Names that experiments and stages share. Imports nothing, so that experiments can be listed at once."""

from __future__ import annotations

EFFICIENTNET = "EfficientNet-Lite0"
"""The generalist that can be had offline: ImageNet's labels, 3.4M parameters."""
