"""What a run leaves on disk and how it is read again: configuration, logs, frames, curves, model card.

Public: `run_folder.RunFolder`, `model_card.run_card`.
"""
