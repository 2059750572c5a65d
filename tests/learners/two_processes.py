"""What test_scaling starts twice, as torchrun does: training after training, each as the command
`-m testspace.learners.training.train` does it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch.distributed as dist
from forks import shrink_networks

from testspace.learners.training.train import main, whole_process


def train_in_turn(rank: int, port: int, folder: Path, arguments: Sequence[str], errors: Path) -> None:
    """Train to FOLDER/ddp, fsdp and tokens, and go on with what FOLDER/begun holds, as one of two processes with the
    networks of the fixture `small_networks`. `port`: of the store that the processes find each other by."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()}, TORCHELASTIC_USE_AGENT_STORE="True")
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
    shrink_networks()
    with whole_process():
        dist.init_process_group("gloo")
        main([*arguments, "--out", f"{folder}/ddp"])
        main([*arguments, "--out", f"{folder}/fsdp", "--scaling.shard", "fsdp"])
        main([*arguments, "--out", f"{folder}/begun", "--resume"])
        tokens = ["--learner.targets", "tokens", "--learner.tokenizer-steps", "3"]
        main([*arguments, *tokens, "--out", f"{folder}/tokens", "--scaling.shard", "fsdp"])
        dist.destroy_process_group()
