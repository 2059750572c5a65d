"""`python -m testspace`: the same as the command `testspace`."""

from .experiments.cli.main import main

main()
