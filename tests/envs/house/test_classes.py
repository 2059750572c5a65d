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
