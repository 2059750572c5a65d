"""Light that differs from house to house, so that no network learns one kind of lamp."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..envs.scene import DirectionalLight, PointLight, Scene

_BRIGHTNESS, _TINT = 0.45, 0.15
"""Standard deviations of the logarithm of a light's strength, and of each of its colours."""
_LAMP_OFF = 0.1
"""Chance of a lamp to be off."""


def relit(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene under other light: each lamp stronger or weaker, warmer or colder, or off; one stays on."""
    lamps = [light for light in scene.lights if isinstance(light, PointLight)]
    on = rng.random(len(lamps)) >= _LAMP_OFF
    if len(lamps):
        on[rng.integers(len(lamps))] = True
    suns = [light for light in scene.lights if isinstance(light, DirectionalLight)]
    kept: list[PointLight | DirectionalLight] = [light for light, burns in zip(lamps, on, strict=True) if burns]
    return replace(scene, lights=[_dimmed(light, rng) for light in (*kept, *suns)])


def _dimmed(light: PointLight | DirectionalLight, rng: np.random.Generator) -> PointLight | DirectionalLight:
    factors = np.exp(rng.normal(0, _BRIGHTNESS) + rng.normal(0, _TINT, 3))
    r, g, b = (float(c * factor) for c, factor in zip(light.rgb, factors, strict=True))
    return replace(light, rgb=(r, g, b))
