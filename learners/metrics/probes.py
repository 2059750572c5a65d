"""Frozen features judged without a head: k nearest neighbours, and a linear probe.

The usual measures of self-supervised encoders (Wu et al., 2018; Caron et al., 2021), here on patches: a patch of a
labelled frame has the class of most of its pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

NEIGHBOURS, TEMPERATURE = 20, 0.07
"""Neighbours that vote, and the temperature of their votes' weights exp(cosine / temperature), as DINO has them."""
_CHUNK = 1024
"""Queries that are compared at once."""


def patch_classes(semantic: Tensor, grid: tuple[int, int]) -> Tensor:
    """The class of most pixels of each patch, int64 (N, rows * columns) row by row, of class ids (N, H, W).

    Among equals the lowest id. ValueError where the image is not made of whole patches.
    """
    (number, height, width), (rows, columns) = semantic.shape, grid
    if height % rows or width % columns:
        raise ValueError(f"probes: {height} x {width} pixels are no {rows} x {columns} patches of whole pixels")
    patches = semantic.long().reshape(number, rows, height // rows, columns, width // columns)
    return patches.transpose(2, 3).reshape(number, rows * columns, -1).mode(-1).values


def knn_classes(
    features: Tensor, classes: Tensor, queries: Tensor, k: int = NEIGHBOURS, temperature: float = TEMPERATURE
) -> Tensor:
    """Classes int64 (M,) of queries (M, D): the weighted vote of the k features (N, D) that are nearest by cosine.

    `classes` int64 (N,), 0 or more. ValueError on other shapes, on no features, and on values that are not finite.
    """
    _check(features, classes, queries)
    known, points = F.normalize(features.float(), dim=1), F.normalize(queries.float(), dim=1)
    found = []
    for chunk in points.split(_CHUNK):
        near, rows = (chunk @ known.T).topk(min(k, len(known)), dim=1)
        votes = torch.zeros(len(chunk), int(classes.max()) + 1)
        votes.scatter_add_(1, classes[rows], ((near - 1) / temperature).exp())
        found.append(votes.argmax(1))
    return torch.cat(found) if found else classes[:0]


def linear_classes(
    features: Tensor, classes: Tensor, queries: Tensor, steps: int = 100, weight_decay: float = 1e-4
) -> Tensor:
    """Classes int64 (M,) of queries (M, D) by logistic regression on features (N, D) and classes (N,).

    Features are standardised; the weights are found by L-BFGS in `steps` iterations from zeros, so that the result
    does not depend on a seed. ValueError as `knn_classes`.
    """
    _check(features, classes, queries)
    mean, spread = features.float().mean(0), features.float().std(0, correction=0) + 1e-6
    known, points = (features.float() - mean) / spread, (queries.float() - mean) / spread
    names, targets = classes.unique(return_inverse=True)
    weight = torch.zeros(len(names), known.shape[1], requires_grad=True)
    bias = torch.zeros(len(names), requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = F.cross_entropy(known @ weight.T + bias, targets) + weight_decay * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimiser.step(loss)
    with torch.no_grad():
        return names[(points @ weight.T + bias).argmax(1)]


def _check(features: Tensor, classes: Tensor, queries: Tensor) -> None:
    if features.ndim != 2 or not len(features) or queries.ndim != 2 or queries.shape[1] != features.shape[1]:
        raise ValueError(
            f"probes: features {tuple(features.shape)} and queries {tuple(queries.shape)} must be (N, D) and (M, D)"
        )
    if classes.shape != features.shape[:1] or classes.dtype != torch.int64 or bool((classes < 0).any()):
        raise ValueError(f"probes: classes must be int64 ({len(features)},), 0 or more; got {tuple(classes.shape)}")
    if not (torch.isfinite(features).all() and torch.isfinite(queries).all()):
        raise ValueError("probes: the features are not finite")
