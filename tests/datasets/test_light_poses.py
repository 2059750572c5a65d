"""Light and poses of the views to train on."""

from __future__ import annotations

import numpy as np

from testspace.core.frame import Camera
from testspace.datasets.light import relit
from testspace.datasets.poses import rich_poses
from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.render.raycast import RayCastSimulator
from testspace.envs.scene import DirectionalLight, PointLight


def test_light_varies_and_never_all_of_it_is_off() -> None:
    scene = build_scene(generate_house(5))
    lamps = [light for light in scene.lights if isinstance(light, PointLight)]
    sums = []
    for seed in range(20):
        lit = relit(scene, np.random.default_rng(seed))
        on = [light for light in lit.lights if isinstance(light, PointLight)]
        assert 0 < len(on) <= len(lamps)
        assert sum(isinstance(light, DirectionalLight) for light in lit.lights) == len(scene.lights) - len(lamps)
        sums.append(sum(sum(light.rgb) for light in on))
    assert np.std(sums) > 0.1 * np.mean(sums)


def test_half_of_the_views_show_many_classes() -> None:
    simulator = RayCastSimulator(build_scene(generate_house(5)), Camera(16, 16), threads=1, light="direct")
    rng = np.random.default_rng(0)
    poses = rich_poses(simulator, 20, 90.0, 1.5, rng)
    labels = simulator.render_with_labels(poses)[1].semantic
    classes = [len(np.unique(view)) for view in labels]
    assert len(poses) == 20
    assert min(classes[:10]) >= max(classes[10:])
