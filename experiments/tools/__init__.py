"""Commands around a run: render, export, record, reconstruct, predict, retrieve, tasks.

Public: `render`, `export`, `record`, `reconstruct`, `predict_retrieve`, `tasks`.
"""
