"""MuJoCo's renderer on the triangles of the same house, each instance a mesh."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from ...core.frame import Camera, rotation
from ...envs.assembly.building import build_scene
from ...envs.generator.house_reference import find_house
from ...envs.render.raycast import RayCastSimulator
from .work import poses_on


def prepare(house: str, side: int, frames: int) -> tuple[dict[str, Any], Any, int]:
    """A description, a call that renders, and the frames of a call."""
    scene = build_scene(find_house(house))
    spec = mujoco.MjSpec()
    spec.visual.global_.fovy, spec.visual.map.znear, spec.visual.map.zfar = 90.0, 0.001, 20.0
    spec.visual.global_.offwidth = spec.visual.global_.offheight = side
    spec.stat.extent, spec.visual.headlight.ambient = 10.0, [0.4, 0.4, 0.4]
    camera = spec.worldbody.add_body(name="agent", mocap=True).add_camera(name="eye", fovy=90.0)
    owner = np.argsort(scene.face_instance, kind="stable")
    starts = np.searchsorted(scene.face_instance[owner], np.arange(len(scene.instances) + 1))
    for number in range(1, len(scene.instances)):
        faces = owner[starts[number] : starts[number + 1]]
        if not len(faces):
            continue
        used, corners = np.unique(scene.faces[faces], return_inverse=True)
        mesh = spec.add_mesh(name=str(number), inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL)
        mesh.uservert, mesh.userface = scene.vertices[used].ravel(), corners.ravel().astype(np.int32)
        material = scene.materials[int(np.bincount(scene.face_material[faces]).argmax())]
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH, meshname=str(number), contype=0, conaffinity=0, rgba=[*material.rgb, 1.0]
        )
    model = spec.compile()
    data = mujoco.MjData(model)
    renderer = mujoco.Renderer(model, side, side)
    ours = RayCastSimulator(scene, Camera(side, side), threads=1)
    poses = poses_on(ours.floor, frames)
    turns = rotation(poses)

    def place(i: int) -> None:
        data.mocap_pos[0] = poses[i, :3]
        mujoco.mju_mat2Quat(data.mocap_quat[0], turns[i].ravel())
        mujoco.mj_forward(model, data)
        renderer.update_scene(data, camera.name)

    def depth(i: int) -> Any:
        place(i)
        renderer.enable_depth_rendering()
        image = renderer.render()
        renderer.disable_depth_rendering()
        return image

    def work() -> None:
        for i in range(frames):
            place(i)
            renderer.render()
            renderer.enable_depth_rendering()
            renderer.render()
            renderer.disable_depth_rendering()
            renderer.enable_segmentation_rendering()
            renderer.render()
            renderer.disable_segmentation_rendering()

    agree = float(np.mean(np.abs(depth(0) - ours.render(poses[:1])["depth"][0]) < 0.02))
    return (
        {
            "version": mujoco.__version__,
            "depth_agreeing": agree,
            "renders": "rgb, depth, geom ids of the same triangles, untextured; no normals",
        },
        work,
        frames,
    )
