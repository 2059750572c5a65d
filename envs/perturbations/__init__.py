"""Changes of a house after an agent has learned it: other light, moved objects, other materials.

The question of the paper's Appendix S. A change has kinds, each of a strength from 0 (the same house) to 1, follows
from a seed, can be undone exactly, and can be stored as JSON.

Public: `perturb`, `make_change`, `parse_change`, `effect`, `KINDS`, `Change`, `Perturbation`, `Effect`, `ChangeError`.
"""

from .change import KINDS, Change, ChangeError, Perturbation, make_change, parse_change, perturb
from .effect import Effect, effect

__all__ = [
    "KINDS",
    "Change",
    "ChangeError",
    "Effect",
    "Perturbation",
    "effect",
    "make_change",
    "parse_change",
    "perturb",
]
