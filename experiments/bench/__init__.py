"""Benchmarks: each prints a table, and writes all figures with `--json FILE`.

Public: `sim.main`, `learner.main`, `perception.main`.
"""
