"""Commands around a run: render, export, record, reconstruct, predict, retrieve, segment, tasks.

Public: `render`, `export`, `record`, `reconstruct`, `predict_retrieve`, `segment`, `export_onnx`, `tasks`.
"""
