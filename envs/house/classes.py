"""The classes of pixel labels.

The ids are fixed here instead of read from the asset database, so that stored labels and heads stay valid.
"""

from __future__ import annotations

import colorsys

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


def class_colours() -> NDArray[np.uint8]:
    """One sRGB colour a class, uint8 (C, 3): distinct, the same in every run, void black.

    Hues step by the golden ratio, which keeps neighbours in the list far apart; three rings of saturation and value
    distinguish equal hues.
    """
    rings = ((0.85, 0.95), (0.45, 0.95), (0.75, 0.6))
    golden = (5**0.5 - 1) / 2
    colours = [(0.0, 0.0, 0.0)]
    for index in range(1, len(CLASSES)):
        saturation, value = rings[index % len(rings)]
        colours.append(colorsys.hsv_to_rgb(index * golden % 1.0, saturation, value))
    return np.round(np.array(colours) * 255).astype(np.uint8)
