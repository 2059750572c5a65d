"""A policy in five lines, in a Python file.

    testspace run --policy turn_when_blocked.py:TurnWhenBlocked --seed 7 --preset smoke --out runs/turn

It needs no base class. `__init__` may ask for camera, motion and seed by these names, `reset(seed)` may be added.
"""


class TurnWhenBlocked:
    """Walks straight on, and turns left where it cannot."""

    def act(self, observation, info):  # type: ignore[no-untyped-def]  # as short as one would write it
        """0 is MoveAhead, 1 RotateLeft."""
        return 1 if info["collision"] else 0
