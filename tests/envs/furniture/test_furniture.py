"""Furniture: primitives against closed forms (trimesh), and every type at any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import example, given, settings
from hypothesis import strategies as st

from testspace.envs.furniture.catalogue import BOX_TYPES, BUILDERS, Model, fitted, model
from testspace.envs.furniture.rests import RESTS, rest_height
from testspace.envs.furniture.shapes import Part, ball, box, curve, cylinder, lathe, slab, soft_box, tube
from testspace.envs.generator import generate_house
from testspace.envs.house.assets import Asset, asset, assets, assets_of
from testspace.envs.house.classes import CLASS_ID, FOLDED
from testspace.envs.house.house_io import load_house
from testspace.envs.materials.textures import TEXTURE_ID

TYPES = sorted(BUILDERS)


def _solid(part: Part) -> trimesh.Trimesh:
    return trimesh.Trimesh(np.round(part.vertices, 9), part.faces, process=True)


RING = [(np.cos(a), 0.0, np.sin(a)) for a in np.linspace(0, 2 * np.pi, 37)[:-1]]
POLYGON = 0.5 * 24 * np.sin(2 * np.pi / 24)  # area of a 24-gon in the unit circle


@pytest.mark.parametrize(
    ("part", "volume", "tolerance"),
    [
        (box(-1, 2, 0, 0.5, 1, 3), 3.0, 1e-9),
        (slab([(1, 0), (0, -1), (-1, 0), (0, 1)], 0, 0.5), 1.0, 1e-9),
        (cylinder(1, 2, 0, 2, 0.5, segments=24), 2 * 0.25 * POLYGON, 1e-9),
        (cylinder(0, 0, 0, 3, 1.0, 0.5, segments=24), POLYGON * (1 + 0.5 + 0.25), 1e-9),
        (ball(0, 0, 0, 1, 2, 3, 48, 24), 8 * np.pi, 0.02),
        (soft_box(0, 1, 0, 2, 0, 3, 1e-4), 6.0, 1e-3),
        (tube([(0, 0, 0), (0, 2, 0)], 0.5, 24), 2 * 0.25 * POLYGON, 1e-9),
        (tube([(0, 0, 0), (2, 0, 0)], 0.5, 24), 2 * 0.25 * POLYGON, 1e-9),
        (tube(RING, 0.1, 24, closed=True), 2 * np.pi * 0.01 * POLYGON, 0.02),
        (lathe([(0.5, 0), (1, 0), (1, 1), (0.5, 1), (0.5, 0)], 24), 0.75 * POLYGON, 1e-9),
    ],
)
def test_primitives_are_closed_outward_and_have_their_volume(part: Part, volume: float, tolerance: float) -> None:
    solid = _solid(part)
    assert solid.is_watertight
    assert solid.volume == pytest.approx(volume, rel=max(tolerance, 1e-6))


def test_turning_keeps_shape_and_moves_points_as_a_right_handed_rotation() -> None:
    part = box(0, 1, 0, 2, 0, 3)
    for axis, start, end in (("x", (0, 1, 0), (0, 0, 1)), ("y", (0, 0, 1), (1, 0, 0)), ("z", (1, 0, 0), (0, 1, 0))):
        point = Part(np.array([start], float), np.array([start], float), np.zeros((1, 2)), np.zeros((0, 3), np.int64))
        np.testing.assert_allclose(point.turned(axis, 90).vertices[0], end, atol=1e-12)
        assert _solid(part.turned(axis, 37)).volume == pytest.approx(6.0)


def _check(form: Model, size: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(form.vertices.max(0), np.array(size) / 2, atol=1e-9)
    np.testing.assert_allclose(form.vertices.min(0), -np.array(size) / 2, atol=1e-9)
    assert np.isfinite(form.normals).all()
    assert np.isfinite(form.uv).all()
    np.testing.assert_allclose(np.linalg.norm(form.normals, axis=1), 1, atol=1e-6)
    corner = form.vertices[form.faces]
    flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    assert np.linalg.norm(flat, axis=1).min() > 0
    assert 0 <= form.faces.min() <= form.faces.max() < len(form.vertices)
    assert form.face_material.max() < len(form.materials)


def test_every_asset_fills_its_box_and_faces_outwards() -> None:
    for entry in assets().values():
        if entry.type in FOLDED:
            continue
        form = model(entry.asset_id)
        _check(form, entry.size)
        corner = form.vertices[form.faces]
        flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        area = np.linalg.norm(flat, axis=1)
        agree = (flat * form.normals[form.faces].sum(1)).sum(1) > 0
        assert area[~agree].sum() < 0.005 * area.sum(), entry.asset_id
        assert len(form.faces) < 2500, entry.asset_id


@settings(deadline=None, max_examples=120)
@given(
    kind=st.sampled_from(TYPES),
    size=st.tuples(*[st.floats(0.004, 3.0)] * 3),
    name=st.text("abcXYZ_019", min_size=1, max_size=8),
)
@example("DiningTable", (1.0, 1.0, 0.0625), "0")
@example("ArmChair", (1.0, 1.0, 0.03125), "1")
def test_every_type_builds_at_any_size(kind: str, size: tuple[float, float, float], name: str) -> None:
    entry = Asset(name, kind, size, None, (), "", ())
    _check(fitted(entry), size)


def test_every_type_with_assets_has_a_form_or_is_listed_as_a_box() -> None:
    types = {entry.type for entry in assets().values()}
    assert types <= set(BUILDERS) | set(BOX_TYPES)
    assert not set(BUILDERS) & set(BOX_TYPES)
    assert set(BUILDERS) <= set(CLASS_ID)


@pytest.mark.parametrize("kind", ["Chair", "Sofa", "DiningTable", "Bed", "HousePlant", "Vase", "Painting", "Book"])
def test_assets_of_a_type_differ_in_form_or_colour(kind: str) -> None:
    forms = [model(entry.asset_id) for entry in assets_of(kind)]
    looks = {(len(f.faces), tuple((*m.rgb, m.texture) for m in f.materials)) for f in forms}
    assert len(looks) > 0.4 * len(forms)


@pytest.mark.parametrize("kind", ["DiningTable", "CoffeeTable", "SideTable", "Dresser", "TVStand"])
def test_tops_on_which_things_rest_are_at_the_top_of_the_box(kind: str) -> None:
    for entry in assets_of(kind):
        form = model(entry.asset_id)
        top = (form.vertices[:, 1] > entry.size[1] / 2 - 1e-6) & (form.normals[:, 1] > 0.99)
        points = form.vertices[top]
        assert np.ptp(points[:, 0]) > 0.9 * entry.size[0]
        assert np.ptp(points[:, 2]) > 0.9 * entry.size[2]


def test_corner_counters_leave_the_room_in_front_of_them_free() -> None:
    """An L has its arm on the right of the asset's own axes, hence on the left here, where the front is +z."""
    entry = assets()["Countertop_L_8x8"]
    points = model(entry.asset_id).vertices
    x, z = entry.size[0] / 2, entry.size[2] / 2
    assert not ((points[:, 0] > -x + 0.7) & (points[:, 2] > -z + 0.7)).any()
    assert ((points[:, 0] < -x + 0.1) & (points[:, 2] > z - 0.1)).any()


def test_plants_are_green_and_toilets_white() -> None:
    for entry in assets_of("HousePlant"):
        r, g, b = model(entry.asset_id).materials[-1].rgb
        assert g > max(r, b)
    for entry in assets_of("Toilet"):
        form = model(entry.asset_id)
        assert min(form.materials[form.main].rgb) > 0.8


def test_an_unknown_asset_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="Chair_nowhere"):
        model("Chair_nowhere")


def _looks(form: Model) -> tuple[object, ...]:
    """What tells two models apart: form to the millimetre of a unit box, colours and textures."""
    extent = np.ptp(form.vertices, axis=0)
    shape = np.round(form.vertices / extent, 3).tobytes()
    return (len(form.faces), shape, tuple((*m.rgb, m.texture) for m in form.materials))


def test_every_type_of_the_real_houses_and_of_the_generator_has_a_form(shared_data: Path) -> None:
    path = shared_data / "procthor-houses.jsonl.gz"
    placed = {asset(thing.asset_id).type for i in range(48) for thing in load_house(f"{path}:{i}").all_objects()}
    assert len(placed) > 80
    assert placed <= set(BUILDERS)
    for seed in range(4):
        assert {asset(thing.asset_id).type for thing in generate_house(seed).all_objects()} <= set(BUILDERS)


def test_assets_of_a_type_differ() -> None:
    """Different ids give different forms or looks: nearly always, and in every type at least once."""
    different = total = 0
    for kind in TYPES:
        looks = {_looks(model(entry.asset_id)) for entry in assets_of(kind)}
        total, different = total + len(assets_of(kind)), different + len(looks)
        assert len(looks) > 1 or len(assets_of(kind)) == 1, kind
    assert different > 0.9 * total


@pytest.mark.parametrize("kind", ["Sofa", "Bed", "Chair", "ShelvingUnit", "DiningTable", "HousePlant"])
def test_a_type_has_several_shapes(kind: str) -> None:
    """One size and no materials: what is left is the chance that the id gives."""
    entries = [Asset(f"{kind}_{k}", kind, (1.6, 0.9, 0.9), None, (), "", ()) for k in range(12)]
    assert len({len(fitted(entry).faces) for entry in entries}) >= 3


@pytest.mark.parametrize("name", ["Bed_25", "RoboTHOR_bed_meldal", "Sofa_218_1", "Sofa_207_2", "Armchair_201_5"])
def test_seats_and_beds_carry_things_where_the_houses_rest_them(name: str) -> None:
    entry, form = assets()[name], model(name)
    corner = form.vertices[form.faces]
    # the highest surface above a point before the middle of the seat, clear of cushions and pillows
    at = np.array([0.2 * entry.size[0], 0.22 * entry.size[2]])
    a, b, c = (corner[:, k][:, [0, 2]] for k in range(3))

    def side(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return (q[:, 0] - p[:, 0]) * (at[1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (at[0] - p[:, 0])

    turns = np.stack([side(a, b), side(b, c), side(c, a)])
    under = (turns > 0).all(0) | (turns < 0).all(0)
    top = corner[under][..., 1].mean(1).max() + entry.size[1] / 2
    assert top == pytest.approx(RESTS[name], abs=0.05)


def test_seats_of_unknown_assets_lie_inside_their_box() -> None:
    for kind in ("Bed", "Sofa", "ArmChair", "Chair"):
        for height in (0.2, 0.5, 0.9, 1.4, 2.2):
            assert 0.25 * height < rest_height("nowhere", kind, height) < 0.95 * height


def test_shelves_hold_books() -> None:
    spines = {number for name, number in TEXTURE_ID.items() if name.startswith("books")}
    held = [any(m.texture in spines for m in model(entry.asset_id).materials) for entry in assets_of("ShelvingUnit")]
    assert np.mean(held) > 0.5


def test_smooth_lines_run_through_their_points() -> None:
    points = [(0.2, 0.0), (0.5, 0.3), (0.3, 0.8), (0.4, 1.0)]
    line = curve(points, 4)
    np.testing.assert_allclose(line[::4], points)
    assert len(line) == 13
    assert min(r for r, _ in curve([(0.0, 0), (0.01, 0.5), (0.9, 1.0), (0.0, 1.5)])) >= 0
