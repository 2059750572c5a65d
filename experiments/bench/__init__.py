"""Benchmarks: each prints a table, and writes every figure with `--json FILE`.

Public: `sim.main`, `learner.main`, `perception.main`.
"""
