"""A minimal policy in a Python file.

    testspace run --policy turn_when_blocked.py:TurnWhenBlocked --seed 7 --preset smoke --out runs/turn

It needs no base class. `__init__` may have the parameters camera, motion and seed; `reset(seed)` is optional.
"""


class TurnWhenBlocked:
    """Moves ahead, and turns left when blocked."""

    def act(self, observation, info):  # type: ignore[no-untyped-def]  # untyped, as in user code
        """0 is MoveAhead, 1 RotateLeft."""
        return 1 if info["collision"] else 0
