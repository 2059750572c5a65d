"""The ray caster against geometry that is known in closed form, and against itself."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from scenes import BOX, ROOM, SceneMaker, box_axes, box_room, rectangle

from testspace.core.frame import Camera, check_frame
from testspace.envs.assembly.building import build_scene
from testspace.envs.house.classes import CLASS_ID
from testspace.envs.house.house_io import load_houses
from testspace.envs.render.raycast import RayCastSimulator
from testspace.envs.scene import DirectionalLight, Material, PointLight, Scene
from testspace.envs.simulator import Simulator

CAMERA = Camera(80, 60, 75.0)
POSES = np.array(
    [[0.1, 1.5, 2.3, 0, -10, 0], [-1.2, 1.1, -2.6, 150, -20, 7], [1.7, 2.2, 1.9, -35, -40, -12], [0, 0.3, 0, 90, 30, 0]]
)


def pixel_rays(pose: NDArray[np.float64], camera: Camera) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rays (H, W, 3) with forward component 1 and the axes (right, up, back) of a pose, from the written convention."""
    yaw, pitch, roll = np.radians(pose[3:])
    forward = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), -np.cos(yaw) * np.cos(pitch)])
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    right, up = np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right
    tangent = np.tan(np.radians(camera.vertical_fov) / 2) / (camera.height / 2)
    across = (np.arange(camera.width) + 0.5 - camera.width / 2) * tangent
    upwards = (camera.height / 2 - np.arange(camera.height) - 0.5) * tangent
    rays = forward + across[None, :, None] * right + upwards[:, None, None] * up
    return rays, np.stack([right, up, -forward], axis=1)


def slabs(
    origin: NDArray[np.float64], rays: NDArray[np.float64], half: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Entry and exit distances of rays through a box about 0, and the axis at which each happens."""
    with np.errstate(divide="ignore"):
        a, b = (-half - origin) / rays, (half - origin) / rays
    near, far = np.minimum(a, b), np.maximum(a, b)
    return near.max(axis=-1), far.min(axis=-1), near.argmax(axis=-1), far.argmin(axis=-1)


def closed_form(pose: NDArray[np.float64], camera: Camera) -> tuple[NDArray[np.float64], ...]:
    """Depth (H, W), normals in the camera's axes (H, W, 3), and whether the box is seen (H, W), of `box_room`."""
    rays, axes = pixel_rays(pose, camera)
    low, high = np.array(ROOM)
    _, depth, _, axis = slabs(pose[:3] - (low + high) / 2, rays, (high - low) / 2)
    normals = -np.sign(np.take_along_axis(rays, axis[..., None], -1)) * np.eye(3)[axis]
    turn = box_axes(float(BOX["yaw"]))
    own = rays @ turn
    enter, leave, side, _ = slabs((pose[:3] - BOX["center"]) @ turn, own, np.array(BOX["size"]) / 2)
    box = (enter <= leave) & (enter > 0) & (enter < depth)
    box_normals = (-np.sign(np.take_along_axis(own, side[..., None], -1)) * np.eye(3)[side]) @ turn.T
    normals = np.where(box[..., None], box_normals, normals) @ axes
    return np.where(box, enter, depth), normals, box


@pytest.fixture(scope="module")
def simulator() -> RayCastSimulator:
    """The room with a box."""
    return RayCastSimulator(box_room(), CAMERA)


@pytest.mark.parametrize("number", range(len(POSES)))
def test_depth_and_normals_of_every_pixel_in_closed_form(simulator: RayCastSimulator, number: int) -> None:
    """Walls, floor, ceiling and a turned box, seen with pitch and roll: depth to 1e-3 m, normals to 1e-3."""
    frame, labels = simulator.render_with_labels(POSES[number : number + 1])
    depth, normals, box = closed_form(POSES[number], CAMERA)
    np.testing.assert_allclose(frame["depth"][0], depth, atol=1e-3)
    np.testing.assert_allclose(frame["normals"][0], normals, atol=1e-3)
    np.testing.assert_array_equal(labels.semantic[0] == CLASS_ID["Box"], box)
    check_frame({key: array[0] for key, array in frame.items()}, CAMERA)


def test_a_projected_box_lands_on_its_instance_mask(simulator: RayCastSimulator) -> None:
    """The convex hull of the box's eight projected corners, filled, is the mask of the instance: IoU near 1."""
    instances = simulator.scene.instances
    number = next(i for i, instance in enumerate(instances) if instance.id == "box")
    box, pose = instances[number], POSES[0]
    signs = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), -1).reshape(-1, 3)
    corners = signs * np.array(box.size) / 2 @ box_axes(box.yaw).T + box.center
    _, axes = pixel_rays(pose, CAMERA)
    seen = (corners - pose[:3]) @ axes
    middle = np.array([CAMERA.width / 2, CAMERA.height / 2])
    pixels = np.stack([seen[:, 0], -seen[:, 1]], 1) / -seen[:, 2:] * CAMERA.focal + middle
    hull = cv2.convexHull(pixels.astype(np.float32))[:, 0]
    mask = simulator.render_with_labels(pose[None])[1].instance[0] == number
    centres = np.stack(np.meshgrid(np.arange(CAMERA.width) + 0.5, np.arange(CAMERA.height) + 0.5), -1).reshape(-1, 2)
    within = [cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in centres]
    held = np.array(within).reshape(mask.shape)
    assert mask.sum() > 50
    assert (held[mask] > -1e-3).all()
    assert (mask & (held > 0)).sum() / (mask | (held > 0)).sum() > 0.99


def test_labels_agree_with_geometry(simulator: RayCastSimulator) -> None:
    """Back-projected, each pixel lies in the oriented box of its instance, whose class it has."""
    frame, labels = simulator.render_with_labels(POSES)
    instances = simulator.scene.instances
    for pose, depth, instance, semantic in zip(POSES, frame["depth"], labels.instance, labels.semantic, strict=True):
        points = pose[:3] + pixel_rays(pose, CAMERA)[0] * depth[..., None]
        for number in np.unique(instance):
            one = instances[number]
            own = (points[instance == number] - one.center) @ box_axes(one.yaw)
            assert (np.abs(own) <= np.array(one.size) / 2 + 1e-3).all()
            assert (semantic[instance == number] == one.class_id).all()


def test_the_plan_read_from_depth_is_the_rooms_polygon(simulator: RayCastSimulator) -> None:
    """All that a full turn sees, seen from above, reaches exactly as far as the room does."""
    poses = np.array([[0.2, 1.4, 0.3, yaw, -15, 0] for yaw in range(0, 360, 45)])
    depth = simulator.render(poses)["depth"]
    rays = np.stack([pixel_rays(pose, CAMERA)[0] for pose in poses])
    points = (poses[:, None, None, :3] + rays * depth[..., None]).reshape(-1, 3)
    polygon = simulator.scene.rooms[0].polygon
    np.testing.assert_allclose(points[:, [0, 2]].min(axis=0), polygon.min(axis=0), atol=1e-3)
    np.testing.assert_allclose(points[:, [0, 2]].max(axis=0), polygon.max(axis=0), atol=1e-3)
    assert points[:, 1].min() == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_gives_the_same_bytes(simulator: RayCastSimulator, threads: int) -> None:
    """1, 2 and 3 threads, and the poses one by one."""
    poses = np.tile(POSES, (3, 1))
    truth, labels = RayCastSimulator(simulator.scene, CAMERA, threads=1).render_with_labels(poses)
    frame, other = RayCastSimulator(simulator.scene, CAMERA, threads=threads).render_with_labels(poses)
    for key in truth:
        np.testing.assert_array_equal(truth[key], frame[key])
        np.testing.assert_array_equal(truth[key][1], simulator.render(poses[1:2])[key][0])
    np.testing.assert_array_equal(labels.semantic, other.semantic)
    np.testing.assert_array_equal(labels.instance, other.instance)


def test_poses_of_any_number_type_and_none(simulator: RayCastSimulator) -> None:
    """float32, float64 and whole numbers are one; no poses give no frames."""
    whole = np.array([[0, 1, 2, 90, 0, 0]])
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(simulator.render(whole)["depth"], simulator.render(whole.astype(dtype))["depth"])
    empty = simulator.render(np.zeros((0, 6)))
    assert empty["rgb"].shape == (0, 60, 80, 3)
    assert empty["pose"].shape == (0, 6)


def test_bad_poses_are_refused_by_number(simulator: RayCastSimulator) -> None:
    """Not finite, wrong shape, not numbers."""
    poses = POSES.copy()
    poses[2, 4] = np.nan
    with pytest.raises(ValueError, match="pose 2 is not finite"):
        simulator.render(poses)
    with pytest.raises(ValueError, match=r"shape \(N, 6\).*got \(6,\)"):
        simulator.render(POSES[0])
    with pytest.raises(ValueError, match="expected numbers"):
        simulator.render(np.array([["a"] * 6]))


def test_a_scene_without_triangles_is_refused() -> None:
    """There is nothing to see, and it is said which scene it is."""
    scene = box_room()
    nothing = replace(
        scene,
        faces=np.zeros((0, 3), np.int32), face_material=np.zeros(0, np.int32), face_instance=np.zeros(0, np.int32),
    )  # fmt: skip
    with pytest.raises(ValueError, match="made by a test: nothing to render"):
        RayCastSimulator(nothing)
    with pytest.raises(ValueError, match="threads"):
        RayCastSimulator(scene, threads=0)


def lone_wall(**material: object) -> SceneMaker:
    """A wall of 2 x 2 m at z = -2, facing +z, in nothing."""
    maker = SceneMaker()
    maker.materials = [Material("wall", (0.5, 0.5, 0.5), **material)]  # type: ignore[arg-type]
    maker.box("wall", "Wall", (0, 1, -2.05), (2, 2, 0.1))
    return maker


def test_nothing_is_void() -> None:
    """Beside a lone wall: depth, normals and labels 0, and a sky that is not black."""
    simulator = RayCastSimulator(lone_wall().scene(), Camera(40, 40, 90.0))
    frame, labels = simulator.render_with_labels(np.array([[0, 1, 0, 0, 0, 0.0]]))
    void = frame["depth"][0] == 0
    assert 0.6 < void.mean() < 0.8  # the wall fills the middle half of both sides
    assert (frame["normals"][0][void] == 0).all()
    assert (labels.semantic[0][void] == 0).all()
    assert (labels.instance[0][void] == 0).all()
    assert (frame["rgb"][0][void] > 100).any(axis=-1).all()


def test_surfaces_are_seen_from_both_sides() -> None:
    """The back of a single quad shows the normal of the side that is seen."""
    maker = SceneMaker()
    maker.box("room", "Wall", (0, 1, 0), (4, 4, 4), inward=True)
    simulator = RayCastSimulator(maker.scene(), Camera(20, 20, 60.0))
    for z, yaw in ((0.0, 0.0), (-4.0, 180.0)):  # the wall at z = -2, from inside and from outside
        frame = simulator.render(np.array([[0, 1, z, yaw, 0, 0]]))
        np.testing.assert_allclose(frame["normals"][0], np.broadcast_to([0, 0, 1.0], (20, 20, 3)), atol=1e-6)


def smooth_ball() -> Scene:
    """A ball of radius 1 m about (0, 1, -3), with the normals of the true ball."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, 33), np.linspace(0, 2 * np.pi, 65), indexing="ij")
    normals = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1).reshape(-1, 3)
    first = (np.arange(32)[:, None] * 65 + np.arange(64)).reshape(-1, 1, 1)
    faces = (first + np.array([[0, 1, 66], [0, 66, 65]])).reshape(-1, 3)
    return replace(
        lone_wall().scene(),
        vertices=(normals + np.array([0, 1, -3])).astype(np.float32),
        normals=normals.astype(np.float32),
        uv=np.zeros((len(normals), 2), np.float32),
        faces=faces.astype(np.int32),
        face_material=np.zeros(len(faces), np.int32),
        face_instance=np.ones(len(faces), np.int32),
    )


def test_normals_are_smooth_unit_and_turned_to_the_viewer() -> None:
    """On a ball of 4,096 triangles the normals are those of the true ball within a degree, up to the outline."""
    camera, pose = Camera(64, 64, 60.0), np.array([0, 1, 0, 0, 0, 0.0])
    frame = RayCastSimulator(smooth_ball(), camera).render(pose[None])
    hit = frame["depth"][0] > 0
    rays, _ = pixel_rays(pose, camera)
    points = rays * frame["depth"][0][..., None] + [0, 0, 3]
    truth = points / np.linalg.norm(points, axis=-1, keepdims=True)
    normals = frame["normals"][0]
    np.testing.assert_allclose(np.linalg.norm(normals[hit], axis=-1), 1.0, atol=1e-5)
    assert ((normals * rays).sum(-1)[hit] < 0).all()
    middle = hit & ((-truth * rays).sum(-1) / np.linalg.norm(rays, axis=-1) > 0.3)
    assert np.degrees(np.arccos(np.clip((normals * truth).sum(-1)[middle], -1, 1))).max() < 1.0


def test_textures_repeat_every_tile_from_the_first_texel() -> None:
    """A texture red in its left and blue in its right half, a metre a repeat, on a wall of 2 m: four stripes."""
    texture = np.zeros((1, 128, 128, 3), np.uint8)
    texture[..., :64, 0] = texture[..., 64:, 2] = 255
    maker = lone_wall(texture=0, tile=1.0)
    simulator = RayCastSimulator(maker.scene(textures=texture), Camera(80, 80, 53.13))
    frame = simulator.render(np.array([[0, 1, 0, 0, 0, 0]]))
    row = frame["rgb"][0][40].astype(int)
    stripes = np.array([row[start + 10, 0] > row[start + 10, 2] for start in (0, 20, 40, 60)])
    np.testing.assert_array_equal(stripes, [True, False, True, False])


def test_a_lamp_throws_the_shadow_that_geometry_says() -> None:
    """A plate of 0.4 m halfway between lamp and floor shades 0.8 m of floor, sharply, and nothing else."""
    maker = SceneMaker()
    maker.box("room", "Floor", (0, 1.5, 0), (6, 3, 6), inward=True)
    maker.box("plate", "Box", (0, 1.0, 0), (0.4, 0.001, 0.4))
    scene = maker.scene(lights=[PointLight((0, 2.0, 0), (1, 1, 1), 15.0, None)])
    pose, camera = np.array([[0, 0.9, 0, 0, -89.9, 0.0]]), Camera(90, 90, 90.0)
    lit, bare = (
        RayCastSimulator(scene, camera, shadows=on, light="direct").render(pose)["rgb"][0].astype(int)
        for on in (True, False)
    )
    assert (lit <= bare).all()
    rays, _ = pixel_rays(pose[0], camera)
    floor = pose[0, :3] + rays * (0.9 / -rays[..., 1:2])
    reach = np.abs(floor[..., [0, 2]]).max(axis=-1)
    darker = (bare - lit).max(axis=-1) > 5
    assert darker[reach < 0.38].all()
    assert not darker[reach > 0.42].any()


def test_light_does_not_leak_through_a_wall() -> None:
    """A lamp in one of two closed rooms leaves the other as dark as no lamp does; ambient light alone is left."""
    maker = SceneMaker()
    maker.box("here", "Floor", (-2, 1.25, 0), (3.9, 2.5, 4), inward=True)
    maker.box("there", "Floor", (2, 1.25, 0), (3.9, 2.5, 4), inward=True)
    lamp = PointLight((2, 2.2, 0), (1, 1, 1), 15.0, None)
    rooms = [rectangle("here", -4, -2, 0, 2), rectangle("there", 0, -2, 4, 2)]
    poses = np.array([[-2, 1.5, 0, yaw, -10, 0] for yaw in (0, 90, 180, 270)])
    dark, lit = (RayCastSimulator(maker.scene(rooms, lights), CAMERA).render(poses)["rgb"] for lights in ([], [lamp]))
    np.testing.assert_array_equal(dark, lit)
    poses[:, 0] = 2
    dark, lit = (RayCastSimulator(maker.scene(rooms, lights), CAMERA).render(poses)["rgb"] for lights in ([], [lamp]))
    assert lit.mean() > dark.mean() + 20


def test_the_sun_shines_through_windows_only() -> None:
    """A hole with a window in it lets a patch of sun onto the floor where geometry puts it, and nowhere else."""
    maker = SceneMaker()
    maker.box("floor", "Floor", (0, -0.05, 0), (6, 0.1, 6))
    maker.box("ceiling", "Ceiling", (0, 3.05, 0), (6, 0.1, 6))
    for name, z0, z1, y0, y1 in (
        ("left", -3, -0.5, 0, 3), ("right", 0.5, 3, 0, 3), ("low", -0.5, 0.5, 0, 1), ("high", -0.5, 0.5, 2, 3),
    ):  # fmt: skip
        maker.box(name, "Wall", (3, (y0 + y1) / 2, (z0 + z1) / 2), (0.02, y1 - y0, z1 - z0))
    maker.materials.append(Material("glass", (1, 1, 1), opacity=0.1))
    maker.box("window", "Window", (3, 1.5, 0), (0.01, 1, 1), material=1)
    sun = DirectionalLight((-0.70710678, -0.70710678, 0.0), (1, 1, 1))
    pose, camera = np.array([[1.5, 2.9, 0, 0, -89.9, 0.0]]), Camera(90, 90, 90.0)
    dark, lit = (
        RayCastSimulator(maker.scene(lights=lights), camera, light="direct").render(pose) for lights in ([], [sun])
    )
    rays, _ = pixel_rays(pose[0], camera)
    x, _, z = np.moveaxis(pose[0, :3] + rays * lit["depth"][0][..., None], -1, 0)
    brighter = (lit["rgb"][0].astype(int) - dark["rgb"][0]).max(axis=-1) > 5
    on_floor = lit["depth"][0] > 2.8
    patch = np.maximum(np.abs(x - 1.5) - 0.5, np.abs(z) - 0.5)  # the hole, 1 to 2 m high, moved by its height
    assert brighter[on_floor & (patch < -0.04)].all()
    assert not brighter[on_floor & (patch > 0.04)].any()


def test_antialiasing_smooths_rgb_and_leaves_the_rest(simulator: RayCastSimulator) -> None:
    """Depth, normals and labels stay byte for byte; rgb changes along edges and hardly elsewhere."""
    smooth = RayCastSimulator(simulator.scene, CAMERA, antialias=2)
    (plain, labels), (fine, fine_labels) = simulator.render_with_labels(POSES), smooth.render_with_labels(POSES)
    for key in ("depth", "normals", "pose"):
        np.testing.assert_array_equal(plain[key], fine[key])
    np.testing.assert_array_equal(labels.instance, fine_labels.instance)
    change = np.abs(plain["rgb"].astype(int) - fine["rgb"]).max(axis=-1)
    assert change.max() > 10
    assert (change > 3).mean() < 0.1


def test_it_is_a_simulator(simulator: RayCastSimulator) -> None:
    """The protocol that the environment asks for."""
    assert isinstance(simulator, Simulator)
    assert simulator.floor.contains(0.0, 2.0)


def test_every_real_house_has_a_floor_and_a_frame(shared_data: Path) -> None:
    """48 houses of 1 to 10 rooms: each has a floor that reaches every room, and frames that keep the contract."""
    camera = Camera(64, 64)
    houses = load_houses(shared_data / "procthor-houses.jsonl.gz")
    assert len(houses) == 48
    for line, house in enumerate(houses):
        scene = build_scene(house)
        # every light is baked in its own tests; here in one house of 24, since it takes a second each
        simulator = RayCastSimulator(scene, camera, light="direct" if line % 24 else "baked", cache=False)
        floor = simulator.floor
        x, z = floor.sample(1, np.random.default_rng(line))[0]
        frame, labels = simulator.render_with_labels(np.array([[x, 1.5, z, 90.0 * (line % 4), -10, 0]]))
        check_frame({key: array[0] for key, array in frame.items()}, camera)
        assert (labels.instance[0] > 0).mean() > 0.9, line
        assert (frame["depth"][0][labels.instance[0] > 0] < 60).all(), line
        assert 20 < frame["rgb"].mean() < 235, line
        centres = floor.from_cells(np.argwhere(floor.reachable))
        for room in scene.rooms:
            assert shapely.contains_xy(shapely.Polygon(room.polygon), *centres.T).any(), (line, room.id)


@pytest.mark.parametrize("light", ["baked", "direct"])
def test_rendering_keeps_no_memory(light: Literal["baked", "direct"]) -> None:
    """The kernels run without counted references: none may be left behind on what they are given or fill."""
    simulator = RayCastSimulator(box_room(), Camera(16, 12), light=light, cache=False)
    simulator.render(POSES)
    held = [*simulator._tables, simulator.scene.vertices]
    before = [sys.getrefcount(array) for array in held]
    depths = [simulator.render(POSES)["depth"] for _ in range(20)]
    assert [sys.getrefcount(array) for array in held] == before
    assert {sys.getrefcount(depth) for depth in depths} == {3}  # the list, the loop's name and the call's argument


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 3), (16, 9), (33, 66)])
def test_images_of_any_size(width: int, height: int) -> None:
    """Sides that tiles of 4 x 4 do not fill: every pixel is the closed form's."""
    camera = Camera(width, height, 75.0)
    frame, labels = RayCastSimulator(box_room(), camera, light="direct").render_with_labels(POSES)
    for number, pose in enumerate(POSES):
        depth, normals, box = closed_form(pose, camera)
        np.testing.assert_allclose(frame["depth"][number], depth, atol=1e-3)
        np.testing.assert_allclose(frame["normals"][number], normals, atol=1e-3)
        np.testing.assert_array_equal(labels.semantic[number] == CLASS_ID["Box"], box)
