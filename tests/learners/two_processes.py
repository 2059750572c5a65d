"""What torchrun starts twice in test_scaling: training after training, as `-m testspace.learners.training.train` does.

two_processes.py FOLDER ARGUMENTS: trains to FOLDER/ddp, fsdp and tokens, and goes on with what FOLDER/begun holds, with
the networks of the fixture `small_networks`.
"""

from __future__ import annotations

import sys

import torch.distributed as dist

from testspace.learners.masked.encoder import SIZES, Size
from testspace.learners.training.train import main, whole_process

SIZES["nano"] = Size(64, 2, 2)
folder, *arguments = sys.argv[1:]
with whole_process():
    dist.init_process_group("gloo")
    main([*arguments, "--out", f"{folder}/ddp"])
    main([*arguments, "--out", f"{folder}/fsdp", "--scaling.shard", "fsdp"])
    main([*arguments, "--out", f"{folder}/begun", "--resume"])
    tokens = ["--learner.targets", "tokens", "--learner.tokenizer-steps", "3"]
    main([*arguments, *tokens, "--out", f"{folder}/tokens", "--scaling.shard", "fsdp"])
    dist.destroy_process_group()
