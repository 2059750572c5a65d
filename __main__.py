"""`python -m testspace`: the same as the command `testspace`."""

from .experiments.cli import main

main()
