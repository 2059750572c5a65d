"""Muon against its definition by singular values; the groups' rates; what is remembered between steps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from testspace.learners.nn.optimisers import Optimiser, ParameterGroup, hidden_matrices


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 4))


def _groups(model: nn.Module) -> list[ParameterGroup]:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    return [ParameterGroup(matrices, 0.0), ParameterGroup([p for p in model.parameters() if p.ndim <= 1], 0.0, 0.5)]


def _backward(model: nn.Module) -> None:
    model(torch.linspace(-1, 1, 30).view(5, 6)).square().sum().backward()


def test_muon_steps_along_the_orthogonalised_gradient() -> None:
    model = _model()
    first, last = model[0], model[2]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    optimiser = Optimiser(_groups(model), "muon", (0.9, 0.95), hidden_matrices(model[0]))
    _backward(model)
    before, other = first.weight.detach().clone(), last.weight.detach().clone()
    assert first.weight.grad is not None
    assert last.weight.grad is not None
    u, s, v = torch.linalg.svd(first.weight.grad, full_matrices=False)
    gradient = last.weight.grad.clone()
    optimiser.step(0.01)
    moved = (first.weight.detach() - before) / (-0.01 * 0.2 * 8**0.5)  # the scale that gives AdamW's mean square
    singular = torch.linalg.svdvals(moved)
    significant = int((s > 1e-3 * s[0]).sum())
    assert ((singular[:significant] > 0.5) & (singular[:significant] < 1.5)).all()  # about 1, whatever they were
    direction = (moved * (u[:, :significant] @ v[:significant])).sum() / moved.norm() / significant**0.5
    assert direction > 0.75
    assert s[0] > 2 * s[significant - 1]
    assert torch.allclose(last.weight.detach() - other, -0.01 * gradient.sign(), atol=1e-5)  # AdamW's first step


def test_adamw_moves_every_parameter_at_its_groups_rate() -> None:
    model = _model()
    optimiser = Optimiser(_groups(model), "adamw", (0.9, 0.95), hidden_matrices(model))
    assert {id(p) for p in optimiser.parameters} == {id(p) for p in model.parameters()}
    _backward(model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimiser.step(0.01)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        rate = 0.01 if parameter.ndim > 1 else 0.005
        known = parameter.grad.abs() > 1e-4
        assert torch.allclose((parameter - before[name]).abs()[known], torch.tensor(rate), rtol=1e-2), name


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_restored_state_goes_on_alike(name: str) -> None:
    weights = []
    for interrupted in (False, True):
        model = _model()
        optimiser = Optimiser(_groups(model), name, (0.9, 0.95), hidden_matrices(model[0]))  # type: ignore[arg-type]
        for step in range(4):
            if interrupted and step == 2:
                stored = [(p, {k: v.clone() for k, v in optimiser.state(p).items()}) for p in model.parameters()]
                optimiser = Optimiser(_groups(model), name, (0.9, 0.95), hidden_matrices(model[0]))  # type: ignore[arg-type]
                for parameter, state in stored:
                    assert state
                    assert not optimiser.state(parameter)
                    optimiser.restore(parameter, state)
            optimiser.zero_grad()
            _backward(model)
            optimiser.step(0.01)
        weights.append([p.detach().clone() for p in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(ValueError, match="adamw, muon"):
        Optimiser([], "sgd", (0.9, 0.95))  # type: ignore[arg-type]
