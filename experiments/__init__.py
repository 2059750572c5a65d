"""The command line, the protocol of evaluation, cached stages, one file per result, benchmarks.

Public: `cli.main.main`, `run.live_run.run_episode`, `stages.stages.Stages`, `protocol.presets.find_preset`.
"""
