"""Names to colours and textures: sensible, distinct, stable, seamless."""

from __future__ import annotations

import numpy as np
import pytest

from testspace.envs.house.assets import table
from testspace.envs.materials.materials import colour_word, floor_material, kind_of, named, shifted, wall_material
from testspace.envs.materials.textures import TEXTURE_ID, texture_stack


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DarkWood2", "wood"),
        ("bathroomTilesBlue", "tiles"),
        ("RedBrick", "brick"),
        ("marbleBase3", "marble"),
        ("HammeredMetal_AlbedoTransparency", "metal"),
        ("Porcelain_Red_Mat", "porcelain"),
        ("PinkConcrete_Smooth 1", "concrete"),
        ("BlackPlastic", "plastic"),
        ("Pillow25_Mat", "fabric"),
        ("Cellphone_3B_Mat", None),
    ],
)
def test_names_tell_their_kind(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


def test_colour_words_give_that_colour() -> None:
    r, g, b = named("RedBrick").rgb
    assert r > 1.5 * max(g, b)
    r, g, b = named("BluePlastic").rgb
    assert b > 1.3 * r
    assert max(named("BlackPlastic").rgb) < 0.25
    assert min(named("WhitePlastic").rgb) > 0.8
    assert sum(named("DarkWood2").rgb) < 0.7 * sum(named("LightWoodCounters").rgb)
    assert colour_word("Pot_Detail_Mat") is None


def test_a_given_colour_is_kept() -> None:
    assert wall_material("PureWhite", (0.1, 0.2, 0.3)).rgb == (0.1, 0.2, 0.3)


def test_wood_on_the_floor_is_laid_as_boards() -> None:
    assert floor_material("DarkWood2").texture == TEXTURE_ID["planks"]
    assert named("DarkWood2").texture == TEXTURE_ID["wood"]


def test_every_material_of_the_database_has_a_colour_and_most_have_their_own() -> None:
    names = sorted({name for group in table("material-database").values() for name in group})
    colours = [named(name).rgb for name in names]
    assert all(0 <= c <= 1 for rgb in colours for c in rgb)
    assert len(set(colours)) > 0.9 * len(names)


def test_shifts_are_small_and_tell_names_apart() -> None:
    base = (0.5, 0.4, 0.3)
    moved = [shifted(base, f"name {k}") for k in range(100)]
    assert len(set(moved)) > 90
    assert np.abs(np.array(moved) - base).max() < 0.08


def test_textures_repeat_without_a_seam_and_leave_the_colour_its_brightness() -> None:
    stack = texture_stack()
    assert stack.shape == (len(TEXTURE_ID), 128, 128, 3)
    pictured = ("picture", "rug", "books", "screen", "sky", "motif", "keys", "text", "checker")
    for name, number in TEXTURE_ID.items():
        image = stack[number].astype(float)
        if name.startswith(pictured):
            continue
        assert image.mean() > 190, name
        inner = np.abs(np.diff(image, axis=0)).mean((1, 2)).max(), np.abs(np.diff(image, axis=1)).mean((0, 2)).max()
        seam = np.abs(image[0] - image[-1]).mean(), np.abs(image[:, 0] - image[:, -1]).mean()
        assert seam[0] <= 1.5 * inner[0] + 1, name
        assert seam[1] <= 1.5 * inner[1] + 1, name


def test_pictures_differ() -> None:
    stack = texture_stack()
    pictures = [stack[i].astype(float) for name, i in TEXTURE_ID.items() if name.startswith("picture")]
    gaps = [np.abs(a - b).mean() for k, a in enumerate(pictures) for b in pictures[:k]]
    assert min(gaps) > 10
