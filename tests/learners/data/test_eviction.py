"""What each policy keeps: against its closed form, or against the whole search it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from testspace.learners.data.eviction import (
    Balanced,
    MinRed,
    Reservoir,
    Ring,
    choose_indices,
    thumbnails,
)

NO_POSE = np.zeros(6, np.float32)


def kept(policy: Ring, poses: NDArray[np.float32], features: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
    """Numbers of the frames that are in the indices after all came, one by one."""
    indices = np.full(policy.capacity, -1)
    for number, pose in enumerate(poses):
        index = policy.choose(number, pose, None if features is None else features[number])
        if index >= 0:
            indices[index] = number
    return indices


def poses_in(cells: NDArray[np.int64]) -> NDArray[np.float32]:
    poses = np.zeros((len(cells), 6), np.float32)
    poses[:, 0] = cells + 0.5
    return poses


def test_the_reservoir_is_uniform_over_all_that_ever_came() -> None:
    capacity, count, trials = 10, 40, 1500
    poses = np.zeros((count, 6), np.float32)
    found = np.zeros(count)
    for seed in range(trials):
        stored = kept(Reservoir(capacity, seed), poses)
        assert len(set(stored.tolist())) == capacity
        found[stored] += 1
    chance = capacity / count
    # each frame's count is binomial; the counts of one trial sum to the capacity, which leaves count - 1 degrees
    statistic = ((found - trials * chance) ** 2).sum() / (trials * chance * (1 - chance)) * (count - 1) / count
    assert statistic < 72.1  # chi-square, 39 degrees of freedom, p = 0.001
    assert statistic > 15.5  # p = 0.9997: chance that is too even is no chance


def test_the_reservoir_follows_from_its_seed() -> None:
    poses = np.zeros((200, 6), np.float32)
    first, second, other = (kept(Reservoir(16, seed), poses) for seed in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()


def test_the_balanced_buffer_holds_as_much_of_each_cell_as_came_up_to_an_even_share() -> None:
    rng = np.random.default_rng(0)
    cells = rng.choice(4, size=2000, p=[0.9, 0.06, 0.037, 0.003])
    stored = cells[kept(Balanced(40, 0), poses_in(cells))]
    rare = int((cells == 3).sum())
    assert rare < 10
    counts = np.bincount(stored, minlength=4)
    assert counts[3] == rare
    assert counts[:3].max() - counts[:3].min() <= 1  # what the rare cell cannot fill is shared evenly


def test_within_a_cell_the_balanced_buffer_is_uniform_over_all_that_came_there() -> None:
    cells = np.arange(60) % 2
    trials, found = 1000, np.zeros(60)
    for seed in range(trials):
        found[kept(Balanced(20, seed), poses_in(cells))] += 1
    # the half of the cell that came first and the half that came last are kept equally often, but for chance
    early, late = found[:30].sum(), found[30:].sum()
    assert early + late == 20 * trials
    assert abs(early - late) / (20 * trials) < 0.02


def test_minred_overwrites_the_frame_with_the_nearest_neighbour() -> None:
    rng = np.random.default_rng(3)
    features = np.round(rng.normal(size=(80, 3)) * 4)  # whole numbers: many ties
    policy, stored = MinRed(12, 0), list(range(12))
    for number in range(12):
        policy.choose(number, NO_POSE, features[number])
    for number in range(12, 80):
        among = features[[*stored, number]]
        away = ((among[:, None] - among[None]) ** 2).sum(-1)  # the whole search, every time
        np.fill_diagonal(away, np.inf)
        redundancy = away.min(1)[:-1]  # the new frame itself enters in any case
        expected = min(range(12), key=lambda index: (redundancy[index], stored[index]))
        assert policy.choose(number, NO_POSE, features[number]) == expected
        stored[expected] = number


def test_minred_keeps_what_is_rare_where_the_ring_forgets_it() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 8)) * 10
    kind = np.where(np.arange(600) < 30, np.arange(600) % 5 + 1, 0)  # five kinds seen early on, then one for long
    features = centres[kind] + 0.01 * rng.normal(size=(600, 8))
    poses = np.zeros((600, 6), np.float32)
    assert set(kind[kept(MinRed(20, 0), poses, features)]) == {0, 1, 2, 3, 4, 5}
    assert set(kind[kept(Ring(20, 0), poses)]) == {0}


def test_thumbnails_are_block_means() -> None:
    rgb = torch.randint(0, 256, (3, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    means = rgb.double().view(3, 8, 2, 8, 2, 3).mean((2, 4)).round()
    assert (thumbnails(rgb).view(3, 3, 8, 8) - means.permute(0, 3, 1, 2)).abs().max() <= 1  # halves round either way
    assert torch.equal(thumbnails(rgb), thumbnails(rgb).round())


@pytest.mark.parametrize("policy", [Ring(4, 0), Reservoir(4, 0), Balanced(4, 0)])
def test_of_frames_that_come_at_once_the_last_of_a_slot_is_written(policy: Ring) -> None:
    frames = {"rgb": torch.zeros(30, 8, 8, 3, dtype=torch.uint8), "pose": torch.zeros(30, 6)}
    at_once = choose_indices(policy, torch.arange(30), frames, thumbnails).numpy()
    one_by_one = kept(type(policy)(4, 0), np.zeros((30, 6), np.float32))
    written = np.flatnonzero(at_once >= 0)
    assert dict(zip(at_once[written], written, strict=True)) == dict(enumerate(one_by_one))
