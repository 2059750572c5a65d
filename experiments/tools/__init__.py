"""Commands around a run: render, export, record, reconstruct, predict, retrieve, tasks.

Each module is one command.
"""
