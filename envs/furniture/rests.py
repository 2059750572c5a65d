"""Heights of seats, mattresses and desks, on which small objects rest in the house files, so that nothing floats.

The asset database has an asset's box, but not the height of its seat; the objects on it in real houses do.
"""

from __future__ import annotations

import numpy as np

RESTS: dict[str, float] = {
    "Armchair_201_1": 0.47,
    "Armchair_201_4": 0.47,
    "Armchair_201_5": 0.47,
    "Armchair_208_2": 0.33,
    "Armchair_217_1": 0.57,
    "Armchair_219_2": 0.46,
    "Armchair_222_1": 0.48,
    "Bed_1": 0.56,
    "Bed_11": 0.71,
    "Bed_13": 0.53,
    "Bed_16": 0.59,
    "Bed_21": 0.6,
    "Bed_22": 0.66,
    "Bed_23": 0.63,
    "Bed_24": 0.71,
    "Bed_25": 0.57,
    "Bed_26_1": 0.59,
    "Bed_26_2": 0.61,
    "Bed_27": 0.59,
    "Bed_28": 0.56,
    "Bed_29": 0.55,
    "Bed_3": 0.42,
    "Bed_30": 0.72,
    "Bed_5": 0.78,
    "Bed_6": 0.78,
    "Bed_7": 0.77,
    "Bed_9": 0.78,
    "Chair_007_4": 0.51,
    "Chair_203_3": 0.51,
    "Chair_210_3": 0.34,
    "Chair_223_1": 0.51,
    "Chair_224_1": 0.34,
    "Chair_230_1": 0.55,
    "Chair_303_2": 0.45,
    "Chair_318_1": 0.48,
    "Desk_301_1": 0.8,
    "Desk_304_1": 0.75,
    "Desk_307_1_1": 0.87,
    "RoboTHOR_armchair_tullsta": 0.33,
    "RoboTHOR_bed_hemnes": 0.46,
    "RoboTHOR_bed_kritter": 0.39,
    "RoboTHOR_bed_meldal": 0.4,
    "RoboTHOR_bed_tarva_v": 0.56,
    "RoboTHOR_chair_extendable": 0.5,
    "RoboTHOR_chair_liatorp": 0.43,
    "RoboTHOR_chair_mella": 0.4,
    "RoboTHOR_sofa_ektorp_v": 0.5,
    "RoboTHOR_sofa_kramfors": 0.39,
    "RoboTHOR_sofa_solsta": 0.46,
    "RoboTHOR_sofa_vreta": 0.37,
    "Sofa_201_1": 0.55,
    "Sofa_201_4": 0.55,
    "Sofa_204_1": 0.42,
    "Sofa_205_2": 0.48,
    "Sofa_207_2": 0.34,
    "Sofa_207_4": 0.34,
    "Sofa_207_5": 0.41,
    "Sofa_210_1": 0.48,
    "Sofa_213_1": 0.52,
    "Sofa_214_2": 0.47,
    "Sofa_215_1": 0.43,
    "Sofa_218_1": 0.56,
    "Sofa_218_2": 0.56,
    "Sofa_221_1": 0.43,
    "Sofa_223_1": 0.6,
    "Sofa_223_2": 0.49,
    "Sofa_223_3": 0.42,
}
"""Metres above an asset's foot at which objects rest in the 48 real houses, by asset id."""

_SHARES = {"Bed": 0.605, "Sofa": 0.49, "ArmChair": 0.49, "Chair": 0.51}
"""Median share of the box's height, by type, for assets on which nothing rests in any house."""
_BOUNDS = {"Bed": (0.35, 0.75), "Sofa": (0.34, 0.56), "ArmChair": (0.34, 0.54), "Chair": (0.36, 0.55)}


def rest_height(asset_id: str, kind: str, height: float) -> float:
    """Metres above its foot at which objects rest on an asset of that type and height; within its box."""
    known = RESTS.get(asset_id)
    if known is None:
        known = float(np.clip(_SHARES[kind] * height, *_BOUNDS[kind]))
    return float(np.clip(known, 0.3 * height, 0.9 * height))
