"""Steps of an experiment, each kept on disk under a digest of everything that it follows from, its code included.

Public: `stages.Stages`, `store.Store`, `store.Entry`.
"""
