"""The classes of pixel labels.

The ids are fixed here instead of read from the asset database, so that stored labels and heads stay valid.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

STRUCTURE: tuple[str, ...] = ("Wall", "Floor", "Ceiling", "Door", "Window")
"""Classes of the building itself, without its objects."""

# fmt: off
OBJECT_TYPES: tuple[str, ...] = (
    "AlarmClock", "AluminumFoil", "Apple", "ArmChair", "BaseballBat", "BasketBall", "Bed", "Blinds", "Book", "Boots",
    "Bottle", "Bowl", "Box", "Bread", "ButterKnife", "CD", "Candle", "Cart", "CellPhone", "Chair", "Cloth",
    "ClothesDryer", "CoffeeMachine", "CoffeeTable", "CounterTop", "CreditCard", "Cup", "Desk", "DeskLamp", "Desktop",
    "DiningTable", "DishSponge", "DogBed", "Dresser", "Dumbbell", "Egg", "Faucet", "FloorLamp", "Footstool", "Fork",
    "Fridge", "GarbageBag", "GarbageCan", "HandTowel", "HandTowelHolder", "HousePlant", "Kettle", "KeyChain", "Knife",
    "Ladle", "Laptop", "LaundryHamper", "Lettuce", "LightSwitch", "Microwave", "Mug", "Newspaper", "Ottoman",
    "Painting", "Pan", "PaperTowelRoll", "Pen", "Pencil", "PepperShaker", "Pillow", "Plate", "Plunger", "Pot",
    "Potato", "RemoteControl", "RoomDecor", "Safe", "SaltShaker", "ScrubBrush", "ShelvingUnit", "ShowerCurtain",
    "ShowerHead", "SideTable", "Sink", "SoapBar", "SoapBottle", "Sofa", "Spatula", "Spoon", "SprayBottle", "Statue",
    "Stool", "TVStand", "TableTopDecor", "TeddyBear", "Television", "TennisRacket", "TissueBox", "Toaster", "Toilet",
    "ToiletPaper", "ToiletPaperHanger", "Tomato", "Towel", "TowelHolder", "VacuumCleaner", "Vase", "WashingMachine",
    "Watch", "WateringCan", "WineBottle",
)
# fmt: on
"""AI2-THOR object types of the asset database, sorted, without those that are structure (see FOLDED)."""

FOLDED: dict[str, str] = {"Doorway": "Door", "Doorframe": "Door", "Window": "Window"}
"""Asset types that are labelled as structure."""

CLASSES: tuple[str, ...] = ("void", *STRUCTURE, *OBJECT_TYPES)
"""Names by class id; 0 is void: no hit, or an object without a class."""

CLASS_ID: dict[str, int] = {name: index for index, name in enumerate(CLASSES)}
"""Class ids by name."""


def class_of(asset_type: str) -> int:
    """Class id of an asset's type; doors and windows fold into structure. KeyError if the type has none."""
    return CLASS_ID[FOLDED.get(asset_type, asset_type)]


_FIXED_COLOURS = {
    "Wall": (176, 187, 204), "Floor": (120, 98, 76), "Ceiling": (236, 232, 222), "Door": (214, 96, 40),
    "Window": (120, 205, 235),
}  # fmt: skip
"""Quiet colours of what fills most pictures."""
_FREQUENT = (
    "Bed", "Painting", "CounterTop", "Fridge", "DiningTable", "Dresser", "Sofa", "Television", "Chair", "ShelvingUnit",
    "ArmChair", "Sink", "Toilet", "HousePlant", "FloorLamp", "SideTable", "TVStand", "CoffeeMachine", "GarbageCan",
    "Desk",
)  # fmt: skip
"""Types that fill most of the rest, most first: they are distinguished best."""


@cache
def class_colours() -> NDArray[np.uint8]:
    """One sRGB colour a class, uint8 (C, 3), read-only: distinct, the same in every run, void black.

    Each class, the frequent ones first, takes the colour that is farthest from all before it in CIELAB.
    """
    steps = np.arange(0, 256, 15)
    choices = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    lab = _lab(choices)
    visible = (lab[:, 0] > 25) & (lab[:, 0] < 92)
    choices, lab = choices[visible], lab[visible]
    colours = np.zeros((len(CLASSES), 3), np.uint8)
    distance = np.full(len(choices), np.inf)

    def take(name: str, colour: NDArray[np.integer]) -> None:
        colours[CLASS_ID[name]] = colour
        np.minimum(distance, np.linalg.norm(lab - _lab(colour[None]), axis=1), out=distance)

    for name, fixed in _FIXED_COLOURS.items():
        take(name, np.array(fixed))
    for name in dict.fromkeys((*_FREQUENT, *CLASSES[1:])):
        if name not in _FIXED_COLOURS:
            take(name, choices[distance.argmax()])
    colours.setflags(write=False)
    return colours


def _lab(rgb: NDArray[np.integer]) -> NDArray[np.float64]:
    """CIELAB (N, 3) of sRGB (N, 3) from 0 to 255, white point D65."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)
