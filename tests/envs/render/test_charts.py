"""Charts of baked light lie on the surfaces that they are of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely
from scenes import SceneMaker, box_room, rectangle

from testspace.envs.render.charts import INSET, SMALL, TEXEL, find_charts, indoors


def test_texels_lie_on_the_surfaces_and_vertices_find_their_place_among_them() -> None:
    """In the room with a turned box: the texel at a vertex's column and row is the vertex, but for the inset."""
    scene = box_room()
    charts = find_charts(scene)
    assert len(charts.first) == 12  # six sides of the room, six of the box
    assert (charts.face_chart >= 0).all()
    assert charts.covered.all()
    for face, corners in zip(charts.face_chart, charts.faces, strict=True):
        columns, first = charts.columns[face], charts.first[face]
        for vertex in corners:
            x, y = np.round(charts.vertex_texel[vertex]).astype(int)
            away = charts.positions[first + y * columns + x] - scene.vertices[vertex]
            assert np.linalg.norm(away) <= 1.5 * INSET
    grid = charts.positions[charts.first[0] : charts.first[0] + charts.columns[0]]
    steps = np.linalg.norm(np.diff(grid, axis=0), axis=1)
    assert (steps <= TEXEL * 1.001).all()
    np.testing.assert_allclose(steps, steps[0], rtol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(charts.normals, axis=1), 1, atol=1e-6)


def test_an_l_shaped_floor_covers_only_its_own_texels() -> None:
    """What its rectangle holds besides belongs to another room."""
    ring = np.array([[0, 0], [4, 0], [4, 2], [2, 2], [2, 4], [0, 4]], float)
    corners = np.insert(ring, 1, 0.0, axis=1).astype(np.float32)
    faces = np.array([[0, 2, 1], [0, 3, 2], [0, 4, 3], [0, 5, 4]], np.int32)
    scene = replace(
        box_room(), vertices=corners, normals=np.tile(np.array([0, 1, 0], np.float32), (6, 1)),
        uv=ring.astype(np.float32), faces=faces,
        face_material=np.zeros(4, np.int32), face_instance=np.ones(4, np.int32),
    )  # fmt: skip
    charts = find_charts(scene)
    assert len(charts.first) == 1
    truth = shapely.contains_xy(shapely.Polygon(ring).buffer(1e-4), charts.positions[:, 0], charts.positions[:, 2])
    np.testing.assert_array_equal(charts.covered, truth)
    assert 0.7 < charts.covered.mean() < 0.8


def test_small_and_curved_surfaces_keep_to_their_vertices() -> None:
    """A small box has no chart; a large flat side that shares vertices with a curved one gets copies of them."""
    maker = SceneMaker()
    maker.box("small", "Box", (0, 0, 0), (SMALL * 0.9,) * 3)
    assert (find_charts(maker.scene()).face_chart == -1).all()

    scene = box_room(with_box=False)
    normals = scene.normals.copy()
    bent = scene.faces[1][~np.isin(scene.faces[1], scene.faces[0])]  # the corner that only the second triangle has
    normals[bent] = -normals[bent]
    charts = find_charts(replace(scene, normals=normals))
    assert charts.face_chart[0] >= 0
    assert charts.face_chart[1] == -1
    np.testing.assert_array_equal(np.sort(charts.copies), np.sort(np.intersect1d(scene.faces[0], scene.faces[1])))
    originals = np.concatenate([np.arange(len(scene.vertices)), charts.copies])
    np.testing.assert_array_equal(originals[charts.faces], scene.faces)


def test_indoors_is_over_a_rooms_floor() -> None:
    """And everywhere where no rooms are known."""
    points = np.array([[0.5, 9, 0.5], [1.5, 0, 0.5]])
    maker = SceneMaker()
    maker.box("box", "Box", (0, 0, 0), (1, 1, 1))
    assert indoors(maker.scene([rectangle("a", 0, 0, 1, 1)]), points).tolist() == [True, False]
    assert indoors(maker.scene(), points).tolist() == [True, True]
