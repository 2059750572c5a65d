"""Recall of retrieval: how often the item of a query is among the first k results (Appendix E, Table 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def recall_at(queries: Tensor, gallery: Tensor, ks: Sequence[int] = (1, 5, 10)) -> dict[int, float]:
    """Share of the queries (N, F) whose own item, the same row of the gallery (N, F), is among the k nearest by cosine.

    An item that is as near as the own one counts as nearer: embeddings that are all alike retrieve nothing. Raises
    ValueError on other shapes, on no rows, and on values that are not finite.
    """
    if queries.shape != gallery.shape or queries.ndim != 2 or not len(queries):
        raise ValueError(f"retrieval: queries {tuple(queries.shape)} and gallery {tuple(gallery.shape)} must be (N, F)")
    if not (torch.isfinite(queries).all() and torch.isfinite(gallery).all()):
        raise ValueError("retrieval: the embeddings are not finite")
    alike = F.normalize(queries.double(), dim=1) @ F.normalize(gallery.double(), dim=1).T
    ahead = (alike >= alike.diagonal()[:, None] - 1e-12).sum(1) - 1  # without itself
    return {k: float((ahead < k).double().mean()) for k in ks}
