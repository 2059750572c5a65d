"""Our classes of a scene's categories, whose names differ between data sets in spelling only."""

from __future__ import annotations

from ..house.classes import CLASS_ID, CLASSES
from ..meshes.replica import REPLICA_CLASSES

# Matterport3D's categories and frequent names of HM3D, for our classes.
_NAMES = {
    "alarm clock": "AlarmClock", "armchair": "ArmChair", "bedside table": "SideTable", "bookshelf": "ShelvingUnit",
    "chest of drawers": "Dresser", "coffee table": "CoffeeTable", "counter": "CounterTop", "desk lamp": "DeskLamp",
    "dining chair": "Chair", "dining table": "DiningTable", "door frame": "Door", "doorway": "Door",
    "floor lamp": "FloorLamp", "fridge": "Fridge", "kitchen counter": "CounterTop", "office chair": "Chair",
    "plant": "HousePlant", "potted plant": "HousePlant", "shelving": "ShelvingUnit", "side table": "SideTable",
    "shower curtain": "ShowerCurtain", "table lamp": "DeskLamp", "toilet paper": "ToiletPaper",
    "trash can": "GarbageCan", "tv": "Television", "tv monitor": "Television", "washing machine": "WashingMachine",
    "window frame": "Window",
}  # fmt: skip


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("-", " ").replace("_", " ").split())


_OURS = {_plain(name): name for name in CLASSES}
_MEANT = _OURS | _NAMES | {_plain(name): ours for name, ours in REPLICA_CLASSES.items()}


def class_of_category(name: str) -> int:
    """Class id of a category by its name ("tv-screen", "tv_monitor", "Television"); 0 for others."""
    return CLASS_ID[_MEANT.get(_plain(name), "void")]
