"""Conversions between AI2-THOR's conventions and the frame contract's.

Unity's world is left-handed, y up: a point (x, y, z) there is (x, y, -z) here, and yaw is the same number. `horizon` is
positive when the camera looks down, pitch when it looks up. `fieldOfView` is vertical, as `Camera.vertical_fov` is.
Depth is planar (Unity's LinearEyeDepth), in metres, whichever unit the build names in `depthFormat`: the Controller
converts it. Normals come as (n + 1) / 2 * 255 in Unity's view space (x right, y up, z to the viewer):
inferred from its image synthesis shader, and part of what the opt-in test compares.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.edges import canny
from ...core.frame import Frame, Labels
from ..house.classes import CLASS_ID, FOLDED

PIVOT = 0.901
"""Height of the agent's pivot above the floor, which `position` is about, in metres: that of AI2-THOR's own reachable
positions. At 0.9 its capsule would touch the floor's collider, and an agent that is put into it falls through."""
EYES = 0.675
"""Height of a standing agent's camera above its pivot, in metres."""
FAR = 19.9
"""Metres from which depth counts as no hit (the far plane is at 20)."""
_STRUCTURE = {"room": "Floor", "floor": "Floor", "wall": "Wall", "ceiling": "Ceiling", "door": "Door",
              "doorway": "Door", "window": "Window"}  # fmt: skip


def to_thor(pose: NDArray[Any]) -> dict[str, Any]:
    """Arguments of TeleportFull for a pose (6,); y and roll are ignored: the agent stands on the floor at 0."""
    x, _, z, yaw, pitch, _ = (float(value) for value in pose)
    return {
        "position": {"x": x, "y": PIVOT, "z": -z},
        "rotation": {"x": 0.0, "y": yaw % 360.0, "z": 0.0},
        "horizon": -pitch,
        "standing": True,
        "forceAction": True,
    }


def start_of(house: dict[str, Any]) -> dict[str, Any] | None:
    """Arguments of TeleportFull for the start of a house's JSON (`metadata.agent`, in AI2-THOR's own axes); None
    without one."""
    start = house.get("metadata", {}).get("agent")
    if start is None:
        return None
    return {
        "position": start["position"],
        "rotation": start["rotation"],
        "horizon": start.get("horizon", 0.0),
        "standing": start.get("standing", True),
        "forceAction": True,
    }


def pose_of(metadata: dict[str, Any]) -> NDArray[np.float64]:
    """The camera's pose (6,) by an event's metadata."""
    agent = metadata["agent"]
    place = metadata.get("cameraPosition")
    if place is None:
        place = {**agent["position"], "y": agent["position"]["y"] + EYES}
    pose = [place["x"], place["y"], -place["z"], agent["rotation"]["y"] % 360.0, -agent["cameraHorizon"], 0.0]
    return np.array(pose, np.float64)


def frame_of(event: Any) -> Frame:
    """One Frame of the contract from an event of the Controller."""
    rgb = np.ascontiguousarray(event.frame[..., :3], np.uint8)
    depth = np.asarray(event.depth_frame, np.float32)
    depth = np.where(np.isfinite(depth) & (depth > 0) & (depth < FAR), depth, np.float32(0))
    normals = event.normals_frame[..., :3].astype(np.float32) / 127.5 - 1.0
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    seen = (depth > 0)[..., None] & (length > 0.5)
    normals = np.where(seen, normals / np.maximum(length, 1e-6), 0.0).astype(np.float32)
    return {
        "rgb": rgb,
        "depth": depth,
        "normals": normals,
        "edges": canny(rgb),
        "pose": pose_of(event.metadata).astype(np.float32),
    }


def labels_of(event: Any) -> Labels:
    """Class and instance labels of an event: colours of its segmentation, named in its metadata."""
    image = event.instance_segmentation_frame.astype(np.int64)
    codes = image[..., 0] << 16 | image[..., 1] << 8 | image[..., 2]
    types = {thing["objectId"]: thing["objectType"] for thing in event.metadata["objects"]}
    semantic, instance = np.zeros(codes.shape, np.int16), np.zeros(codes.shape, np.int32)
    named = {(c[0] << 16 | c[1] << 8 | c[2]): name for name, c in event.object_id_to_color.items()}
    for number, (code, name) in enumerate(sorted(named.items(), key=lambda pair: pair[1]), 1):
        here = codes == code
        if here.any():
            semantic[here] = class_of_name(types.get(name, name.split("|", 1)[0]))
            instance[here] = number
    return Labels(semantic, instance)


def class_of_name(kind: str) -> int:
    """Class id of an object type, or of a part of the building in AI2-THOR's names; 0 for others. A ceiling is named
    Ceiling_room for its room, in older builds Ceiling."""
    part = kind.lower().partition("_")[0] if kind.startswith("Ceiling_") else kind.lower()
    return CLASS_ID.get(_STRUCTURE.get(part, FOLDED.get(kind, kind)), 0)
