"""Lighter models against shapes known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from testspace.envs.meshes.obj_format import Look
from testspace.envs.packs.decimate import decimated
from testspace.envs.packs.obj import Triangles


@pytest.fixture(scope="module")
def sphere() -> Triangles:
    """Radius 1 about the origin, 20,480 triangles, every one with corners of its own; the picture lies flat on (x, y),
    and the lower half (z < 0) has another material than the upper."""
    ball = trimesh.creation.icosphere(subdivisions=5)
    vertices = np.asarray(ball.vertices)[np.asarray(ball.faces)].reshape(-1, 3)
    faces = np.arange(len(vertices)).reshape(-1, 3)
    surface = (vertices[faces].mean(1)[:, 2] < 0).astype(np.int64)
    return Triangles(vertices, vertices.copy(), vertices[:, :2].copy(), faces, surface, [Look(texture="a.png")] * 2)


def corners(model: Triangles) -> NDArray[np.float64]:
    return model.vertices[model.faces]


def test_a_sphere_stays_a_sphere(sphere: Triangles) -> None:
    light = decimated(sphere, 2000)
    assert 1500 < len(light.faces) <= 2000
    np.testing.assert_allclose(np.linalg.norm(light.vertices, axis=1), 1, atol=0.01)
    assert light.area() == pytest.approx(4 * np.pi, rel=0.01)
    a, b, c = corners(light).transpose(1, 0, 2)
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(4 / 3 * np.pi, rel=0.01)


def test_shading_pictures_and_materials_stay_where_they_were(sphere: Triangles) -> None:
    light = decimated(sphere, 2000)
    np.testing.assert_allclose(np.linalg.norm(light.normals, axis=1), 1, atol=1e-9)
    assert (light.normals * light.vertices).sum(1).min() > 0.97
    middle = corners(light).mean(1)[:, 2]
    clear = np.abs(middle) > 0.1
    np.testing.assert_array_equal(light.surface[clear], (middle[clear] < 0).astype(np.int64))
    np.testing.assert_allclose(light.uv, light.vertices[:, :2], atol=0.03)


def test_a_flat_sheet_loses_nothing() -> None:
    x, y = np.meshgrid(np.arange(31.0), np.arange(21.0))
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1)
    low = (np.arange(20)[:, None] * 31 + np.arange(30)).reshape(-1, 1)
    faces = np.concatenate([low + np.array([0, 1, 32]), low + np.array([0, 32, 31])])
    up = np.tile([0.0, 0.0, 1.0], (len(vertices), 1))
    sheet = Triangles(vertices, up, vertices[:, :2], faces, np.zeros(len(faces), np.int64), [Look(texture="a.png")])
    light = decimated(sheet, 150)  # its rim has 100 edges, all of which stay
    assert len(light.faces) <= 150
    assert light.area() == pytest.approx(600)
    np.testing.assert_allclose(np.ptp(light.vertices, axis=0), [30, 20, 0], atol=1e-9)
    np.testing.assert_allclose(light.normals, np.tile([0.0, 0.0, 1.0], (len(light.vertices), 1)), atol=1e-9)


def test_what_is_light_already_stays_as_it_is(sphere: Triangles) -> None:
    assert decimated(sphere, len(sphere.faces)) is sphere
