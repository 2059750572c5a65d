"""`testspace bench robustness`: damaged files and run folders, and killed runs, by the hundred, each from a seed.

Public: `command.main`, `cases.run_case`, `damage.DAMAGES`, `folders.damaged_folders`, `growth.growth`,
`kills.run_killed`, `readers.mutated`.
"""
