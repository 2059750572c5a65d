"""The paper's results, one file each, on runs of the live agent or on cached stages.

Public: `experiment.Experiment`, `running.run_experiment`, `results.write_results`, `registry.EXPERIMENTS`.
"""
