"""Parts of networks and of training them: layers, losses, optimisers, precision, checkpoints, the hub.

Public: `layers`, `optimisers`, `schedules`, `checkpoint`, `pretrained.Pretrained`.
"""
