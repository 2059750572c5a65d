"""What a house is called on the command line: a file, or the seed of a generated one."""

from __future__ import annotations

from ...core.errors import UserError
from ..house.house import House
from ..house.house_io import load_house
from .house_generator import generate_house


def find_house(reference: str) -> House:
    """The generated house of a seed ("7"), or the house of a file ("FILE[:LINE]", see `load_house`).

    UserError for a negative seed; HouseError for a file that cannot be read.
    """
    if reference.removeprefix("-").isdecimal():
        return generated(int(reference))
    return load_house(reference)


def generated(seed: int) -> House:
    """The generated house of a seed that a user has given; UserError where it is negative."""
    if seed < 0:
        raise UserError(f"a generated house has a seed of 0 or more, got {seed}")
    return generate_house(seed)
