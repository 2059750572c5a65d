import cv2
import numpy as np

from testspace.envs.house.assets import assets
from testspace.envs.house.classes import CLASS_ID, CLASSES, FOLDED, STRUCTURE, class_colours, class_of


def test_every_asset_type_has_a_class_and_every_class_an_origin():
    types = {asset.type for asset in assets().values()}
    assert set(CLASSES) == {"void", *STRUCTURE} | (types - set(FOLDED))
    assert CLASSES[0] == "void"
    assert [CLASS_ID[name] for name in CLASSES] == list(range(len(CLASSES)))
    assert list(CLASSES[6:]) == sorted(CLASSES[6:])


def test_doors_and_windows_fold_into_structure():
    assert class_of("Doorway") == class_of("Doorframe") == CLASS_ID["Door"]
    assert class_of("Window") == CLASS_ID["Window"]
    assert class_of("Blinds") == CLASS_ID["Blinds"]


def test_colours_are_distinct():
    colours = class_colours()
    assert colours.shape == (len(CLASSES), 3)
    assert colours.dtype == np.uint8
    assert len(np.unique(colours, axis=0)) == len(CLASSES)
    assert not colours[0].any()


def test_colours_of_what_fills_pictures_are_far_apart() -> None:
    names = ("Wall", "Floor", "Ceiling", "Door", "Window", "Bed", "Painting", "Chair", "Sofa", "Television", "Fridge")
    few = class_colours()[[CLASS_ID[name] for name in names]]
    image = cv2.cvtColor(few[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]  # a second library
    distance = np.linalg.norm(image[:, None] - image[None], axis=-1) + 1e9 * np.eye(len(names))
    assert distance.min() > 20
    every = cv2.cvtColor(class_colours()[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    nearest = np.linalg.norm(every[:, None] - every[None], axis=-1) + 1e9 * np.eye(len(every))
    assert nearest.min() > 15
