"""Houses from a seed, in ProcTHOR's schema 1.0.0: floor plans, doors, furniture, small objects, lights, materials.

Public: `generate_house`, `splits.asset_splits`.
"""

from .house_generator import generate_house

__all__ = ["generate_house"]
