"""The paper's results, one file each, on cached stages.

What they share stands beside them: `experiment` says what an experiment is, `running` runs its trials, `tables` and
`figures` tell what came of them, `registry` lists them all.
"""
