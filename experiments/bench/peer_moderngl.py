"""An OpenGL rasteriser by moderngl on the same triangles: every output in one pass over an indexed mesh.

Its lighting is almost free (one value from the normal) and it has no shadows, so this is its best case.
"""

from __future__ import annotations

from typing import Any

import cv2
import moderngl
import numpy as np

from ...core.frame import Camera, rotation
from ...envs.assembly.building import build_scene
from ...envs.generator.house_reference import find_house
from ...envs.render.raycast import RayCastSimulator
from .work import poses_on

NEAR, FAR, ROW = 0.01, 100.0, 4096

VERTEX = """
#version 330
uniform mat4 view; uniform float near, far;
in vec3 place; in vec3 normal; in vec2 uv;
out vec3 n; out vec2 t; out float z;
void main() {
    vec4 p = view * vec4(place, 1.0);
    n = mat3(view) * normal; t = uv; z = -p.z;
    gl_Position = vec4(p.x, p.y, (far + near) / (far - near) * z - 2.0 * far * near / (far - near), z);
}
"""
FRAGMENT = """
#version 330
uniform isampler2D faces; uniform sampler2D materials; uniform sampler2DArray textures;
in vec3 n; in vec2 t; in float z;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec4 shape;
layout(location = 2) out ivec2 labels;
void main() {
    ivec4 face = texelFetch(faces, ivec2(gl_PrimitiveID % 4096, gl_PrimitiveID / 4096), 0);
    vec4 paint = texelFetch(materials, ivec2(0, face.x), 0), more = texelFetch(materials, ivec2(1, face.x), 0);
    vec3 rgb = paint.rgb;
    if (paint.a >= 0.0) rgb *= texture(textures, vec3(t * more.x, paint.a)).rgb;
    vec3 unit = normalize(n);
    if (!gl_FrontFacing) unit = -unit;
    colour = vec4(rgb * (0.6 + 0.4 * unit.z), 1.0);
    shape = vec4(unit, z);
    labels = face.yz;
}
"""


def prepare(house: str, side: int, frames: int) -> tuple[dict[str, Any], Any, int]:
    """A description, a call that renders, and the frames of a call."""
    scene = build_scene(find_house(house))
    gl: Any = moderngl  # its types say less than it can do
    context = gl.create_standalone_context(backend="egl")
    program = context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
    rows = -(-len(scene.faces) // ROW)
    table = np.zeros((rows * ROW, 4), np.int32)
    table[: len(scene.faces), :3] = np.stack([scene.face_material, scene.face_class, scene.face_instance], 1)
    paint = np.array([[(*m.rgb, m.texture), (1 / max(m.tile, 1e-6), 0, 0, 0)] for m in scene.materials], np.float32)
    layers = scene.textures if len(scene.textures) else np.zeros((1, 128, 128, 3), np.uint8)
    images: dict[str, Any] = {
        "faces": context.texture((ROW, rows), 4, table.tobytes(), dtype="i4"),
        "materials": context.texture((2, len(paint)), 4, paint.tobytes(), dtype="f4"),
        "textures": context.texture_array((128, 128, len(layers)), 3, layers.tobytes()),
    }
    images["textures"].build_mipmaps()
    for slot, (name, image) in enumerate(images.items()):
        image.use(slot)
        program[name].value = slot
    program["near"].value, program["far"].value = NEAR, FAR
    vertices = np.concatenate([scene.vertices, scene.normals, scene.uv], 1)
    mesh = context.vertex_array(
        program,
        [(context.buffer(vertices.tobytes()), "3f 3f 2f", "place", "normal", "uv")],
        context.buffer(scene.faces.tobytes()),
    )
    outputs = [context.texture((side, side), n, dtype=kind) for n, kind in ((4, "f1"), (4, "f4"), (2, "i4"))]
    target = context.framebuffer(outputs, context.depth_renderbuffer((side, side)))
    target.use()
    context.enable(moderngl.DEPTH_TEST)
    ours = RayCastSimulator(scene, Camera(side, side), threads=1)
    poses = poses_on(ours.floor, frames)
    views = np.tile(np.eye(4), (frames, 1, 1))
    views[:, :3, :3] = rotation(poses).swapaxes(1, 2)
    views[:, :3, 3] = -np.einsum("nij,nj->ni", views[:, :3, :3], poses[:, :3])

    def render(i: int) -> tuple[Any, Any, Any]:
        program["view"].write(views[i].T.astype(np.float32).tobytes())
        target.clear()
        mesh.render()
        colour = np.frombuffer(outputs[0].read(), np.uint8).reshape(side, side, 4)[::-1, :, :3]
        shape = np.frombuffer(outputs[1].read(), np.float32).reshape(side, side, 4)[::-1]
        labels = np.frombuffer(outputs[2].read(), np.int32).reshape(side, side, 2)[::-1]
        return colour, shape, labels

    def work() -> None:
        for i in range(frames):
            cv2.Canny(np.ascontiguousarray(render(i)[0]), 100, 200)

    frame, truth = ours.render_with_labels(poses[:1])
    _, shape, labels = render(0)
    return (
        {
            "version": gl.__version__,
            "renderer": context.info["GL_RENDERER"],
            "depth_agreeing": float(np.mean(np.abs(shape[..., 3] - frame["depth"][0]) < 0.02)),
            "instances_agreeing": float(np.mean(labels[..., 1] == truth.instance[0])),
            "renders": "all outputs in one pass of the same triangles and textures; no shadows",
        },
        work,
        frames,
    )
