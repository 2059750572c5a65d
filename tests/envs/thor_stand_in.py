"""A small stand-in for Unity: speaks AI2-THOR's wire protocols, and renders the house with our ray caster.

Run by the unmodified `ai2thor` Controller as if it were the build. Its answers are those of a build by its C# sources:
CreateHouse puts the agent only into a house with `metadata.agentPoses`, else it is outside and falls; so it does where
it is put into the floor. The file FAULTS in its folder makes it die, hang or cut a message short at some action.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(os.environ["TESTSPACE_STAND_IN"])
RGB, DEPTH, NORMALS, IDS, END = 4, 5, 6, 9, 255
STANDING, FALLEN = 0.901, -39.24
"""Height of the agent on the floor at 0, and where it ends without one, in metres."""
EYES = 0.675


class World:
    """The agent's state, and what it sees."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height, self.fov = width, height, 90.0
        self.x = self.z = self.yaw = self.horizon = 0.0
        self.y = STANDING
        self.scene, self.simulator, self.flags = "", None, {}
        self.answer: Any = None
        self.seed, self.bright = 0, 1.0

    def do(self, action: dict[str, Any]) -> str:
        """Do an action; returns an error message, empty where it succeeds."""
        self.answer, name = None, action["action"]
        if name == "Reset":
            self.scene, self.bright = action["sceneName"], 1.0
        elif name == "ChangeResolution":
            self.width, self.height = int(action["x"]), int(action["y"])
        elif name == "GetScenesInBuild":
            self.answer = ["Procedural", "FloorPlan1_physics"]
        elif name == "Initialize":
            self.fov, self.flags = action["fieldOfView"], action
            self.answer = {"cameraNearPlane": 0.1, "cameraFarPlane": 20.0}
        elif name == "CreateHouse":
            return self.create(action["house"])
        elif name == "GetReachablePositions":
            if self.y < 0:
                return (f"InvalidOperationException: In Procedural, position ({self.x:.1f}, {self.y:.1f}, {self.z:.1f})"
                        " can be reached via capsule cast but is then unable to be teleported to.")  # fmt: skip
            self.answer = self.reachable()
        elif name == "TeleportFull":
            self.x, self.z = action["position"]["x"], action["position"]["z"]
            self.y = action["position"]["y"] if action["position"]["y"] > 0.9005 else FALLEN
            self.yaw, self.horizon = action["rotation"]["y"], action["horizon"]
        elif name == "MoveAhead":
            return self.move(action["moveMagnitude"])
        elif name in ("RotateLeft", "RotateRight"):
            self.yaw = (self.yaw + (-1 if name == "RotateLeft" else 1) * action["degrees"]) % 360
        elif name in ("LookUp", "LookDown"):
            to = self.horizon + (-1 if name == "LookUp" else 1) * action["degrees"]
            if not -30.1 < to < 60.1:
                return "the camera cannot look there"
            self.horizon = to
        elif name == "SetRandomSeed":
            self.seed = action["seed"]
        elif name == "RandomizeLighting":
            self.bright = np.random.default_rng(self.seed).uniform(*action["brightness"])
        elif name not in ("Pass", "RandomizeMaterials", "InitialRandomSpawn"):
            return f"InvalidAction: {name}"
        return ""

    def create(self, house: dict[str, Any]) -> str:
        if not house.get("rooms"):
            return "the house has no room"
        poses = house["metadata"].get("agentPoses", {})
        self.place(poses["default"]) if "default" in poses else self.fall()
        if (FOLDER / "blank").exists():
            return ""
        from testspace.core.frame import Camera
        from testspace.envs.assembly.building import build_scene
        from testspace.envs.house.house_json import parse_house
        from testspace.envs.render.raycast import RayCastSimulator

        camera = Camera(self.width, self.height, self.fov)
        self.simulator = RayCastSimulator(build_scene(parse_house(house, "house")), camera, light="direct")
        return ""

    def place(self, pose: dict[str, Any]) -> None:
        self.x, self.y, self.z = (pose["position"][axis] for axis in "xyz")
        self.yaw, self.horizon = pose["rotation"]["y"], pose.get("horizon", 0.0)

    def fall(self) -> None:
        self.x = self.z = self.yaw = self.horizon = 0.0
        self.y = FALLEN

    def reachable(self) -> list[dict[str, float]]:
        floor = self.simulator.floor
        (x0, z0), (rows, columns) = floor.origin, floor.reachable.shape
        xs = np.arange(math.ceil(x0 * 4), (x0 + columns * floor.cell) * 4) / 4
        zs = np.arange(math.ceil(z0 * 4), (z0 + rows * floor.cell) * 4) / 4
        return [{"x": x, "y": STANDING, "z": -z} for x in xs for z in zs if floor.contains(x, z)]

    def move(self, length: float) -> str:
        x = self.x + length * math.sin(math.radians(self.yaw))
        z = self.z + length * math.cos(math.radians(self.yaw))
        if self.simulator is not None and not self.simulator.floor.segment_free((self.x, -self.z), (x, -z)):
            return "a wall is in the way"
        self.x, self.z = x, z
        self.y = STANDING  # a move ends with gravity
        return ""

    def images(self, action: dict[str, Any]) -> tuple[dict[int, bytes], list[dict[str, Any]]]:
        """Raw images, rows from the bottom, and the colours of instances."""
        shape, colours = (self.height, self.width), []
        if self.simulator is None:
            out = {RGB: np.zeros((*shape, 3), np.uint8), DEPTH: np.zeros(shape, np.float32)}
            out[NORMALS] = np.zeros((*shape, 3), np.uint8)
        else:
            pose = np.array([[self.x, self.y + EYES, -self.z, self.yaw, -self.horizon, 0.0]])
            frame, labels = self.simulator.render_with_labels(pose)
            depth = np.where(frame["depth"][0] > 0, frame["depth"][0], 20.0) / (20.0 - 0.1)  # normalised, as Unity's
            out = {
                RGB: np.clip(frame["rgb"][0] * self.bright, 0, 255).astype(np.uint8),
                DEPTH: depth.astype(np.float32),
            }
            out[NORMALS] = np.round((frame["normals"][0] + 1) / 2 * 255).astype(np.uint8)
            if action.get("renderInstanceSegmentation", self.flags.get("renderInstanceSegmentation")):
                ids = labels.instance[0]
                codes = np.stack([ids * 7 % 251, ids // 251, ids * 0 + 9, ids * 0 + 255], -1).astype(np.uint8)
                out[IDS] = codes
                colours = [{"name": name, "color": [n * 7 % 251, n // 251, 9]} for n, name in enumerate(self.names())]
        return {key: np.ascontiguousarray(image[::-1]).tobytes() for key, image in out.items()}, colours

    def names(self) -> list[str]:
        from testspace.envs.house.classes import CLASSES

        named = {"Ceiling": "Ceiling_room", "Floor": "room", "Wall": "wall"}
        kinds = [CLASSES[thing.class_id] for thing in self.simulator.scene.instances]
        return [f"{named.get(kind, kind)}|{n}" for n, kind in enumerate(kinds)]

    def objects(self) -> list[dict[str, Any]]:
        if self.simulator is None:
            return []
        none = {"x": 0.0, "y": 0.0, "z": 0.0}
        kinds = {name: name.split("|")[0].replace("room", "Floor") for name in self.names()[1:]}
        return [
            {"objectId": name, "objectType": kind, "name": name, "pickupable": n % 3 == 0, "position": none,
             "rotation": none}
            for n, (name, kind) in enumerate(kinds.items(), 1)
            if kind not in ("Ceiling_Floor", "wall")
        ]  # fmt: skip

    def message(self, action: dict[str, Any], error: str) -> tuple[dict[str, Any], dict[int, bytes]]:
        images, colours = self.images(action)
        agent = {
            "screenWidth": self.width, "screenHeight": self.height, "lastAction": action.get("action", ""),
            "lastActionSuccess": not error, "errorMessage": error, "actionReturn": self.answer,
            "errorCode": "InvalidAction" if error.startswith("InvalidAction") else "", "sceneName": self.scene,
            "colors": colours, "objects": self.objects(), "thirdPartyCameras": [],
            "agent": {"position": {"x": self.x, "y": self.y, "z": self.z},
                      "rotation": {"x": 0.0, "y": self.yaw, "z": 0.0}, "cameraHorizon": self.horizon},
            "cameraPosition": {"x": self.x, "y": self.y + EYES, "z": self.z},
        }  # fmt: skip
        return {"agents": [agent], "sequenceId": action.get("sequenceId", 0), "activeAgentId": 0,
                "thirdPartyCameras": []}, images  # fmt: skip


def trouble(action: dict[str, Any]) -> str:
    """What is to go wrong at this action; each line of FAULTS ("MoveAhead die") is good for one time."""
    file = FOLDER / "FAULTS"
    lines = file.read_text().splitlines() if file.exists() else []
    if lines and lines[0].split()[0] == action.get("action"):
        file.write_text("\n".join(lines[1:]))
        return lines[0].split()[1]
    return ""


def fifo(world: World) -> None:
    import msgpack

    to = open(os.environ["AI2THOR_FIFO_SERVER_PIPE_PATH"], "wb", buffering=0)  # noqa: SIM115
    action: dict[str, Any] = {"sequenceId": 0}
    error, source = "", None
    while True:
        metadata, images = world.message(action, error)
        body = msgpack.packb(metadata)
        data = struct.pack("!BI", 1, len(body)) + body
        for kind, image in images.items():
            data += struct.pack("!BI", kind, len(image)) + image
        wrong = trouble(action)
        if wrong == "die":
            os._exit(3)
        if wrong == "hang":
            time.sleep(1000)
        if wrong == "truncate":
            to.write(data[: len(data) // 2])
            os._exit(0)
        for start in range(0, len(data), 65536):
            to.write(data[start : start + 65536])
        to.write(struct.pack("!BI", END, 0))
        if source is None:
            source = open(os.environ["AI2THOR_FIFO_CLIENT_PIPE_PATH"], "rb")  # noqa: SIM115
        received = b""
        while True:
            header = source.read(5)
            if len(header) < 5:
                return
            kind, length = struct.unpack("!BI", header)
            if kind == END:
                break
            received = source.read(length)
        action = json.loads(received)
        error = world.do(action)


def wsgi(world: World) -> None:
    address = f"http://{os.environ['AI2THOR_HOST']}:{os.environ['AI2THOR_PORT']}/train"
    fields = {RGB: "image", DEPTH: "image_depth", NORMALS: "image_normals", IDS: "image_ids"}
    action: dict[str, Any] = {"sequenceId": 0}
    error = ""
    while True:
        metadata, images = world.message(action, error)
        parts = [("metadata", "", json.dumps(metadata).encode()),
                 ("token", "", os.environ["AI2THOR_CLIENT_TOKEN"].encode())]  # fmt: skip
        parts += [(fields[kind], f'; filename="{fields[kind]}"', image) for kind, image in images.items()]
        body = b""
        for name, more, data in parts:
            kind = "application/octet-stream" if more else "text/plain; charset=utf-8"
            head = f'--cut\r\nContent-disposition: form-data; name="{name}"{more}\r\nContent-Type: {kind}\r\n\r\n'
            body += head.encode() + data + b"\r\n"
        body += b"--cut--\r\n"
        request = urllib.request.Request(address, body, {"Content-Type": 'multipart/form-data; boundary="cut"'})
        with urllib.request.urlopen(request) as reply:
            action = json.loads(reply.read())
        if "action" not in action:
            return
        error = world.do(action)


if __name__ == "__main__":
    size = dict(zip(sys.argv, sys.argv[1:], strict=False))
    begun = World(int(size.get("-screen-width", 300)), int(size.get("-screen-height", 300)))
    (fifo if os.environ["AI2THOR_SERVER_TYPE"] == "FIFO" else wsgi)(begun)
