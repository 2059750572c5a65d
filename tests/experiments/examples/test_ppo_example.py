"""The example that trains PPO writes what --policy takes, and measures it where it was not trained."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.usefixtures("forked_children")
def test_ppo_is_trained_written_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("stable_baselines3")
    from testspace.agent.policies import make_policy
    from testspace.experiments.examples import ppo_coverage
    from testspace.experiments.examples.ppo_coverage import PPOExample, body, covered, main

    monkeypatch.setattr(ppo_coverage, "ROLLOUT", 256)
    monkeypatch.setattr(ppo_coverage, "EPISODE", 100)
    main(PPOExample(tmp_path / "ppo.zip", steps=256, houses=1, test_houses=1))
    told = capsys.readouterr().out
    assert f"{tmp_path / 'ppo.zip'}" in told
    assert "house 0 of split test" in told
    assert "random" in told
    env = body("test", 0)
    assert make_policy(str(tmp_path / "ppo.zip"), env).act is not None
    shares = covered("random", env, [0, 0, 1])
    assert shares[0] == shares[1] != shares[2]
    assert all(0 < share <= 1 for share in shares)
