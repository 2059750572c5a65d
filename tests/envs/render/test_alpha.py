"""Glass and cut-outs against closed forms: what each modality shows of them, and what light makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scenes import SceneMaker, box_room

from testspace.core.frame import Camera
from testspace.envs.assembly.building import load_scene
from testspace.envs.meshes.images import encode
from testspace.envs.meshes.mesh_errors import MeshError
from testspace.envs.meshes.write import write_glb
from testspace.envs.render import lighting
from testspace.envs.render.kernel import FAINTEST
from testspace.envs.render.raycast import RayCastSimulator
from testspace.envs.render.sky import sky_light, sky_panorama
from testspace.envs.render.texels import mip_pyramid
from testspace.envs.scene import DirectionalLight, Material, PointLight, Scene

CAMERA = Camera(80, 60, 60.0)
HERE = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
WALL, SIDE = 3.0, 0.45
"""Metres to the wall, and half the side of what stands in front of it."""
BESIDE = (np.mean([lighting.AMBIENT_BELOW, lighting.AMBIENT_ABOVE], axis=0)).astype(float)
"""Linear ambient light on what stands upright."""


def upright(maker: SceneMaker, kind: str, away: float, half: float, material: int) -> None:
    """A square that faces the camera, so many metres away."""
    maker.instances.append(replace(maker.instances[0], id=f"{kind} {away}", class_id=5 + len(maker.instances)))
    maker.quad(
        np.array([[-half, -half, -away], [half, -half, -away], [half, half, -away], [-half, half, -away]]), material
    )


def looked_through(opacities: list[float], half: float = SIDE) -> Scene:
    """A red wall with panes of glass of other colours before it, the first one nearest."""
    maker = SceneMaker()
    maker.materials = [Material("wall", (0.7, 0.2, 0.1))]
    upright(maker, "wall", WALL, 9.0, 0)
    for number, opacity in enumerate(opacities):
        maker.materials.append(Material(f"pane {number}", PANES[number % len(PANES)], opacity=opacity))
        upright(maker, "pane", 1.0 + 0.001 * number, half, number + 1)
    return maker.scene()


PANES = ((0.2, 0.4, 0.8), (0.1, 0.7, 0.3), (0.6, 0.6, 0.2))


def directions() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(H, W, 3) rays of CAMERA at HERE, and (H, W) the cosine at which they meet what faces it."""
    tangent = np.tan(np.radians(30.0)) / 30
    x, y = np.meshgrid((np.arange(80) - 39.5) * tangent, (29.5 - np.arange(60)) * tangent)
    rays = np.stack([x, y, -np.ones_like(x)], axis=-1)
    return rays, 1 / np.linalg.norm(rays, axis=-1)


def blended(opacities: list[float]) -> NDArray[np.float64]:
    """(H, W, 3) linear colour of the wall behind the panes, by the formula that `envs.render.kernel` states."""
    _, cosine = directions()
    colour = np.broadcast_to(np.square([0.7, 0.2, 0.1]) * BESIDE, (60, 80, 3))
    for number in reversed(range(len(opacities))):
        share = opacities[number] + (1 - opacities[number]) * (1 - cosine) ** 5
        own = np.square(PANES[number % len(PANES)]) * BESIDE
        colour = share[..., None] * own + (1 - share[..., None]) * colour
    return colour


def drawn(scene: Scene) -> RayCastSimulator:
    """With ambient light only."""
    return RayCastSimulator(scene, CAMERA, light="direct", cache=False)


@settings(max_examples=20, deadline=None)
@example([0.5, 0.96875, 0.5, 0.5])  # the last pane and the wall are too faint to be followed
@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_rgb_blends_and_all_else_is_the_first_pane(opacities: list[float]) -> None:
    """Within a step of 8 bits and light not worth following, for any panes; where they are not, as without glass."""
    frame, labels = drawn(looked_through(opacities)).render_with_labels(HERE)
    rays, _ = directions()
    on = np.abs(rays[..., :2]).max(axis=-1) < 0.98 * SIDE
    off = np.abs(rays[..., :2]).max(axis=-1) > 1.02 * SIDE
    light, rgb = blended(opacities)[on], frame["rgb"][0][on]
    assert (rgb <= 255 * np.sqrt(light) + 1).all()
    assert (rgb >= 255 * np.sqrt(np.maximum(light - FAINTEST, 0)) - 1).all()
    np.testing.assert_allclose(frame["depth"][0][on], 1.0, rtol=1e-5)
    assert (labels.instance[0][on] == 2).all()
    assert (labels.semantic[0][on] == 7).all()
    np.testing.assert_allclose(frame["normals"][0][on], [0, 0, 1] * np.ones((on.sum(), 3)), atol=1e-6)
    bare, bare_labels = drawn(looked_through([])).render_with_labels(HERE)
    for key in ("rgb", "depth", "normals"):
        np.testing.assert_array_equal(frame[key][0][off], bare[key][0][off])
    np.testing.assert_array_equal(labels.instance[0][off], bare_labels.instance[0][off])


def test_more_panes_than_layers_end_in_the_last() -> None:
    """A hundred clear panes before each other: the last that is looked at counts as opaque, and nothing breaks."""
    rgb = drawn(looked_through([0.0] * 100)).render(HERE)["rgb"][0]
    head_on = rgb[30, 40].astype(float)
    last = np.square(PANES[11 % len(PANES)]) * BESIDE
    assert np.abs(head_on - 255 * np.sqrt(last)).max() <= 2.0


def test_the_sky_is_seen_through_glass() -> None:
    """Depth and labels are the pane's; the colour is that of the void in the pixel's direction, nearly."""
    maker = SceneMaker()
    maker.materials = [Material("pane", (0, 0, 0), opacity=0.0)]
    upright(maker, "pane", 1.0, SIDE, 0)
    frame, labels = drawn(maker.scene()).render_with_labels(HERE)
    rays, cosine = directions()
    on = np.abs(rays[..., :2]).max(axis=-1) < 0.98 * SIDE
    assert (labels.instance[0][on] == 1).all()
    assert (frame["depth"][0][on] > 0.99).all()
    panorama = sky_panorama(maker.scene())
    for row, column in ((5, 10), (30, 40), (55, 70)):
        if on[row, column]:
            seen = np.array(sky_light(panorama, *rays[row, column].astype(np.float32)))
            seen *= 1 - (1 - cosine[row, column]) ** 5
            assert np.abs(frame["rgb"][0, row, column] - shown(seen)).max() <= 1.0


def shown(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """8-bit values of linear light, by `encoding_table`'s words."""
    return 255 * np.sqrt(np.where(light > 0.6, 1 - 0.4 * np.exp(-(light - 0.6) / 0.4), light))


def holed(solid: NDArray[np.bool_], tile: float = 2 * SIDE) -> Scene:
    """A red wall, and before it a square whose texture is solid where (8, 8) cells of it say so."""
    maker = SceneMaker()
    maker.materials = [Material("wall", (0.7, 0.2, 0.1)), Material("leaf", (0.2, 0.9, 0.2), 0, tile)]
    upright(maker, "wall", WALL, 9.0, 0)
    upright(maker, "leaf", 1.0, SIDE, 1)
    scene = maker.scene(textures=np.full((1, 128, 128, 3), 255, np.uint8))
    alpha = (255 * solid).astype(np.uint8).repeat(16, axis=0).repeat(16, axis=1)[None]
    return replace(scene, texture_alpha=alpha)


def cell(points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Row and column of the cell of `holed` at points (..., 2) of its plane, and whether they are clear of edges."""
    place = (points + SIDE) * 4 / SIDE
    inside = ((place > 0.02) & (place < 7.98)).all(axis=-1) & (np.abs(place - np.round(place)) > 0.02).all(axis=-1)
    whole = np.clip(place.astype(int), 0, 7)
    return whole[..., 1], whole[..., 0], inside


@settings(max_examples=20, deadline=None)
@given(st.lists(st.booleans(), min_size=64, max_size=64))
def test_a_hole_shows_what_lies_behind_in_every_modality(cells: list[bool]) -> None:
    """Any pattern of holes: where solid, all modalities are the leaf's; where not, byte for byte those of the wall."""
    solid = np.array(cells).reshape(8, 8)
    simulator = drawn(holed(solid))
    frame, labels = simulator.render_with_labels(HERE)
    wall, wall_labels = drawn(looked_through([])).render_with_labels(HERE)
    rays, _ = directions()
    row, column, clear = cell(rays[..., :2])
    leaf = clear & solid[row, column]
    hole = clear & ~solid[row, column]
    np.testing.assert_allclose(frame["depth"][0][leaf], 1.0, rtol=1e-5)
    assert (labels.instance[0][leaf] == 2).all()
    for key in ("rgb", "depth", "normals"):
        np.testing.assert_array_equal(frame[key][0][hole], wall[key][0][hole])
    np.testing.assert_array_equal(labels.instance[0][hole], wall_labels.instance[0][hole])
    np.testing.assert_array_equal(labels.semantic[0][hole], wall_labels.semantic[0][hole])
    shadow = simulator.occluded(
        np.broadcast_to(np.float32([0, 0, 0]), rays.shape).reshape(-1, 3).copy(),
        (2 * rays).reshape(-1, 3).astype(np.float32),
    ).reshape(clear.shape)
    np.testing.assert_array_equal(shadow[clear], solid[row, column][clear])


def test_holes_and_glass_survive_a_glb(tmp_path: Path) -> None:
    """Written and read again, every modality is the same."""
    scene = holed(np.random.default_rng(3).random((8, 8)) < 0.5)
    glass = replace(scene, materials=[scene.materials[0], replace(scene.materials[1], opacity=0.4)])
    for number, each in enumerate((scene, glass)):
        write_glb(each, tmp_path / f"{number}.glb")
        again = load_scene(tmp_path / f"{number}.glb")
        here, there = (drawn(s).render(HERE) for s in (each, again))
        for key in ("depth", "normals"):
            np.testing.assert_allclose(here[key], there[key], atol=1e-5)
        assert np.abs(here["rgb"].astype(int) - there["rgb"]).max() <= 1


def test_an_obj_tells_of_glass_and_of_holes(tmp_path: Path) -> None:
    """`d` is opacity, and a picture with alpha has holes; a bad number names its line."""
    picture = np.full((128, 128, 4), 255, np.uint8)
    picture[:, :64, 3] = 0
    (tmp_path / "leaf.png").write_bytes(encode(picture))
    (tmp_path / "a.mtl").write_text("newmtl leaf\nmap_Kd leaf.png\nd 0.25\n")
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n"
    (tmp_path / "a.obj").write_text(f"mtllib a.mtl\n{corners}usemtl leaf\nf 1/1 2/2 3/3\n")
    scene = load_scene(tmp_path / "a.obj")
    assert scene.materials[scene.face_material[0]].opacity == 0.25
    assert scene.texture_alpha is not None
    np.testing.assert_array_equal(scene.texture_alpha[0], picture[..., 3])
    (tmp_path / "a.mtl").write_text("newmtl leaf\nd much\n")
    with pytest.raises(MeshError, match="line 2"):
        load_scene(tmp_path / "a.obj")


def test_a_texture_that_repeats_repeats_its_holes() -> None:
    """Half the tile, twice the holes."""
    solid = np.zeros((8, 8), bool)
    solid[:, 4:] = True
    _, labels = drawn(holed(solid, tile=SIDE)).render_with_labels(HERE)
    rays, _ = directions()
    place = (rays[..., 0] + SIDE) * 2 / SIDE  # in half tiles
    clear = (np.abs(place - np.round(place)) > 0.03) & (np.abs(rays[..., :2]).max(axis=-1) < 0.98 * SIDE)
    np.testing.assert_array_equal(labels.instance[0][clear] == 2, (place.astype(int) % 2 == 1)[clear])


def test_colours_of_holes_never_show() -> None:
    """Magenta where nothing is does not bleed into any level of the pyramid."""
    textures = np.zeros((1, 128, 128, 3), np.uint8)
    textures[..., 1] = 200
    alpha = np.full((1, 128, 128), 255, np.uint8)
    alpha[0, 30:99, 17:80] = 0
    textures[0, 30:99, 17:80] = 255, 0, 255
    texels = mip_pyramid(textures, alpha)
    assert (texels == 200 << 8).all()


@pytest.mark.parametrize("material", [Material("glass", (1, 1, 1), opacity=0.2), Material("leaf", (1, 1, 1), 0)])
def test_light_passes_glass_and_holes(material: Material) -> None:
    """Baked light under a sheet of either, wholly cut out, is what it is without; under a solid sheet it is darker."""
    pose, camera = np.array([[0.0, 0.5, 0.0, 0.0, -60.0, 0.0]]), Camera(24, 18, 60.0)
    maker = SceneMaker()
    maker.box("room", "Floor", (0, 1.5, 0), (4, 3, 4), inward=True)
    maker.materials.append(material)
    maker.box("sheet", "Box", (0, 1.5, 0), (3, 0.01, 3), material=1)
    lamp = PointLight((0.0, 2.5, 0.0), (1, 1, 1), 10.0, None)
    alpha = np.zeros((1, 128, 128), np.uint8)
    textures = np.full((1, 128, 128, 3), 255, np.uint8)
    scene = replace(maker.scene(lights=[lamp], textures=textures), texture_alpha=alpha)
    opaque = replace(scene, texture_alpha=None, materials=[scene.materials[0], Material("board", (1, 1, 1))])
    keep = scene.face_material == 0
    without = replace(
        scene, faces=scene.faces[keep], face_material=scene.face_material[keep], face_instance=scene.face_instance[keep]
    )
    seen, clear, dark = (
        RayCastSimulator(s, camera, cache=False).render(pose)["rgb"][0].astype(int) for s in (scene, without, opaque)
    )
    assert np.abs(seen - clear).max() <= 1
    assert clear.mean() > dark.mean() + 20


def test_the_sky_has_no_seam_and_follows_the_sun() -> None:
    """Just left and right of south it is the same; a dim sun dims it."""
    scene = box_room()
    panorama = sky_panorama(scene)
    for height in (-0.5, -0.05, 0.05, 0.5, 0.99):
        left, right = (sky_light(panorama, np.float32(x), np.float32(height), np.float32(1.0)) for x in (-1e-5, 1e-5))
        np.testing.assert_allclose(left, right, atol=2e-3)
    up = sky_light(panorama, np.float32(0.0), np.float32(1.0), np.float32(0.0))
    np.testing.assert_allclose(up, panorama[0].mean(axis=0), atol=0.1)
    dim = replace(scene, lights=[DirectionalLight((0.0, -1.0, 0.0), (0.2, 0.2, 0.2))])
    np.testing.assert_allclose(sky_panorama(dim), (0.35 + 0.65 * 0.2) * panorama, rtol=1e-5)
