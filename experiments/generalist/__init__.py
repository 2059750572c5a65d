"""Training the generalist: endless generated houses, rendered by processes that keep ahead of the trainer.

Public: `command.train`, `stream`, `validate`.
"""
