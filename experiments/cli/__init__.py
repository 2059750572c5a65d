"""The `testspace` command and its subcommands; light to import, so that `--help` answers at once.

Public: `main.main`.
"""
